//! One image from the store into one buffer, hashed while it arrives.

use super::Reserved;
use crate::domain::failure::Failure;
use crate::store::{ReadError, Revision, Store, too_large};
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Without `Debug`: it is a patient's bill.
pub(super) struct Fetched {
    pub bytes: Bytes,
    /// Hex.
    pub sha256: String,
    pub revision: Revision,
    /// The store keeps it compressed.
    pub is_packed: bool,
    /// The bytes are the picture of a document's page; the hash is the document's.
    pub page_of: Option<DocumentPage>,
    /// The part of the memory budget that the bytes take.
    pub reserved: Reserved,
}

/// Which page of which document.
#[derive(Clone, Copy)]
pub(super) struct DocumentPage {
    /// The document's length in bytes.
    pub bytes: u64,
    /// From 1.
    pub page: u32,
}

/// The memory that one job may take: its image, and what is made of it for the providers.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    pub max_image_bytes: u64,
    /// The encoded body for recognition and the transcoded image for verification, at most.
    pub max_derived_bytes: u64,
}

impl Need {
    pub fn most(self) -> u64 {
        self.max_image_bytes + self.max_derived_bytes
    }

    /// Base64 and percent-encoding make an image at most four times as long.
    pub(super) fn of(self, image_bytes: u64) -> u64 {
        image_bytes + self.max_derived_bytes.min(image_bytes.saturating_mul(4))
    }
}

/// The part of the reserved memory that is kept once the length of an image is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    WhatItNeeds,
    /// Another picture will be made of it.
    Most,
}

/// `reserved` is [`Need::most`] of the memory; what the image turns out not to need of it is given
/// back before its bytes arrive.
///
/// # Errors
/// `image.too_large`, or the store's failure.
pub(super) async fn fetch(
    store: &Store,
    mut reserved: Reserved,
    need: Need,
    keep: Keep,
    (bucket, key, version_id): (&str, &str, Option<&str>),
) -> Result<Fetched, Failure> {
    let object = store.open(bucket, key, version_id).await?;
    if let Some(length) = object.length {
        if length > need.max_image_bytes {
            return Err(too_large(need.max_image_bytes));
        }
        if keep == Keep::WhatItNeeds {
            reserved.shrink_to(need.of(length));
        }
    }
    let (revision, is_packed) = (object.revision.clone(), object.is_packed);
    let mut hash = Sha256::new();
    let max = usize::try_from(need.max_image_bytes).unwrap_or(usize::MAX);
    let bytes =
        object
            .read(max, |chunk| hash.update(chunk))
            .await
            .map_err(|error| match error {
                ReadError::TooLarge => too_large(need.max_image_bytes),
                ReadError::Failed(failure) => *failure,
            })?;
    Ok(Fetched {
        bytes,
        sha256: hex::encode(hash.finalize()),
        revision,
        is_packed,
        page_of: None,
        reserved,
    })
}
