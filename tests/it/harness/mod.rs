//! What the tests start: a private RabbitMQ, wires that can be cut, and a whole system around a
//! worker.

pub(crate) mod access_policy;
pub(crate) mod eventually;
pub(crate) mod forward_proxy;
pub(crate) mod frame;
pub(crate) mod guarded_store;
pub(crate) mod hostile_files;
pub(crate) mod otherwise;
pub(crate) mod peer;
pub(crate) mod picture;
pub(crate) mod program;
pub(crate) mod proxy;
pub(crate) mod python;
pub(crate) mod rabbitmq;
pub(crate) mod raw_gateway;
pub(crate) mod raw_publisher;
mod running;
pub(crate) mod setup;
pub(crate) mod system;
pub(crate) mod tls;
