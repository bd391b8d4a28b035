//! Images: fetched within a budget of memory, probed, and made fit for each provider, before
//! anything is paid.

mod fetch;
mod glimpse;
mod memory;
mod prepare;
mod probe;
mod transfers;

pub use fetch::{Fetched, Need, fetch};
pub use glimpse::{GLIMPSE_BYTES, Glimpse, glimpse};
pub use memory::{ImageMemory, Reserved};
pub use prepare::{Prepared, is_laborious, prepare};
pub use probe::{Probed, probe};
pub use transfers::{Limits, Transfers};
