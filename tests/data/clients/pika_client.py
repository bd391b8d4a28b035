"""Submits one job as a client of another language would, and prints the properties and body of its reply as JSON.

usage: pika_client.py BROKER_URL JOBS_QUEUE BODY [LEVELS]

With LEVELS, the job has a header of so many lists within each other.
"""

import json
import sys
import uuid

import pika

url, jobs_queue, body = sys.argv[1:4]
levels = int(sys.argv[4]) if len(sys.argv) > 4 else 0
sys.setrecursionlimit(10 * levels + 1000)
nested = []
for _ in range(levels - 1):
    nested = [nested]
correlation_id = str(uuid.uuid4())
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.confirm_delivery()
reply_to = channel.queue_declare("", exclusive=True).method.queue
properties = pika.BasicProperties(
    reply_to=reply_to,
    correlation_id=correlation_id,
    content_type="application/json",
    delivery_mode=pika.DeliveryMode.Persistent,
    headers={"nested": nested} if levels else None,
)
channel.basic_publish("", jobs_queue, body.encode(), properties, mandatory=True)

for method, reply, answer in channel.consume(reply_to, inactivity_timeout=60):
    if method is None:
        sys.exit("no reply within a minute")
    channel.basic_ack(method.delivery_tag)
    names = ["content_type", "delivery_mode", "correlation_id", "message_id", "type", "timestamp"]
    told = {name: getattr(reply, name) for name in names}
    print(json.dumps({"sent_correlation_id": correlation_id, "properties": told, "body": json.loads(answer)}))
    break
connection.close()
