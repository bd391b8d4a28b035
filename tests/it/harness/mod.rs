//! What the tests start: a private RabbitMQ, and a whole system around a worker.

pub(crate) mod rabbitmq;
pub(crate) mod system;
