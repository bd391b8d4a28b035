//! The metrics of the contract, one function each. Their names and labels are defined only here.
//!
//! No job id, name or amount is a label.

use crate::domain::account::AccountName;
use crate::domain::failure::{Billed, Stage};
use crate::domain::result::{Status, Verdict};
use crate::seal::SealKind;
use jiff::SignedDuration;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::time::Duration;

/// The buckets in seconds, from a quick answer of a provider to a job parked for days.
const JOB_BUCKETS: [f64; 14] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 43_200.0, 345_600.0,
];
const CALL_BUCKETS: [f64; 12] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0,
];
const WAIT_BUCKETS: [f64; 12] = [
    0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 60.0,
];

/// Installs the process's recorder. Without it, the functions of this module do nothing.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Full("invoice_job_duration_seconds".into()),
            &JOB_BUCKETS,
        )?
        .set_buckets_for_metric(
            Matcher::Full("invoice_provider_call_duration_seconds".into()),
            &CALL_BUCKETS,
        )?
        .set_buckets_for_metric(
            Matcher::Full("invoice_provider_wait_seconds".into()),
            &WAIT_BUCKETS,
        )?
        .install_recorder()?;
    metrics_process::Collector::default().describe();
    describe();
    Ok(handle)
}

/// Describes every metric. Counters without labels start at 0, because an alert on an increase
/// would miss the first one.
fn describe() {
    describe_counter!("invoice_jobs_total", "Jobs answered.");
    describe_gauge!("invoice_jobs_in_flight", "Jobs being processed.");
    describe_histogram!(
        "invoice_job_duration_seconds",
        "From first sight of a job to its answer."
    );
    describe_counter!(
        "invoice_provider_calls_total",
        "Calls to the providers, by code and whether they are billed."
    );
    describe_counter!(
        "invoice_control_calls_total",
        "Control calls that find out whether jobs or this worker are at fault; they may be billed."
    );
    for account in [AccountName::RECOGNITION, AccountName::VERIFICATION] {
        counter!("invoice_control_calls_total", "stage" => account.to_string()).absolute(0);
    }
    describe_gauge!(
        "invoice_cost_total",
        "What billed calls cost, in the currency of their account, where it has a price."
    );
    describe_histogram!(
        "invoice_provider_call_duration_seconds",
        "From a call to its answer."
    );
    describe_histogram!(
        "invoice_provider_wait_seconds",
        "Time spent in the rate limiter."
    );
    describe_gauge!(
        "invoice_provider_rate_limit_per_second",
        "This worker's share of the account's rate."
    );
    describe_counter!(
        "invoice_parked_total",
        "Jobs parked; what returned is subtracted to know what is parked now."
    );
    describe_counter!("invoice_returned_total", "Parked jobs that came back.");
    describe_gauge!(
        "invoice_paused",
        "1 while no job gets past the stage, for this reason."
    );
    describe_gauge!(
        "invoice_province_closed",
        "1 while verification of the province's bills waits."
    );
    describe_gauge!(
        "invoice_workers_alive",
        "Workers on the same queues with a heartbeat in the last seven seconds, this one included."
    );
    describe_counter!(
        "invoice_checkpoint_hits_total",
        "Answers that were not paid for again."
    );
    describe_counter!(
        "invoice_broker_reconnects_total",
        "Connections to the broker after the first."
    );
    describe_gauge!(
        "invoice_queue_missing",
        "1 while a queue of the worker, or the control exchange, did not exist at the last check."
    );
    describe_counter!(
        "invoice_queues_declared_again_total",
        "Queues of the worker that were deleted while the worker ran, and declared again."
    );
    describe_counter!(
        "invoice_settle_lost_total",
        "Acknowledgements that found their channel gone; the job was delivered again."
    );
    describe_counter!(
        "invoice_ledger_lost_total",
        "Turns of jobs that the ledger's stream did not take: their jobs went on."
    );
    describe_counter!(
        "invoice_results_returned_total",
        "Results whose reply_to was gone; they went to the results queue."
    );
    describe_counter!(
        "invoice_heartbeats_foreign_total",
        "Heartbeats of workers with other queues or accounts on the same control exchange."
    );
    describe_gauge!(
        "invoice_clock_skew_seconds",
        "Seconds by which a server's clock is ahead of this machine's, from the Date of its last answer."
    );
    describe_counter!(
        "invoice_seal_refused_total",
        "Data that was read back without a valid seal, and ignored."
    );
    describe_gauge!(
        "invoice_image_memory_bytes",
        "Image data in memory, of all jobs together."
    );
    for counter in [
        "invoice_broker_reconnects_total",
        "invoice_settle_lost_total",
        "invoice_results_returned_total",
        "invoice_heartbeats_foreign_total",
        "invoice_ledger_lost_total",
    ] {
        counter!(counter).absolute(0);
    }
    for kind in [
        SealKind::Checkpoint,
        SealKind::Progress,
        SealKind::Heartbeat,
        SealKind::Command,
    ] {
        counter!("invoice_seal_refused_total", "kind" => kind.as_str()).absolute(0);
    }
    gauge!("invoice_jobs_in_flight").set(0.0);
    gauge!("invoice_image_memory_bytes").set(0.0);
    gauge!("invoice_workers_alive").set(1.0);
}

pub fn job_finished(status: Status, verdict: Option<Verdict>, duration: Duration) {
    counter!("invoice_jobs_total", "status" => status.as_str(), "verdict" => verdict.map_or("none", Verdict::as_str)).increment(1);
    histogram!("invoice_job_duration_seconds", "status" => status.as_str())
        .record(duration.as_secs_f64());
}

/// Counts a job in flight until it is dropped.
#[derive(Debug)]
pub struct JobInFlight(());

impl JobInFlight {
    #[expect(
        clippy::new_without_default,
        reason = "it counts; a default that counts would surprise"
    )]
    pub fn new() -> Self {
        gauge!("invoice_jobs_in_flight").increment(1.0);
        Self(())
    }
}

impl Drop for JobInFlight {
    fn drop(&mut self) {
        gauge!("invoice_jobs_in_flight").decrement(1.0);
    }
}

/// Counts a call. `code` is the policy's label: a name that it knows, or `other`.
pub fn provider_call(account: AccountName, code: &str, billed: Billed, duration: Duration) {
    counter!("invoice_provider_calls_total", "stage" => account.to_string(), "code" => code.to_owned(), "billed" => billed.as_str())
        .increment(1);
    histogram!("invoice_provider_call_duration_seconds", "stage" => account.to_string())
        .record(duration.as_secs_f64());
}

/// Adds what a call costs, or may cost, in the currency of its account. Prometheus' counters of this
/// program are whole numbers, so that it is a gauge that only grows.
pub fn cost(account: AccountName, billed: Billed, price: Decimal) {
    gauge!("invoice_cost_total", "account" => account.to_string(), "billed" => billed.as_str())
        .increment(price.to_f64().unwrap_or_default());
}

/// Counts a control call, which shows whether the job or the account is at fault. It is also
/// counted among the provider's calls.
pub fn control_call(account: AccountName) {
    counter!("invoice_control_calls_total", "stage" => account.to_string()).increment(1);
}

pub fn provider_wait(account: AccountName, waited: Duration) {
    histogram!("invoice_provider_wait_seconds", "stage" => account.to_string())
        .record(waited.as_secs_f64());
}

pub fn rate_limit(account: AccountName, per_second: f64) {
    gauge!("invoice_provider_rate_limit_per_second", "stage" => account.to_string())
        .set(per_second);
}

pub fn parked(stage: Stage, code: &str) {
    counter!("invoice_parked_total", "stage" => stage.as_str(), "code" => code.to_owned())
        .increment(1);
}

pub fn returned(stage: Stage, code: &str) {
    counter!("invoice_returned_total", "stage" => stage.as_str(), "code" => code.to_owned())
        .increment(1);
}

/// `reason` is the code that paused the stage, as the policy labels it.
pub fn paused(account: AccountName, reason: &str, is_paused: bool) {
    gauge!("invoice_paused", "stage" => account.to_string(), "reason" => reason.to_owned())
        .set(f64::from(u8::from(is_paused)));
}

/// `province` is a registry's, or `other`.
pub fn province_closed(province: &str, is_closed: bool) {
    gauge!("invoice_province_closed", "province" => province.to_owned())
        .set(f64::from(u8::from(is_closed)));
}

pub fn workers_alive(workers: usize) {
    gauge!("invoice_workers_alive").set(f64::from(u32::try_from(workers).unwrap_or(u32::MAX)));
}

/// `kind` is `recognition`, `verification`, `result` or `unparked`.
pub fn checkpoint_hit(kind: &'static str) {
    counter!("invoice_checkpoint_hits_total", "kind" => kind).increment(1);
}

/// `name` is a configured queue, or the control exchange.
pub fn queue_missing(name: &str, is_missing: bool) {
    gauge!("invoice_queue_missing", "queue" => name.to_owned())
        .set(f64::from(u8::from(is_missing)));
    // It begins at 0.
    counter!("invoice_queues_declared_again_total", "queue" => name.to_owned()).increment(0);
}

/// `name` is a configured queue, or the control exchange.
pub fn queue_declared_again(name: &str) {
    counter!("invoice_queues_declared_again_total", "queue" => name.to_owned()).increment(1);
}

/// Counts a heartbeat of a worker with other queues or accounts on our control exchange.
pub fn foreign_heartbeat() {
    counter!("invoice_heartbeats_foreign_total").increment(1);
}

/// Records by how much a server's clock is ahead of this machine's.
pub fn clock_skew(server: &str, ahead: SignedDuration) {
    gauge!("invoice_clock_skew_seconds", "server" => server.to_owned()).set(ahead.as_secs_f64());
}

/// Counts data of this kind without a valid seal.
pub fn seal_refused(kind: SealKind) {
    counter!("invoice_seal_refused_total", "kind" => kind.as_str()).increment(1);
}

pub fn broker_reconnected() {
    counter!("invoice_broker_reconnects_total").increment(1);
}

/// Counts an event that the ledger's stream did not take.
pub fn ledger_event_lost() {
    counter!("invoice_ledger_lost_total").increment(1);
}

/// Counts an acknowledgement whose channel was closed: the job will be delivered again.
pub fn settle_lost() {
    counter!("invoice_settle_lost_total").increment(1);
}

/// Counts a result that went to `invoice.results` because its `reply_to` did not exist.
pub fn result_returned() {
    counter!("invoice_results_returned_total").increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "a gauge; exact to 2^53 bytes")]
pub fn image_memory_taken(bytes: u64) {
    gauge!("invoice_image_memory_bytes").increment(bytes as f64);
}

#[expect(clippy::cast_precision_loss, reason = "a gauge; exact to 2^53 bytes")]
pub fn image_memory_given_back(bytes: u64) {
    gauge!("invoice_image_memory_bytes").decrement(bytes as f64);
}
