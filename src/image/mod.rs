//! From a job's image reference to something that both providers can be shown: read within a budget
//! of memory, looked at before anything is paid, and made fit for each provider that does not take
//! the original.

mod assess;
mod control_read;
mod document;
mod fetch;
pub mod fit;
mod header;
pub mod inspect;
mod loaded;
mod loader;
mod memory;
mod missing_rows;
mod object_read;
pub mod pdf;
mod presigned;
mod provider_image;
mod qr_reading;
mod transfers;
mod views;

pub use control_read::ControlRead;
pub use fetch::Need;
pub use inspect::{Colours, Glance, ImageFacts, Refusal, inspect};
pub use loaded::{LoadedImage, NotLoaded};
pub use loader::Loader;
pub use memory::{ImageMemory, Reserved};
pub use pdf::PdfReader;
pub use presigned::PresignedUrls;
pub use provider_image::ProviderImage;
pub use qr_reading::read_qr;
pub use transfers::{Limits, Transfers};
