//! RabbitMQ. `lapin` is known here, in [`super::headers`] and in [`super::message_json`] only.

mod attempt;
mod channels;
mod connect;
mod connect_error;
mod connection;
mod consume;
mod difference;
mod direct_reply;
mod endpoint;
mod frames;
mod inspect;
mod late_confirms;
mod loss;
mod properties;
mod publish;
mod publish_proof;
mod queues;
mod receipt;
mod rights;
mod rpc;
mod session;
mod single_publish;
mod streams;
mod tls_files;
mod topology;
mod wire;

pub(super) use connect::AmqpBroker;
pub(super) use consume::AmqpConsumer;
pub use frames::FrameFilter;
pub(super) use publish::AmqpPublisher;
pub(super) use receipt::AmqpReceipt;
pub(super) use session::AmqpSession;
pub(super) use streams::{AmqpStreamReader, AmqpStreamSource};
