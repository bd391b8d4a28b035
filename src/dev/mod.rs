//! For development and tests: the sandbox plays both providers and S3 on this machine, the
//! simulation plays scenarios for the policy.

#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod scenario;
mod scripted_store;
pub mod simulation;

pub use scripted_store::{StoreScript, scripted_store};
