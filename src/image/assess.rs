//! The loader's look at bytes that are there, and what follows from it for each provider.

use super::fit::{DecodingBudget, Plan};
use super::inspect::{ImageFacts, Refusal, inspect};
use super::missing_rows::has_its_rows;
use super::transfers::{Limits, Transfers};
use crate::domain::failure::{Failure, Stage};
use crate::policy::Transfer;
use crate::provider::huawei::encoded_len;
use bytes::Bytes;

/// Inspecting more bytes than this takes long enough to be moved off the runtime's threads.
const QUICKLY_INSPECTED: usize = 1 << 20;

/// Three colours, and the coefficients of a progressive JPEG.
const DECODED_PIXEL_BYTES: u64 = 9;

/// Decides what each provider is shown.
///
/// # Errors
/// `image.too_large` or `image.too_small`: final, the job is at fault.
pub(super) async fn plan(
    limits: Limits,
    bytes: &Bytes,
    facts: ImageFacts,
    transfers: Transfers,
) -> Result<Plan, Failure> {
    let (size, copy) = (bytes.len() as u64, bytes.clone());
    let is_counted = transfers.recognition == Transfer::Inline && limits.must_count(size);
    let work = move || Plan::of(facts, size, || encoded_len(&copy), transfers, limits);
    if is_counted {
        off_the_runtime(work).await
    } else {
        work()
    }
}

/// Inspects the whole image. If its end is missing, counts also how many of its rows are there.
pub(super) async fn inspect_whole(
    decoding: &DecodingBudget,
    limits: Limits,
    bytes: &Bytes,
    page: u32,
) -> Result<ImageFacts, Refusal> {
    let facts = if bytes.len() > QUICKLY_INSPECTED {
        let copy = bytes.clone();
        tokio::task::spawn_blocking(move || inspect(&copy, page))
            .await
            .unwrap_or_else(|_| inspect(&[], 1))
    } else {
        inspect(bytes, page)
    }?;
    if !facts.is_ended {
        let copy = bytes.clone();
        let pixels = u64::from(facts.width) * u64::from(facts.height);
        let decoded_bytes = (pixels * DECODED_PIXEL_BYTES).min(limits.decoded_bytes);
        let work = move || has_its_rows(&copy, facts);
        let outcome = decoding.run(decoded_bytes, work).await;
        outcome.map_err(|failure| Refusal {
            failure: Box::new(failure),
            glance: facts.into(),
        })?;
    }
    Ok(facts)
}

/// Runs work that takes milliseconds (decoding, encoding) on a thread for blocking work.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Failure::new(
            Stage::Image,
            "image.corrupt",
            "the image brought its decoder down",
        ))
    })
}
