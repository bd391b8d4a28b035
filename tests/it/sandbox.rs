//! The sandbox from outside, by HTTP and by the AWS SDK, as a worker would meet it.

#![expect(clippy::unwrap_used, reason = "the callers are part of the tests")]

mod accounting;
mod caller;
mod recognition;
mod storage;
mod storage_faults;
mod verification;
mod wire;
