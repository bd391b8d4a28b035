//! From a job's image reference to something that both providers can be shown: read within a budget
//! of memory, probed, and made fit for each provider, before anything is paid.

mod fetch;
mod header;
pub mod inspect;
mod loaded;
mod loader;
mod memory;
mod missing_rows;
mod prepare;
mod presigned;
mod provider_image;
mod transfers;

pub use fetch::Need;
pub use inspect::{Colours, Glance, ImageFacts, Refusal, inspect};
pub use loaded::{LoadedImage, NotLoaded};
pub use loader::{DECODED_AT_ONCE, Loader};
pub use memory::{ImageMemory, Reserved};
pub use prepare::{Prepared, prepare};
pub use presigned::PresignedUrls;
pub use provider_image::ProviderImage;
pub use transfers::{Limits, Transfers};
