//! The model of an invoice and a job, as values and pure functions.
//!
//! Nothing here performs I/O, reads a clock, draws a random number or logs: the present and the
//! deadline are arguments. So every rule is tested with a table, and hours of waiting take no time.

pub mod account;
pub mod amount;
pub mod checks;
pub mod content_encoding;
pub mod date;
pub mod failure;
pub mod invoice;
pub mod job;
pub mod payment;
pub mod picture;
pub mod progress;
pub mod province;
pub mod qr;
pub mod reading;
pub mod registry_words;
pub mod result;
pub mod scope;
pub mod seen_bill;
pub(crate) mod spelling;
pub mod stage;
pub(crate) mod terms;
pub mod verdict;
