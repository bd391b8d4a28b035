"""Submits one job and prints its result: what a client in any language does.

The broker's URL is in BROKER_URL; the object's key may be given as an argument.
"""

import json
import os
import sys
import time
import uuid

import pika

key = sys.argv[1] if len(sys.argv) > 1 else "samples/01-beijing-outpatient.jpg"
reply_to = "claims.replies"
connection = pika.BlockingConnection(pika.URLParameters(os.environ["BROKER_URL"]))
channel = connection.channel()
channel.confirm_delivery()
channel.queue_declare(reply_to, durable=True)
job_id = f"CLM-{uuid.uuid4()}"
job = {"job_id": job_id, "image": {"key": key}}
channel.basic_publish(
    "",
    "invoice.jobs",
    json.dumps(job).encode(),
    pika.BasicProperties(
        content_type="application/json",
        delivery_mode=pika.DeliveryMode.Persistent,
        reply_to=reply_to,
        correlation_id=job_id,
        message_id=job_id,
        timestamp=int(time.time()),
    ),
    mandatory=True,
)
for method, properties, body in channel.consume(reply_to, inactivity_timeout=120):
    if method is None:
        sys.exit("no result within two minutes")
    channel.basic_ack(method.delivery_tag)
    if properties.correlation_id == job_id:
        print(json.dumps(json.loads(body), ensure_ascii=False, indent=2))
        break
connection.close()
