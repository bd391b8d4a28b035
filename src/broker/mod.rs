//! RabbitMQ through `lapin`, or the same semantics in this process, behind one enum.
//!
//! The rest of the worker sees messages, deliveries and three operations: consume, publish (persistent, mandatory, confirmed)
//! and settle. It never sees a channel. A [`Session`] is one generation: when anything of it is lost, all of it is given up and
//! the caller connects again; what was unacknowledged is delivered again.

mod amqp;
mod headers;
mod ladder;
mod memory;
mod message;
mod topology;

pub use headers::Headers;
pub use message::{Message, Properties};
