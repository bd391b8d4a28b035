//! A background worker for insurance-claims pipelines: medical-invoice jobs come from RabbitMQ, results go back.
//!
//! One job is one straight line:
//!
//! ```text
//! delivery → Job::parse → store.fetch → image.prepare → recognition.call → verification.call → checks → result
//!          → publish (confirmed) → settle(ack)
//! ```
//!
//! A failure leaves the line at one place: `Failure → policy.decide(…) → Decision`, a pure function. Short waits happen inside
//! the provider client; long ones park the job through the broker; everything else ends in a result.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`domain`] | what is decided: pure functions of values |
//! | [`provider`] | the two paid APIs: one call each, and the client that limits and retries |
//! | [`image`] | bytes from the store, probed and made fit for each provider |
//! | [`broker`] | RabbitMQ, or the same semantics in this process |
//! | [`command`] | one file per command of the binary |
//! | [`config`] | file, environment and secrets, lifted into a validated value |
//!
//! Invariants, in the order in which they matter:
//!
//! 1. A delivery is acknowledged only after its result, or its parked copy, was confirmed by the broker.
//! 2. A paid answer is checkpointed before anything else happens.
//! 3. Only what the registry itself says is a verdict.
//! 4. Patient data, credentials and signed strings reach no log, label or error.

pub mod broker;
pub mod command;
pub mod config;
pub mod domain;
pub mod image;
pub mod provider;
#[cfg(feature = "sandbox")]
pub mod sandbox;
