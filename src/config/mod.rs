//! Configuration: file, environment and secret files, lifted into a validated value before anything
//! is connected.
//!
//! Each module owns its section; this one gathers them. [`Config::load`] reads them, and
//! [`Config::validate`] and its variants check what a command needs, so that a command that connects
//! to nothing needs no settings.

mod accounts;
mod environment;
mod error;
mod fleet;
mod list;
mod load;
mod seal;
mod secret_files;
mod sections;
mod setting;
mod whole;

pub use environment::FILE_VARIABLE;
pub use error::ConfigError;
pub use seal::SealConfig;
pub use sections::{PolicyConfig, ReadQr, WorkerConfig};
pub use whole::Config;

#[cfg(test)]
mod tests;
