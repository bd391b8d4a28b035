//! The metrics of the contract. Their names and labels are defined only here.
//!
//! No job id, name or amount is a label.
//!
//! | file | what it does |
//! | --- | --- |
//! | `record` | one function for each metric |
//! | `zero` | the values that they begin with |
//! | `describe`, `buckets` | their `HELP` lines, and the buckets of the histograms |

mod buckets;
mod describe;
mod record;
mod zero;

pub use record::{
    JobInFlight, PublishKind, StoreOperation, broker_reconnected, budget, budgets_unknown,
    checkpoint_hit, clock_skew, closed_until, control_call, cost, foreign_heartbeat,
    image_memory_given_back, image_memory_taken, job_finished, ledger_event_lost, nearest_deadline,
    next_probe, parked, paused, poison, provider_call, provider_wait, province_closed,
    publish_confirmed, queue_declared_again, queue_missing, quota, rate_limit, redelivered,
    result_returned, returned, seal_refused, settle_lost, stage_closed, store_request,
    workers_alive,
};
pub use zero::begin_at_zero;

use crate::build_info;
use metrics::gauge;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

/// Installs the process's recorder. Without it, the functions of this module do nothing.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = buckets::set(PrometheusBuilder::new())?.install_recorder()?;
    metrics_process::Collector::default().describe();
    describe::all();
    zero::without_policy();
    gauge!("invoice_build_info", "version" => build_info::VERSION, "commit" => build_info::COMMIT)
        .set(1.0);
    Ok(handle)
}
