//! One integration binary: what it starts (a private RabbitMQ) is started once per run.

mod architecture;
mod broker;
mod flow;
mod harness;
