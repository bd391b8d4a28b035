-- Results in a database, each exactly once (PostgreSQL 9.5 or later).
--
-- The broker delivers at least once. The primary key of the first table is the run id, the message_id of a result: the
-- second delivery of a result finds its row there and changes nothing.

CREATE TABLE invoice_result (
    message_id  text PRIMARY KEY,
    job_id      text,
    status      text NOT NULL CHECK (status IN ('completed', 'undetermined', 'invalid_job')),
    verdict     text,
    error_code  text,
    total_cost  numeric(14, 2),
    finished    timestamptz NOT NULL,
    result      jsonb NOT NULL,
    received    timestamptz NOT NULL DEFAULT now(),
    CHECK ((status = 'completed') = (verdict IS NOT NULL))
);

-- What the pipeline knows of a claim: the newest run of its job decides.
CREATE TABLE claim (
    job_id      text PRIMARY KEY,
    state       text NOT NULL,
    verdict     text,
    finished    timestamptz NOT NULL,
    changes     integer NOT NULL DEFAULT 1
);

-- In one statement, and so in one transaction: the result, and what follows from it, only where the result is new.
-- Acknowledge the message after the commit. $1 is the message_id, $2 the body.
PREPARE take_result (text, jsonb) AS
WITH new AS (
    INSERT INTO invoice_result (message_id, job_id, status, verdict, error_code, total_cost, finished, result)
    VALUES (
        $1,
        $2 ->> 'job_id',
        $2 ->> 'status',
        $2 ->> 'verdict',
        $2 #>> '{error,code}',
        -- Money is text; what could not be read as money is an object, {"text": …}, and stays in `result`.
        CASE jsonb_typeof($2 #> '{recognition,invoice,total_cost}')
            WHEN 'string' THEN ($2 #>> '{recognition,invoice,total_cost}')::numeric
        END,
        ($2 ->> 'finished')::timestamptz,
        $2
    )
    ON CONFLICT (message_id) DO NOTHING
    RETURNING job_id, status, verdict, finished
)
INSERT INTO claim (job_id, state, verdict, finished)
SELECT
    job_id,
    CASE status
        WHEN 'completed' THEN 'answered'
        WHEN 'undetermined' THEN 'for a person'
        ELSE 'to be mended'
    END,
    verdict,
    finished
FROM new
WHERE job_id IS NOT NULL
ON CONFLICT (job_id) DO UPDATE
    SET state = excluded.state, verdict = excluded.verdict, finished = excluded.finished, changes = claim.changes + 1
    WHERE claim.finished <= excluded.finished;
