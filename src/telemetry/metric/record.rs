//! What is recorded, one function for each metric.

use crate::domain::account::AccountName;
use crate::domain::failure::{Billed, Stage};
use crate::domain::result::{Status, Verdict};
use crate::seal::SealKind;
use crate::settings::tariff::Currency;
use jiff::{SignedDuration, Timestamp};
use metrics::{counter, gauge, histogram};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::time::Duration;

/// What a message is published for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishKind {
    Result,
    Progress,
    Failed,
    Parked,
    Heartbeat,
}

/// A kind of request to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOperation {
    Get,
    Put,
    List,
}

impl PublishKind {
    pub const ALL: [Self; 5] = [
        Self::Result,
        Self::Progress,
        Self::Failed,
        Self::Parked,
        Self::Heartbeat,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Progress => "progress",
            Self::Failed => "failed",
            Self::Parked => "parked",
            Self::Heartbeat => "heartbeat",
        }
    }
}

impl StoreOperation {
    pub const ALL: [Self; 3] = [Self::Get, Self::Put, Self::List];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::List => "list",
        }
    }
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

/// Adds what a call costs, or may cost, in this currency. Prometheus' counters of this program are
/// whole numbers, so that it is a gauge that only grows.
pub fn cost(account: AccountName, billed: Billed, (price, currency): (Decimal, &Currency)) {
    gauge!("invoice_cost_total", "account" => account.to_string(), "billed" => billed.as_str(), "currency" => currency.to_string())
        .increment(price.to_f64().unwrap_or_default());
}

/// Records a budget of its name in the present period: calls, or units of its currency.
pub fn budget(name: &str, amount: Decimal, spent: Decimal, is_used_up: bool) {
    let gauge = |metric: &'static str| gauge!(metric, "budget" => name.to_owned());
    gauge("invoice_budget_amount").set(amount.to_f64().unwrap_or_default());
    gauge("invoice_budget_spent").set(spent.to_f64().unwrap_or_default());
    gauge("invoice_budget_used_up").set(f64::from(u8::from(is_used_up)));
}

/// Records whether it is not known what was spent of the budgets.
pub fn budgets_unknown(are_unknown: bool) {
    gauge!("invoice_budgets_unknown").set(f64::from(u8::from(are_unknown)));
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

/// Records the account's rate as it is configured, for all workers together.
pub fn quota(account: AccountName, per_second: f64) {
    gauge!("invoice_provider_quota_per_second", "stage" => account.to_string()).set(per_second);
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

pub fn stage_closed(account: AccountName, is_closed: bool) {
    gauge!("invoice_stage_closed", "stage" => account.to_string())
        .set(f64::from(u8::from(is_closed)));
}

/// Records when a paused stage is tried next; `None` while it is not paused.
pub fn next_probe(account: AccountName, at: Option<Timestamp>) {
    gauge!("invoice_next_probe_timestamp_seconds", "stage" => account.to_string()).set(seconds(at));
}

/// Records until when a stage or a province is closed; `None` while it is open. `scope` is the name
/// of a stage, or `province` and a registry's name or `other`.
pub fn closed_until(scope: &str, until: Option<Timestamp>) {
    gauge!("invoice_closed_until_timestamp_seconds", "scope" => scope.to_owned())
        .set(seconds(until));
}

/// Records the nearest deadline among the jobs in hand; `None` without a job.
pub fn nearest_deadline(deadline: Option<Timestamp>) {
    gauge!("invoice_nearest_deadline_timestamp_seconds").set(seconds(deadline));
}

/// `province` is a registry's, or `other`.
pub fn province_closed(province: &str, is_closed: bool) {
    gauge!("invoice_province_closed", "province" => province.to_owned())
        .set(f64::from(u8::from(is_closed)));
}

pub fn workers_alive(workers: usize) {
    gauge!("invoice_workers_alive").set(f64::from(u32::try_from(workers).unwrap_or(u32::MAX)));
}

/// Records one request to the store. `code` is `ok`, or the policy's label of the failure.
pub fn store_request(operation: StoreOperation, code: &str, duration: Duration) {
    histogram!("invoice_store_request_duration_seconds", "operation" => operation.as_str(), "code" => code.to_owned())
        .record(duration.as_secs_f64());
}

/// Records the time from a publish to its confirm.
pub fn publish_confirmed(kind: PublishKind, duration: Duration) {
    histogram!("invoice_publish_confirm_seconds", "kind" => kind.as_str())
        .record(duration.as_secs_f64());
}

/// Counts a delivery that the broker had handed out before.
pub fn redelivered() {
    counter!("invoice_redelivered_total").increment(1);
}

/// Counts a job that is answered because its worker died of it again and again.
pub fn poison() {
    counter!("invoice_poison_total").increment(1);
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

/// Unix time; 0 stands for no time.
fn seconds(at: Option<Timestamp>) -> f64 {
    at.map_or(0.0, |at| at.as_duration().as_secs_f64())
}
