//! One integration binary: what it starts (a private RabbitMQ) is started once per run.

mod broker;
mod harness;
