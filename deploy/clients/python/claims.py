"""Submits jobs and awaits their results, with pika: a claims pipeline in one file.

usage: claims.py BROKER_URL JOBS_QUEUE REPLY_QUEUE < jobs.jsonl

Each line of stdin is a job with a job_id. One line is printed for each result: job_id, status, verdict, code.
What makes it safe:

- a job's message is the same each time that it is sent (message_id, correlation_id, timestamp, body): the workers see
  one run, and answer it once more with the same bytes, without paying again;
- a job counts as submitted once the broker has confirmed it, mandatory: so it is in the queue;
- a result is acknowledged after it was used, and used once: results are recognised by their message_id;
- after a lost connection everything that has no result is sent again.
"""

import json
import sys
import time

import pika
import pika.exceptions

LOST = (pika.exceptions.AMQPError, OSError)


class Claims:
    def __init__(self, url, jobs_queue, reply_queue):
        self.url, self.jobs_queue, self.reply_queue = url, jobs_queue, reply_queue
        # Keep the time of the first submission with the claim: it is part of what makes a message the same.
        self.submitted_at = int(time.time())
        self.seen = set()

    def await_all(self, jobs, use):
        """Submits the jobs, and calls `use` once with each result, whatever happens to the broker meanwhile."""
        waiting = {job["job_id"]: job for job in jobs}
        while waiting:
            try:
                self.one_connection(waiting, use)
            except LOST as error:
                print(f"connection lost, trying again: {error!r}", file=sys.stderr)
                time.sleep(1)

    def one_connection(self, waiting, use):
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        channel = connection.channel()
        channel.confirm_delivery()
        # Replicated, and there while this program is not: replies wait in it.
        channel.queue_declare(self.reply_queue, durable=True, arguments={"x-queue-type": "quorum"})
        for job in list(waiting.values()):
            self.submit(channel, job)
        channel.basic_qos(prefetch_count=50)
        # A timeout of its own for the pipeline: the worker's is the job's deadline.
        for method, properties, body in channel.consume(self.reply_queue, inactivity_timeout=60):
            if method is not None:
                self.take(waiting, properties, body, use)
                channel.basic_ack(method.delivery_tag)
            if not waiting:
                break
        channel.cancel()
        connection.close()

    def submit(self, channel, job):
        """Raises UnroutableError where the queue does not exist, and NackError where it is full."""
        properties = pika.BasicProperties(
            content_type="application/json",
            delivery_mode=pika.DeliveryMode.Persistent,
            reply_to=self.reply_queue,
            message_id=job["job_id"],
            correlation_id=job["job_id"],
            timestamp=self.submitted_at,
        )
        body = json.dumps(job, ensure_ascii=False, sort_keys=True).encode()
        channel.basic_publish("", self.jobs_queue, body, properties, mandatory=True)

    def take(self, waiting, properties, body, use):
        if properties.type != "invoice.result" or properties.message_id in self.seen:
            return
        # In a pipeline: one transaction with the row that the result belongs in. See sql/results.sql.
        self.seen.add(properties.message_id)
        if waiting.pop(properties.correlation_id, None) is not None:
            use(json.loads(body))


def show(result):
    code = (result["error"] or {}).get("code")
    if result["status"] == "completed":
        # The question was answered; the verdict may still be a negative one.
        pass
    elif result["status"] == "undetermined":
        # No answer could be had: for a person. It never means that the bill is a fake.
        pass
    else:
        # invalid_job: the job itself is at fault; it cost nothing. Mend and submit it under the same job_id.
        pass
    print(result["job_id"], result["status"], result["verdict"], code, flush=True)


if __name__ == "__main__":
    url, jobs_queue, reply_queue = sys.argv[1:4]
    lines = [json.loads(line) for line in sys.stdin if line.strip()]
    Claims(url, jobs_queue, reply_queue).await_all(lines, show)
