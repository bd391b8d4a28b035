//! Images: fetched within a budget of memory, probed, and made fit for each provider, before anything is paid.

mod fetch;
mod memory;
mod prepare;
mod probe;

pub use fetch::{Fetched, Need, fetch};
pub use memory::{ImageMemory, Reserved};
pub use prepare::{Limits, Prepared, prepare};
pub use probe::{Probed, probe};
