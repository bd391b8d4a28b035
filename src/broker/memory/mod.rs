//! The same semantics in this process: for `demo`, `process` and tests in virtual time.
//!
//! Queues keep their order and are shared by all sessions; unsettled messages are delivered again,
//! at the head, when their channel closes; delay queues run on tokio's clock; the delivery limit
//! moves a job to the failed queue. Left out: persistence, length limits, priorities, expiry of
//! temporary queues, direct reply-to.

mod channel;
mod consumer;
mod queue;
mod queues;
mod session;
mod stream;
mod stream_reader;

pub(super) use channel::MemoryReceipt;
pub(super) use consumer::MemoryConsumer;
pub(super) use session::{MemoryBroker, MemoryPublisher, MemorySession};
pub(super) use stream_reader::{MemoryStreamReader, MemoryStreamSource};
