"""The same as claims.py for asyncio, with aio-pika.

usage: claims_aio.py BROKER_URL JOBS_QUEUE REPLY_QUEUE < jobs.jsonl
"""

import asyncio
import json
import sys
from datetime import datetime, timezone

import aio_pika
import aiormq.exceptions

LOST = (aiormq.exceptions.AMQPError, ConnectionError, asyncio.TimeoutError)


class Claims:
    def __init__(self, url, jobs_queue, reply_queue):
        self.url, self.jobs_queue, self.reply_queue = url, jobs_queue, reply_queue
        self.submitted_at = datetime.now(timezone.utc).replace(microsecond=0)
        self.seen = set()

    async def await_all(self, jobs, use):
        waiting = {job["job_id"]: job for job in jobs}
        while waiting:
            try:
                await self.one_connection(waiting, use)
            except LOST as error:
                print(f"connection lost, trying again: {error!r}", file=sys.stderr)
                await asyncio.sleep(1)

    async def one_connection(self, waiting, use):
        # Not connect_robust: a message that was lost with its connection has to be sent again, which only we know.
        connection = await aio_pika.connect(self.url)
        async with connection:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            await channel.set_qos(prefetch_count=50)
            replies = await channel.declare_queue(
                self.reply_queue, durable=True, arguments={"x-queue-type": "quorum"}
            )
            for job in list(waiting.values()):
                await self.submit(channel, job)
            async with replies.iterator() as arrivals:
                async for reply in arrivals:
                    self.take(waiting, reply, use)
                    await reply.ack()
                    if not waiting:
                        return
            raise ConnectionError("the broker is gone")

    async def submit(self, channel, job):
        message = aio_pika.Message(
            json.dumps(job, ensure_ascii=False, sort_keys=True).encode(),
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            reply_to=self.reply_queue,
            message_id=job["job_id"],
            correlation_id=job["job_id"],
            timestamp=self.submitted_at,
        )
        await channel.default_exchange.publish(message, self.jobs_queue, mandatory=True)

    def take(self, waiting, reply, use):
        if reply.type != "invoice.result" or reply.message_id in self.seen:
            return
        self.seen.add(reply.message_id)
        if waiting.pop(reply.correlation_id, None) is not None:
            use(json.loads(reply.body))


def show(result):
    code = (result["error"] or {}).get("code")
    print(result["job_id"], result["status"], result["verdict"], code, flush=True)


if __name__ == "__main__":
    url, jobs_queue, reply_queue = sys.argv[1:4]
    lines = [json.loads(line) for line in sys.stdin if line.strip()]
    asyncio.run(Claims(url, jobs_queue, reply_queue).await_all(lines, show))
