//! Images: fetched within a budget of memory, probed, and made fit for each provider, before
//! anything is paid.

mod fetch;
mod glimpse;
mod load;
mod loaded;
mod memory;
mod object_link;
mod prepare;
mod probe;
mod transfers;

pub use fetch::{Fetched, Need, fetch};
pub use glimpse::{GLIMPSE_BYTES, ImageHeader, glimpse};
pub(crate) use load::view;
pub use load::{DECODED_AT_ONCE, Loader};
pub use loaded::LoadedImage;
pub(crate) use loaded::Object;
pub use memory::{ImageMemory, Reserved};
pub use object_link::Addresses;
pub(crate) use object_link::{Extent, ObjectLink};
pub use prepare::{Prepared, is_laborious, prepare};
pub use probe::{Probed, probe};
pub use transfers::{Limits, Transfers};
