//! Configuration: file, environment and secret files, lifted into a validated value before anything is connected.

pub mod problem;
pub mod secret;
pub mod units;
