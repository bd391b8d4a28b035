//! Objects in a store: images are read, checkpoints read and written.
//!
//! One request a call: what a failure means, and whether to try again, is the policy's business.

mod client;
mod config;
mod credentials;
mod endpoints;
mod failure;
mod measured;
mod network;
mod object;
mod object_store;
mod packed_chunks;
mod request_timer;
mod rights;
mod s3;
mod store_clock;

pub use client::{Store, too_large};
pub use config::Config;
pub use object::{ReadError, Revision, StoredObject};
pub use object_store::{ObjectName, ObjectStore, WriteOutcome};
pub use rights::{MissingS3Permission, S3Action};
