//! The queues and messages as an `AsyncAPI` 3.0 document, with the names of the configuration.

use super::job::JobDocument;
use crate::config::Config;
use crate::domain::result::{JobResult, ProgressMessage};
use crate::ledger::{LedgerEvent, LedgerStore};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Value, json};

pub(super) fn document(config: &Config) -> Value {
    let queues = &config.broker;
    // What the worker reads, and what it sends.
    let (mut reads, mut sends) = (
        generator(SchemaSettings::draft07()),
        generator(SchemaSettings::draft07().for_serialize()),
    );
    let job = reads.subschema_for::<JobDocument>();
    let result = sends.subschema_for::<JobResult<'_>>();
    let progress = sends.subschema_for::<ProgressMessage<'_>>();
    let has_ledger = config.ledger.store == LedgerStore::Stream;
    let event = has_ledger.then(|| sends.subschema_for::<LedgerEvent>());
    let mut schemas = reads.take_definitions(true);
    schemas.extend(sends.take_definitions(true));
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "invoice-worker",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Jobs about medical invoices, and their results.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": {
            "jobs": {
                "address": queues.first_jobs_queue(),
                "description": "Publish mandatory and persistent, and wait for the confirm.",
                "messages": { "job": { "$ref": "#/components/messages/job" } },
                "bindings": queue(queues.first_jobs_queue()),
            },
            "replies": {
                "address": null,
                "description": "The queue that the job's property reply_to names.",
                "messages": {
                    "result": { "$ref": "#/components/messages/result" },
                    "progress": { "$ref": "#/components/messages/progress" },
                },
            },
            "results": {
                "address": queues.results_queue,
                "description": "Results of jobs without a reply_to, or whose reply queue is gone.",
                "messages": { "result": { "$ref": "#/components/messages/result" } },
                "bindings": queue(&queues.results_queue),
            },
            "failed": {
                "address": queues.failed_queue,
                "description": "A copy of every job that ended undetermined or invalid_job; the header \
                                invoice-failure says why.",
                "messages": { "job": { "$ref": "#/components/messages/job" } },
                "bindings": queue(&queues.failed_queue),
            },
        },
        "operations": {
            "takeJob": {
                "action": "receive",
                "channel": { "$ref": "#/channels/jobs" },
                "messages": [{ "$ref": "#/channels/jobs/messages/job" }],
                "reply": {
                    "address": { "location": "$message.header#/replyTo" },
                    "channel": { "$ref": "#/channels/replies" },
                    "messages": [
                        { "$ref": "#/channels/replies/messages/result" },
                        { "$ref": "#/channels/replies/messages/progress" },
                    ],
                },
            },
            "leaveResult": {
                "action": "send",
                "channel": { "$ref": "#/channels/results" },
                "messages": [{ "$ref": "#/channels/results/messages/result" }],
            },
            "keepFailedJob": {
                "action": "send",
                "channel": { "$ref": "#/channels/failed" },
                "messages": [{ "$ref": "#/channels/failed/messages/job" }],
            },
        },
        "components": {
            "messages": {
                "job": message("invoice.job", "The property reply_to names the queue for the result, \
                    message_id the job where its body does not.", &job),
                "result": message("invoice.result", "The property message_id is the run id: recognise \
                    duplicates by it.", &result),
                "progress": message("invoice.progress", "Sent each time that a job which asked for it \
                    is parked.", &progress),
            },
            "schemas": schemas,
        },
    });
    for (index, jobs) in queues.job_queues().iter().enumerate().skip(1) {
        add_job_queue(&mut document, index + 1, &jobs.queue);
    }
    if let Some(event) = event {
        add_ledger(&mut document, &queues.ledger_queue, &event);
    }
    document
}

/// The channel of another job queue is like that of the first, and so is its operation: `jobs2` and
/// `takeJob2` for the second.
fn add_job_queue(document: &mut Value, number: usize, name: &str) {
    let channel = format!("jobs{number}");
    let mut jobs = document["channels"]["jobs"].clone();
    jobs["address"] = json!(name);
    jobs["bindings"] = queue(name);
    let mut taking = document["operations"]["takeJob"].clone();
    taking["channel"] = json!({ "$ref": format!("#/channels/{channel}") });
    taking["messages"] = json!([{ "$ref": format!("#/channels/{channel}/messages/job") }]);
    document["channels"][channel.as_str()] = jobs;
    document["operations"][format!("takeJob{number}").as_str()] = taking;
}

/// The stream, which any client with the right to read it may read.
fn add_ledger(document: &mut Value, stream: &str, event: &schemars::Schema) {
    let mut bindings = queue(stream);
    bindings["amqp"]["queue"]["x-queue-type"] = json!("stream");
    document["channels"]["ledger"] = json!({
        "address": stream,
        "description": "One event at the end of each turn of a job. A stream: consume it with a prefetch, \
                        and with the argument x-stream-offset, first, next, an offset or a timestamp.",
        "messages": { "event": { "$ref": "#/components/messages/event" } },
        "bindings": bindings,
    });
    document["operations"]["recordTurn"] = json!({
        "action": "send",
        "channel": { "$ref": "#/channels/ledger" },
        "messages": [{ "$ref": "#/channels/ledger/messages/event" }],
    });
    let kind = "invoice.ledger";
    document["components"]["messages"]["event"] = json!({
        "name": kind,
        "contentType": "application/json",
        "description": "The property message_id is the event's id: recognise duplicates by it, and calls by theirs.",
        "headers": {
            "type": "object",
            "description": "The AMQP properties.",
            "properties": {
                "messageId": { "type": "string" },
                "timestamp": { "type": "integer" },
            },
        },
        "payload": event,
        "bindings": amqp(kind),
    });
}

/// The definitions lie where the document keeps them.
fn generator(mut settings: SchemaSettings) -> SchemaGenerator {
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    settings.into_generator()
}

fn message(kind: &str, description: &str, payload: &schemars::Schema) -> Value {
    json!({
        "name": kind,
        "contentType": "application/json",
        "description": description,
        "correlationId": { "location": "$message.header#/correlationId" },
        "headers": {
            "type": "object",
            "description": "The AMQP properties and headers.",
            "properties": {
                "correlationId": { "type": "string" },
                "replyTo": { "type": "string" },
                "messageId": { "type": "string" },
                "traceparent": { "type": "string" },
            },
        },
        "payload": payload,
        "bindings": amqp(kind),
    })
}

fn amqp(kind: &str) -> Value {
    json!({ "amqp": { "messageType": kind, "bindingVersion": "0.3.0" } })
}

fn queue(name: &str) -> Value {
    json!({ "amqp": {
        "is": "queue",
        "queue": { "name": name, "durable": true, "exclusive": false, "autoDelete": false },
        "bindingVersion": "0.3.0",
    } })
}
