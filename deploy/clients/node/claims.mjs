// Submits jobs and awaits their results, with amqplib: see ../python/claims.py for what makes it safe.
//
// usage: node claims.mjs BROKER_URL JOBS_QUEUE REPLY_QUEUE < jobs.jsonl
//
// JSON.parse turns 939.48 into a float: money in results is text, and stays text.

import amqp from "amqplib";
import { once } from "node:events";
import { readFileSync } from "node:fs";

const [url, jobsQueue, replyQueue] = process.argv.slice(2);
const jobs = readFileSync(0, "utf8").split("\n").filter((line) => line.trim()).map((line) => JSON.parse(line));

// Keep it with the claim: it is part of what makes a message the same when it is sent again.
const submittedAt = Math.floor(Date.now() / 1000);
const waiting = new Map(jobs.map((job) => [job.job_id, job]));
const seen = new Set();

function use(result) {
  console.log(result.job_id, result.status, result.verdict ?? "None", result.error?.code ?? "None");
}

async function submit(channel, job) {
  const returned = new Promise((_, reject) => {
    channel.once("return", () => reject(new Error(`no queue ${jobsQueue}`)));
  });
  // Looked at below; without this, one that comes later would be an unhandled rejection.
  returned.catch(() => {});
  channel.sendToQueue(jobsQueue, Buffer.from(JSON.stringify(job)), {
    contentType: "application/json",
    persistent: true,
    mandatory: true,
    replyTo: replyQueue,
    messageId: job.job_id,
    correlationId: job.job_id,
    timestamp: submittedAt,
  });
  // A message without a queue is returned first, and confirmed all the same.
  await Promise.race([returned, channel.waitForConfirms()]);
}

function take(message) {
  const { type, messageId, correlationId } = message.properties;
  if (type !== "invoice.result" || seen.has(messageId)) return;
  seen.add(messageId);
  if (waiting.delete(correlationId)) use(JSON.parse(message.content.toString("utf8")));
}

async function oneConnection() {
  const connection = await amqp.connect(url);
  const closed = once(connection, "close").then(() => {
    throw new Error("the broker is gone");
  });
  closed.catch(() => {});
  connection.on("error", () => {});
  const work = async () => {
    const channel = await connection.createConfirmChannel();
    channel.on("error", () => {});
    await channel.assertQueue(replyQueue, { durable: true, arguments: { "x-queue-type": "quorum" } });
    for (const job of [...waiting.values()]) await submit(channel, job);
    await channel.prefetch(50);
    await new Promise((resolve, reject) => {
      const receive = (message) => {
        if (message === null) return reject(new Error("the reply queue is gone"));
        take(message);
        channel.ack(message);
        if (waiting.size === 0) resolve();
      };
      channel.consume(replyQueue, receive).catch(reject);
    });
    await channel.close();
  };
  await Promise.race([work(), closed]);
  await connection.close();
}

while (waiting.size > 0) {
  try {
    await oneConnection();
  } catch (error) {
    console.error(`connection lost, trying again: ${error.message}`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
