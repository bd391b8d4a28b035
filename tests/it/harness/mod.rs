//! Real servers for the tests, private to one run.

pub(crate) mod proxy;
pub(crate) mod rabbitmq;
mod tls;
