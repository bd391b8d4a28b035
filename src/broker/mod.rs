//! RabbitMQ through `lapin`, or the same semantics inside this process, behind one interface.
//!
//! The rest of the worker sees messages, deliveries and three operations: consume, publish
//! (persistent, mandatory, confirmed) and settle. It never sees a channel. A [`Session`] is one
//! generation of connections: when one of them is lost, the whole session is over, the caller
//! connects again, and the broker redelivers what was not acknowledged. Nothing here reconnects.

mod address;
mod alarm;
mod amqp;
mod config;
mod consumer;
mod consumers;
mod copies;
mod delay_queues;
mod delivery;
mod error;
mod frame;
mod generation;
mod headers;
mod in_hand;
mod job_past;
mod job_queues;
mod memory;
mod message;
mod message_json;
mod outages;
mod outbox;
mod parked;
mod parked_fit;
mod patient;
pub mod permissions;
mod poison;
mod publisher;
mod queue_watch;
mod reply_slots;
pub mod rights;
mod run_id;
mod run_locks;
mod session;
mod stream;
mod stream_reader;
pub mod topology;
mod url_parameters;

pub use address::{BrokerLogin, redacted};
pub use alarm::watch_alarm;
pub use amqp::FrameFilter;
pub use config::Config;
pub use consumer::Consumer;
pub use consumers::JobConsumers;
pub use copies::{
    FAILURE, KEPT_BYTES, NOT_BEFORE, PROGRESS, REPLY_TO, SEAL, SUSPECT, TRUNCATED, failed_copy,
    replay_copy, result_copy,
};
pub use delivery::{Delivery, Settled};
pub use error::{BrokerError, PublishError};
pub use frame::fit_to_frame;
pub use generation::{Generation, GenerationEnd, record_lost};
pub use headers::{Death, Headers};
pub use in_hand::{InHand, Submitted};
pub use job_past::{JobPast, is_due_suspect};
pub use job_queues::JobQueue;
pub use message::{Message, Properties};
pub use outages::OutageLog;
pub use outbox::{Outbox, Sent};
pub use parked::{ParkedHeaders, ParkedState, parked_copy, read_parked_headers};
pub use patient::Unpublished;
pub use poison::Suspicion;
pub use publisher::Publisher;
pub use queue_watch::QueueWatch;
pub use run_id::{REPLAY, UNREADABLE, run_id};
pub use run_locks::{RunGuard, RunLocks};
pub use session::{Broker, Session};
pub use stream::{StreamDefinition, StreamMessage, StreamStart};
pub use stream_reader::{StreamReader, StreamSource};
