//! The queues and messages as an `AsyncAPI` 3.0 document, with the names of the default
//! configuration.

use super::job::JobDocument;
use crate::broker;
use crate::domain::result::{JobResult, ProgressMessage};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Value, json};

pub(super) fn document() -> Value {
    let queues = broker::Config::default();
    // What the worker reads, and what it sends.
    let (mut reads, mut sends) = (
        generator(SchemaSettings::draft07()),
        generator(SchemaSettings::draft07().for_serialize()),
    );
    let job = reads.subschema_for::<JobDocument>();
    let result = sends.subschema_for::<JobResult<'_>>();
    let progress = sends.subschema_for::<ProgressMessage<'_>>();
    let mut schemas = reads.take_definitions(true);
    schemas.extend(sends.take_definitions(true));
    json!({
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
                "address": queues.jobs_queue,
                "description": "Publish mandatory and persistent, and wait for the confirm.",
                "messages": { "job": { "$ref": "#/components/messages/job" } },
                "bindings": queue(&queues.jobs_queue),
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
    })
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
        "bindings": { "amqp": { "messageType": kind, "bindingVersion": "0.3.0" } },
    })
}

fn queue(name: &str) -> Value {
    json!({ "amqp": {
        "is": "queue",
        "queue": { "name": name, "durable": true, "exclusive": false, "autoDelete": false },
        "bindingVersion": "0.3.0",
    } })
}
