//! What each metric says, for the `HELP` lines of the exposition.

use metrics::{describe_counter, describe_gauge, describe_histogram};

const COUNTERS: [(&str, &str); 15] = [
    ("invoice_jobs_total", "Jobs answered."),
    (
        "invoice_provider_calls_total",
        "Calls to the providers, by code and whether they are billed.",
    ),
    (
        "invoice_control_calls_total",
        "Control calls that find out whether jobs or this worker are at fault; they may be billed.",
    ),
    (
        "invoice_parked_total",
        "Jobs parked; what returned is subtracted to know what is parked now.",
    ),
    ("invoice_returned_total", "Parked jobs that came back."),
    (
        "invoice_checkpoint_hits_total",
        "Answers that were not paid for again.",
    ),
    (
        "invoice_redelivered_total",
        "Deliveries that the broker had handed out before.",
    ),
    (
        "invoice_poison_total",
        "Jobs answered because their worker died of them again and again.",
    ),
    (
        "invoice_broker_reconnects_total",
        "Connections to the broker after the first.",
    ),
    (
        "invoice_queues_declared_again_total",
        "Queues of the worker that were deleted while the worker ran, and declared again.",
    ),
    (
        "invoice_settle_lost_total",
        "Acknowledgements that found their channel gone; the job was delivered again.",
    ),
    (
        "invoice_ledger_lost_total",
        "Turns of jobs that the ledger's stream did not take: their jobs went on.",
    ),
    (
        "invoice_results_returned_total",
        "Results whose reply_to was gone; they went to the results queue.",
    ),
    (
        "invoice_heartbeats_foreign_total",
        "Heartbeats of workers with other queues or accounts on the same control exchange.",
    ),
    (
        "invoice_seal_refused_total",
        "Data that was read back without a valid seal, and ignored.",
    ),
];

const GAUGES: [(&str, &str); 19] = [
    (
        "invoice_build_info",
        "1, with the version and the commit of the program.",
    ),
    ("invoice_jobs_in_flight", "Jobs being processed."),
    (
        "invoice_cost_total",
        "What billed calls cost, by the currency of their account, where it has a price.",
    ),
    (
        "invoice_budget_amount",
        "What may be spent of the budget in its period: calls, or units of its currency.",
    ),
    (
        "invoice_budget_spent",
        "What was spent of the budget in the present period, this worker's calls in the air included.",
    ),
    (
        "invoice_budget_used_up",
        "1 while the budget is used up, and its jobs wait.",
    ),
    (
        "invoice_budgets_unknown",
        "1 while it is not known what was spent of the budgets, and their jobs wait.",
    ),
    (
        "invoice_nearest_deadline_timestamp_seconds",
        "The nearest deadline of a job in hand, as Unix time; 0 without a job.",
    ),
    (
        "invoice_provider_quota_per_second",
        "The account's rate as it is configured, for all workers together.",
    ),
    (
        "invoice_provider_rate_limit_per_second",
        "This worker's share of the account's rate.",
    ),
    (
        "invoice_paused",
        "1 while no job gets past the stage, for this reason.",
    ),
    (
        "invoice_next_probe_timestamp_seconds",
        "When a paused stage is tried next, as Unix time; 0 while it is not paused.",
    ),
    (
        "invoice_stage_closed",
        "1 while this worker keeps the stage closed; after connect, or a timeout of the store, other workers may have it open.",
    ),
    (
        "invoice_province_closed",
        "1 while verification of the province's bills waits.",
    ),
    (
        "invoice_closed_until_timestamp_seconds",
        "When one call may try a closed stage or province, as Unix time; 0 while it is open.",
    ),
    (
        "invoice_workers_alive",
        "Workers on the same queues with a heartbeat in the last seven seconds, this one included.",
    ),
    (
        "invoice_queue_missing",
        "1 while a queue of the worker, or the control exchange, did not exist at the last check.",
    ),
    (
        "invoice_clock_skew_seconds",
        "Seconds by which a server's clock is ahead of this machine's, from the Date of its last answer.",
    ),
    (
        "invoice_image_memory_bytes",
        "Image data in memory, of all jobs together.",
    ),
];

const HISTOGRAMS: [(&str, &str); 5] = [
    (
        "invoice_job_duration_seconds",
        "From first sight of a job to its answer.",
    ),
    (
        "invoice_provider_call_duration_seconds",
        "From a call to its answer.",
    ),
    (
        "invoice_provider_wait_seconds",
        "Time that calls waited for their turn, for a free place and for the rate.",
    ),
    (
        "invoice_store_request_duration_seconds",
        "From a request to the store to the last byte of its answer.",
    ),
    (
        "invoice_publish_confirm_seconds",
        "From a publish to the broker's confirm.",
    ),
];

pub(super) fn all() {
    for (name, text) in COUNTERS {
        describe_counter!(name, text);
    }
    for (name, text) in GAUGES {
        describe_gauge!(name, text);
    }
    for (name, text) in HISTOGRAMS {
        describe_histogram!(name, text);
    }
}
