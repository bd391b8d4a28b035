//! May a call be made now? The rate of an account, shared among the workers that have calls to make,
//! learned from what the provider refuses, and how many calls are made at once.
//!
//! [`AccountQuota`] is the door: [`AccountQuota::acquire`] waits for a [`CallSlot`], which takes the
//! outcome of the call.

mod account_quota;
mod concurrency;
mod in_flight;
mod learned;
mod limiter;

pub use account_quota::{AccountQuota, CallSlot, EndedCall};
