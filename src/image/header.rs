//! The first bytes of an image: enough to know its format and its sides where the providers fetch
//! the rest.

use super::inspect::{ImageFacts, Refusal, inspect, inspect_beginning};
use super::pdf::is_drawable;
use crate::domain::failure::Failure;
use crate::store::{Revision, Store};
use bytes::Bytes;

/// The number of bytes that are read of an image. JPEGs have their sides behind what the camera
/// wrote, which is seldom longer.
const HEADER_BYTES: usize = 64 << 10;

/// Without `Debug`: it is a patient's bill.
pub(super) struct ImageHeader {
    bytes: Bytes,
    /// The length of the whole image in bytes, where the store says it.
    pub size: Option<u64>,
    pub revision: Revision,
}

/// Reads the first 64 KiB of an image.
///
/// # Errors
/// The store's failure.
pub(super) async fn read_header(
    store: &Store,
    (bucket, key, version_id): (&str, &str, Option<&str>),
) -> Result<ImageHeader, Failure> {
    let object = store
        .open_first(bucket, key, version_id, HEADER_BYTES)
        .await?;
    let (size, revision) = (object.size, object.revision.clone());
    Ok(ImageHeader {
        bytes: object.read_first(HEADER_BYTES).await?,
        size,
        revision,
    })
}

impl ImageHeader {
    /// Finds out what kind of image it is. `None`: the header does not end here,
    /// or it is a document, whose pages are in the rest.
    ///
    /// # Errors
    /// `image.unsupported_format` or `image.corrupt`: final, the job is at fault.
    pub(super) fn facts(&self) -> Result<Option<ImageFacts>, Refusal> {
        if is_drawable(&self.bytes) {
            return Ok(None);
        }
        if self.size == Some(self.bytes.len() as u64) {
            inspect(&self.bytes, 1).map(Some)
        } else {
            inspect_beginning(&self.bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x2c\0\0\0\xc8\x08\0\0\0\0\x77\xb4\x83\x89\0\0\x01\0IDAT";

    fn width(bytes: &'static [u8], size: Option<u64>) -> Result<Option<u32>, String> {
        let header = ImageHeader {
            bytes: Bytes::from_static(bytes),
            size,
            revision: Revision::default(),
        };
        header
            .facts()
            .map(|facts| facts.map(|facts| facts.width))
            .map_err(|refusal| refusal.failure.code)
    }

    #[test]
    fn a_header_that_does_not_end_is_no_damage_as_long_as_there_is_more() {
        assert_eq!(width(PNG, Some(100_000)), Ok(Some(300)));
        for (size, expected) in [
            (Some(100_000), Ok(None)),
            (None, Ok(None)),
            (Some(12), Err("image.corrupt".to_owned())),
        ] {
            assert_eq!(width(&PNG[..12], size), expected, "{size:?}");
        }
        assert_eq!(
            width(b"hello, world", Some(100_000)),
            Err("image.unsupported_format".to_owned()),
            "the first bytes tell"
        );
        assert_eq!(width(b"", Some(0)), Err("image.corrupt".to_owned()));
    }
}
