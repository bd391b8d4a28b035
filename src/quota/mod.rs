//! May a call be made now? The rate of an account, shared among the workers that have calls to make,
//! learned from what the provider refuses, how many calls are made at once, and whose turn it is among
//! the job queues.
//!
//! [`AccountQuota`] is the door: [`AccountQuota::acquire`] waits for a [`CallSlot`], which takes the
//! outcome of the call.

mod account_quota;
mod concurrency;
mod in_flight;
mod learned;
mod limiter;
mod turns;

pub use account_quota::{AccountQuota, CallSlot, EndedCall};
pub use turns::{QueueWeights, TurnGuard, Turns};
