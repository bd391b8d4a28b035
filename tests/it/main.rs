//! One integration binary: what it starts (a private RabbitMQ) is started once per run.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic anywhere, in its helpers, too"
)]

mod architecture;
mod broker;
mod broker_faults;
mod clients;
mod codes;
mod commands;
mod deployment;
mod documents;
mod flow;
mod fuzz;
mod harness;
mod kills;
mod kinds;
mod misconfigured_worker;
mod network;
#[cfg(feature = "pdf")]
mod pdf;
mod prepared;
mod replay;
mod rotation;
mod sandbox;
mod scenarios;
mod schema;
mod store;
mod supervision;
mod third_vendor;
mod version;
