//! The worker: takes deliveries, handles each of them, settles it; comes back when the broker was
//! lost; drains when it is asked to stop.
//!
//! | file | what it does |
//! | --- | --- |
//! | `supervise` | runs one generation after the other, with backoff; drains |
//! | `serve` | takes what the intake allows, as long as a generation lives |
//! | `intake` | decides what may be taken from the queues (pure) |
//! | `delivery` | parse, handle, publish, settle |
//! | `answer` | checkpoints an answer, then publishes it |
//! | `deadlines` | the nearest deadline of the jobs in hand, as a metric |
//! | `parking` | publishes the parked copy of a job that waits |
//! | `heartbeats` | publishes this worker's heartbeats and applies those of the others |

mod answer;
mod deadlines;
mod delivery;
mod heartbeats;
mod intake;
mod parking;
mod serve;
mod supervise;

pub use serve::Worker;
pub use supervise::Drained;

use crate::broker::{self, Broker};
use crate::ledger::Ledger;
use crate::pipeline::Pipeline;
use crate::randomness::Randomness;
use crate::seal::Sealer;
use crate::telemetry::health::Health;
use crate::telemetry::job_event::EventSink;
use std::sync::Arc;
use std::time::Duration;

/// The parts that a worker is made of.
pub struct Parts {
    pub settings: Settings,
    pub broker: Broker,
    pub pipeline: Arc<Pipeline>,
    pub sealer: Sealer,
    pub health: Health,
    pub events: Box<dyn EventSink>,
    pub ledger: Ledger,
    pub randomness: Randomness,
}

/// The part of the configuration that is about a worker.
#[derive(Clone, Debug)]
pub struct Settings {
    pub queues: broker::Config,
    /// The workers with the same queues and accounts: only their heartbeats count.
    pub fleet: String,
    pub max_in_flight: u16,
    /// The largest body of a job, as it is sent and once it is unpacked.
    pub max_job_bytes: usize,
    pub shutdown_grace: Duration,
    pub heartbeat_every: Duration,
}
