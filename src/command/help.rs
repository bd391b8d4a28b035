//! What stands below the options in `--help`: an example for each command, and once for all the exit
//! statuses and the variables.

pub(super) const PROGRAM: &str = "\
Exit status:
  0    success; for run: drained
  1    failure; for run: the grace ran out, and the broker delivers the unfinished jobs again
  64   bad usage or configuration: starting again changes nothing
  130  ended by SIGINT, and 143 by SIGTERM; run and demo: by the second one

Environment:
  INVOICE_WORKER_CONFIG            the configuration file, where no -c is given
  INVOICE_WORKER__SECTION__KEY     one key of the configuration
  AWS_ACCESS_KEY_ID, AWS_PROFILE…  credentials of the store, where the configuration has none
  COLUMNS                          the width of tables, where it is not the terminal's
  NO_COLOR                         no colours, whatever its value

Logs go to stderr, results to stdout.

Examples:
  invoice-worker demo
  invoice-worker check -c worker.toml
  invoice-worker -c worker.toml run
  INVOICE_WORKER__BROKER__JOBS_QUEUE=claims.jobs invoice-worker run
  invoice-worker failed replay --help";

pub(super) const RUN: &str = "\
Exit status: 0 once it has drained after a signal, 1 where worker.shutdown_grace ran out before, 64 where the \
configuration or a queue cannot be used, 130 or 143 on a second signal.

Example:
  invoice-worker run -c /etc/invoice-worker/worker.toml";

#[cfg(feature = "sandbox")]
pub(super) const DEMO: &str = "\
Examples:
  invoice-worker demo
  invoice-worker demo --jobs 200 --broker amqp://guest:guest@127.0.0.1:5672/%2f";

pub(super) const PROCESS: &str = "\
Exit status: 0 only where every image was completed, else 1.

Example:
  invoice-worker process -c worker.toml --json scan.jpg s3://claims/2026/11/a.pdf";

pub(super) const SUBMIT: &str = "\
Exit status: 0 once every job was submitted; with --wait, only where every job was completed. 1 else, 64 where a line \
of the file is no job: then nothing was submitted.

Examples:
  invoice-worker submit -c worker.toml scan.jpg --wait
  invoice-worker submit --jobs claims.jsonl --reply-to claims.replies --rate 20
  invoice-worker submit --jobs claims.jsonl --wait > results.jsonl";

pub(super) const INIT: &str = "\
Examples:
  invoice-worker init worker.toml
  invoice-worker init --broker-url amqps://worker:PASSWORD@rabbit:5671/claims --bucket claims --endpoint-url \"\" \
--recognition-url https://gateway.example.com/ocr --rate 10";

pub(super) const SCHEMA: &str = "\
Examples:
  invoice-worker schema config > invoice-worker.schema.json
  invoice-worker schema asyncapi -c worker.toml";

#[cfg(feature = "sandbox")]
pub(super) const SANDBOX: &str = "\
Examples:
  invoice-worker sandbox --listen 127.0.0.1:9090 | tee sandbox.toml
  invoice-worker sandbox --replay certified.json";

pub(super) const FAILED: &str = "\
list and show change nothing. replay runs at once where jobs are named by their ids, or where exactly one copy is \
selected; drop runs at once where jobs are named. Otherwise both only say what they would do until --yes is given.

Examples:
  invoice-worker failed list
  invoice-worker failed show CLM-2026-000123/1
  invoice-worker failed replay --code 316 --yes --rate 5
  invoice-worker failed drop --older-than 7d --yes --to dropped.jsonl";

pub(super) const RESULTS: &str = "\
Looking changes nothing. A result is published unchanged, mandatory and confirmed, before it is acknowledged: one that was \
interrupted in between is delivered twice, with the same message_id.

Examples:
  invoice-worker results list
  invoice-worker results deliver --yes
  invoice-worker results deliver --to claims.replies --submitter claims --rate 5 --yes
  invoice-worker results deliver --to claims.replies CLM-2026-000123/1";

pub(super) const COST: &str = "\
A call counts once, at the time at which it was made. `unknown` is what no answer came for, or what a worker may have \
bought before it died: the provider's statement has at least what is paid, and at most both.

Examples:
  invoice-worker cost
  invoice-worker cost --since 2026-11 --until 2026-11 --by submitter
  invoice-worker cost --since 7d --by day --json";

pub(super) const WHERE: &str = "\
Exit status: 0 where a worker has had the job, else 1.

Examples:
  invoice-worker where CLM-2026-000123/1
  invoice-worker where --by claim_id CLM-2026-000123 --json";

pub(super) const WAITING: &str = "\
It reads the whole ledger, and compares with the queues: where they differ, it says so.

Examples:
  invoice-worker waiting
  invoice-worker waiting --by province";

pub(super) const LEDGER: &str = "\
Exit status of reconcile: 0 where ledger and statement agree, 1 where they differ, 64 where the statement cannot be read.

Examples:
  invoice-worker ledger export --since 2026-11 --until 2026-11 > november.csv
  invoice-worker ledger tail
  invoice-worker ledger reconcile statement.csv --account recognition --id \"request id\" --time time --price amount";

pub(super) const TOPOLOGY: &str = "\
Exit status: 0 where the broker is as it has to be, 1 where it differs (declare: 64 where a queue cannot be used).

Examples:
  invoice-worker topology declare -c worker.toml
  invoice-worker topology check --json --deny-warnings
  invoice-worker topology export > definitions.json";

pub(super) const RESUME: &str = "\
A pause ends by itself with the first good answer; this is for an operator who knows that what was wrong is repaired. \
It proves nothing: the next failure closes the scope again. Jobs that are parked come back in their own time.

Exit status: 0 where every worker that is alive heard it, else 1.

Examples:
  invoice-worker resume verification -c worker.toml
  invoice-worker resume 河南
  invoice-worker resume all --json";

pub(super) const CHECK: &str = "\
Exit status: 0 where a worker could work, 1 where something fails, 64 where the configuration has mistakes.

Examples:
  invoice-worker check -c worker.toml
  invoice-worker check --offline --json --deny-warnings";

pub(super) const CERTIFY: &str = "\
Never more than --spend calls are paid for, whatever fails: a call is made only while one more may be, and an answer \
that never came counts as paid. The picture is a built-in sample of an invented bill unless you name others; the \
registry only knows real ones. Pictures are sent to both providers as they stand: JPEG or PNG.

The recording has no text, number or credential of any bill in it; invoice-worker sandbox --replay answers from it.

Exit status: 0 where nothing differs from the documents, 1 where something does, 64 where calls are not consented to, \
130 or 143 after a signal: what was paid for until then is printed and recorded.

Examples:
  invoice-worker certify -c worker.toml
  invoice-worker certify --spend 8 --recording certified.json real-bill.jpg
  invoice-worker certify --spend 2 --yes --json > findings.json";

pub(super) const TOP: &str = "\
Where the output is no terminal it is printed once, and the status is 1 where a worker does not answer.

Examples:
  invoice-worker top
  invoice-worker top http://10.0.0.7:9464 http://10.0.0.8:9464
  invoice-worker top --once worker-1:9464 | less";

pub(super) const HEALTH: &str = "\
Exit status: 0 where the answer is 200, else 1.

Example:
  invoice-worker health --ready -c worker.toml";

pub(super) const POLICY: &str = "\
Examples:
  invoice-worker policy show
  invoice-worker policy explain 316
  invoice-worker policy test tests/data/policy/verification.toml
  invoice-worker policy replay --since 7d --policy mine.toml";

pub(super) const POLICY_REPLAY: &str = "\
Only jobs that began in the time are replayed, each by itself. A recorded answer is the answer to its call whenever the \
call is made; a call that was never made has none, and its job is unknown from there on. Pauses, budgets and scopes that \
other jobs closed keep a job waiting as long as they did.

Examples:
  invoice-worker policy replay --since 7d
  invoice-worker policy replay --since 7d --policy mine.toml
  invoice-worker policy replay --since 2026-11 --until 2026-11 --policy mine.toml --json";

pub(super) const COMPLETIONS: &str = "\
Example:
  invoice-worker completions bash > /usr/share/bash-completion/completions/invoice-worker";

pub(super) const MAN: &str = "\
Examples:
  invoice-worker man | man -l -
  invoice-worker man --to /usr/local/share/man/man1";
