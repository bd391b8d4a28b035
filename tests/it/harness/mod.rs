//! What the tests start: a private RabbitMQ, wires that can be cut, and a whole system around a
//! worker.

pub(crate) mod access_policy;
pub(crate) mod collector;
pub(crate) mod eventually;
pub(crate) mod forward_proxy;
pub(crate) mod frame;
pub(crate) mod guarded_store;
#[cfg(feature = "pdf")]
pub(crate) mod hostile_documents;
pub(crate) mod hostile_files;
pub(crate) mod kinds;
pub(crate) mod ledger;
pub(crate) mod otherwise;
#[cfg(feature = "pdf")]
pub(crate) mod pdf_file;
pub(crate) mod peer;
pub(crate) mod picture;
pub(crate) mod picture_files;
pub(crate) mod postgres;
pub(crate) mod program;
pub(crate) mod provider_recorder;
pub(crate) mod proxy;
pub(crate) mod python;
pub(crate) mod rabbitmq;
pub(crate) mod raw_gateway;
pub(crate) mod raw_publisher;
mod running;
pub(crate) mod setup;
pub(crate) mod system;
pub(crate) mod tls;
