//! RabbitMQ through `lapin`, or the same semantics in this process, behind one enum.
//!
//! The rest of the worker sees messages, deliveries and three operations: consume, publish
//! (persistent, mandatory, confirmed) and settle. It never sees a channel. A [`Session`] is one
//! generation: when anything of it is lost, all of it is given up and the caller connects again;
//! what was unacknowledged is delivered again. Reconnecting is the caller's: nothing here retries.

mod address;
mod alarm;
mod amqp;
mod config;
mod error;
mod frame;
mod generation;
mod headers;
mod kept;
mod ladder;
mod login;
mod memory;
mod message;
mod park;
mod parked;
mod parked_fit;
mod queue_watch;
mod reply_slots;
pub mod rights;
mod run;
mod run_locks;
mod session;
pub mod topology;

pub use address::redacted;
pub use alarm::watch_alarm;
pub use amqp::FrameFilter;
pub use config::Config;
pub use error::{BrokerError, Cause, Outage, PublishError};
pub use frame::{FittedMessage, fitted};
pub use generation::Generation;
pub use headers::{Death, Headers};
pub use ladder::hop;
pub use login::BrokerLogin;
pub use message::{Message, Properties};
pub use park::{
    FAILURE, KEPT_BYTES, NOT_BEFORE, PROGRESS, SEAL, SUSPECT, TRUNCATED, failed_copy, replayed,
};
pub use parked::{ParkedHeaders, ParkedState, parked, parked_headers};
pub use parked_fit::{FittedPark, fit_parked, log_left_out};
pub use queue_watch::{QueueWatch, log_declared};
pub use reply_slots::ReplySlots;
pub use run::{REPLAY, UNREADABLE, run_id};
pub use run_locks::RunLocks;
pub use session::{Broker, Consumer, Delivery, Publisher, Session, Settled};
