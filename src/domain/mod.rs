//! What is decided, as functions of values.
//!
//! Nothing here performs I/O, reads a clock, draws a random number or logs: the present, the
//! deadline and the chance that spreads a wait are arguments. So every rule is tested as a table,
//! and hours of parking take no time at all.

pub mod amount;
pub mod checks;
pub mod date;
pub mod failure;
pub mod gzip;
pub mod invoice;
pub mod job;
pub mod picture;
pub mod progress;
pub mod province;
pub mod reading;
pub mod result;
pub mod scope;
pub(crate) mod spelling;
pub mod verdict;
