//! May a call be made now? The rate of an account, shared among the workers that have calls to make,
//! learned from what the provider refuses, and how many calls are made at once.

pub mod concurrency;
pub mod in_flight;
pub mod learned;
pub mod limiter;
