//! The spans of a job's turn. Names and attributes are those of OpenTelemetry's semantic conventions
//! where they have one; `job.id` and `job.run` are called as in the log.

use super::context;
use crate::domain::account::AccountName;
use crate::domain::failure::{Billed, Stage};
use crate::domain::result::{Status, Verdict};
use crate::telemetry::metric::{PublishKind, StoreOperation};
use tracing::field::Empty;
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The target of all our spans.
pub(super) const TARGET: &str = "invoice_worker::trace";

/// The turn of a delivery, in the trace of its submitter. `header` reads the message's headers.
pub fn job(queue: &str, body_bytes: usize, header: impl Fn(&str) -> Option<String>) -> Span {
    let span = info_span!(
        target: TARGET,
        parent: None,
        "job",
        otel.name = %format_args!("process {queue}"),
        otel.kind = "consumer",
        otel.status_code = Empty,
        "messaging.system" = "rabbitmq",
        "messaging.operation.type" = "process",
        "messaging.operation.name" = "process",
        "messaging.destination.name" = queue,
        "messaging.message.body.size" = body_bytes,
        "error.type" = Empty,
        job.id = Empty,
        job.run = Empty,
        job.status = Empty,
        job.verdict = Empty,
        job.parked_for = Empty,
    );
    if !span.is_disabled() {
        // An error means that there is no layer for it.
        let _ = span.set_parent(context::of_headers(header));
    }
    span
}

/// Names the job of the current turn.
pub fn job_known(run: &str, job_id: Option<&str>) {
    let span = Span::current();
    span.record("job.run", run);
    if let Some(job_id) = job_id {
        span.record("job.id", job_id);
    }
}

/// The job of the current turn is answered.
pub fn job_ended(status: Status, verdict: Option<Verdict>, code: Option<&str>) {
    let span = Span::current();
    span.record("job.status", status.as_str());
    if let Some(verdict) = verdict {
        span.record("job.verdict", verdict.as_str());
    } else {
        record_error(&span, code);
    }
}

/// The job of the current turn is parked because of this code, which is no error of the turn.
pub fn job_parked(stage: Stage, code: &str) {
    Span::current().record("job.parked_for", format!("{stage} {code}"));
}

/// Reading the job's image.
pub fn image() -> Span {
    info_span!(target: TARGET, "image", otel.name = "load image")
}

/// Looking for what is kept, or keeping something.
pub fn checkpoint(action: &'static str) -> Span {
    info_span!(target: TARGET, "checkpoint", otel.name = %format_args!("checkpoint {action}"))
}

/// One of the two questions, with everything that is waited for on the way to its answer.
pub fn stage(stage: Stage) -> Span {
    info_span!(target: TARGET, "stage", otel.name = stage.as_str())
}

/// The wait for a place in the account's rate, and for one of its calls at once.
pub fn quota(account: AccountName) -> Span {
    info_span!(target: TARGET, "quota", otel.name = "wait for quota", invoice.account = account.as_str())
}

/// One call of a provider.
pub fn call(account: AccountName, vendor: &'static str) -> Span {
    info_span!(
        target: TARGET,
        "call",
        otel.name = %format_args!("call {account}"),
        otel.kind = "client",
        otel.status_code = Empty,
        invoice.account = account.as_str(),
        invoice.vendor = vendor,
        invoice.code = Empty,
        invoice.billed = Empty,
        "error.type" = Empty,
    )
}

/// The answer to a call: its code as the policy labels it.
pub fn call_ended(span: &Span, code: &str, billed: Billed, is_error: bool) {
    span.record("invoice.code", code);
    span.record("invoice.billed", billed.as_str());
    record_error(span, is_error.then_some(code));
}

/// One request to the store, for a job: requests beside the jobs are in no trace. The key of an
/// object may name a person, so it is not told.
pub fn store(operation: StoreOperation, bucket: &str) -> Span {
    if Span::current().is_disabled() {
        return Span::none();
    }
    info_span!(
        target: TARGET,
        "store",
        otel.name = %format_args!("store {}", operation.as_str()),
        otel.kind = "client",
        otel.status_code = Empty,
        "aws.s3.bucket" = bucket,
        "error.type" = Empty,
    )
}

/// One message on its way to the broker's confirm. A reply queue's name is the submitter's.
pub fn publish(kind: PublishKind) -> Span {
    info_span!(
        target: TARGET,
        "publish",
        otel.name = %format_args!("publish {}", kind.as_str()),
        otel.kind = "producer",
        otel.status_code = Empty,
        "messaging.system" = "rabbitmq",
        "messaging.operation.type" = "send",
        "messaging.operation.name" = "publish",
        "error.type" = Empty,
    )
}

/// Marks the span as failed, where there is an error.
pub fn record_error(span: &Span, code: Option<&str>) {
    if let Some(code) = code {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", code);
    }
}
