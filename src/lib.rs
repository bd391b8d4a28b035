//! A background worker for insurance-claims pipelines: medical-invoice jobs come from RabbitMQ,
//! results go back.
//!
//! One job is one straight line:
//!
//! ```text
//! delivery → Job::parse → store.fetch → image.prepare → recognition.call → verification.call → checks → result
//!          → publish (confirmed) → settle(ack)
//! ```
//!
//! A failure leaves the line at one place: `Failure → policy.decide(…) → Decision`, a pure
//! function. Short waits happen inside the account's call; long ones park the job through the
//! broker; everything else ends in a result.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`command`] | one file per command: wires the parts and starts them |
//! | [`app`] | from a configuration to the parts that work with it |
//! | [`worker`] | receive, take a turn with each delivery, publish, settle; reconnect; drain |
//! | [`pipeline`] | the straight line between a parsed job and its result |
//! | `result_builder` | what has been found out about a job, and the result it becomes |
//! | [`domain`] | what an invoice is: job, bill, amounts, dates, checks, verdict, result, progress |
//! | [`provider`] | the paid APIs, a folder for each vendor, and the accounts that are called within limits |
//! | [`breaker`] | in front of every call: closed stages, provinces and bills, shared with the other workers |
//! | [`quota`] | how many calls this worker may make of an account's rate, and how many at once |
//! | [`budget`] | what may be spent in a day or a month, and whether one more call fits in |
//! | [`ledger`] | what each turn of a job did and cost, as events of a stream |
//! | [`cluster`] | what the workers of a fleet know of each other |
//! | [`policy`] | what a failure means: the table of codes, and what follows from it |
//! | [`retry`] | a failure judged by the policy, waited out in place or handed up |
//! | [`image`] | bytes from the store, probed and made fit for each provider |
//! | [`checkpoint`] | paid answers, kept: memory in front of S3 |
//! | [`store`] | one request at a time to any S3-compatible store |
//! | [`broker`] | RabbitMQ, or the same semantics in this process |
//! | [`seal`] | HMACs on what comes back from where others can write |
//! | [`settings`] | units, secrets, texts and problems: what sections of the configuration are made of |
//! | [`config`] | file, environment and secrets, lifted into a validated value |
//! | [`network`] | why a connection could not be made |
//! | [`telemetry`] | log, metrics, traces, health |
//! | [`build_info`] | the version, and the commit that was built |
//! | [`seen_ids`] | which ids were there before, in bounded memory |
//! | [`attempts`] | the one loop that makes the same attempt again |
//! | [`panics`] | where jobs made the program panic, and whether it may be trusted with more |
//! | [`clock`], [`randomness`], [`waits`] | the wall clock and randomness, injected; how waits grow |
//! | [`shutdown`] | signals |
//! | [`certify`] | what the worker assumes about the two APIs, and what calls to them show |
//! | [`dev`] | the sandbox: both providers and S3 on this machine; the simulation: scenarios for the policy on a simulated clock |
//!
//! Invariants, in the order in which they matter:
//!
//! 1. A delivery is acknowledged only after its result, or its parked copy, was confirmed by the
//!    broker.
//! 2. A paid answer is checkpointed before anything else happens; where S3 does not take it, it
//!    travels with its parked job.
//! 3. Only what the registry itself says is a verdict.
//! 4. Patient data, credentials and signed strings reach no log, label or error.

// The futures of a job's line are nested deeper than the compiler looks by default.
#![recursion_limit = "256"]

pub mod app;
pub mod attempts;
pub mod breaker;
pub mod broker;
pub mod budget;
pub mod build_info;
pub mod certify;
pub mod checkpoint;
pub mod clock;
pub mod cluster;
pub mod command;
pub mod config;
pub mod dev;
pub mod domain;
pub mod image;
pub mod ledger;
pub mod network;
pub mod panics;
pub mod pipeline;
pub mod policy;
pub mod provider;
pub mod quota;
pub mod randomness;
mod result_builder;
pub mod retry;
pub mod seal;
pub mod seen_ids;
pub mod settings;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod waits;
pub mod worker;
