//! Reads the bill's QR code here, beside the paid calls, where that takes nothing from them.

use super::fit::qr_of_original;
use super::inspect::inspect;
use super::{LoadedImage, Loader};
use crate::domain::qr::QrClaim;
use crate::domain::result::ImagePart;

/// The part of one processor that reading may take while calls are made as fast as the account
/// allows: the rest of it, and the others, are for the calls.
const PART_OF_A_PROCESSOR: f64 = 0.5;
/// Seconds of one processor for a million pixels: to decode them, and to read the code in the two
/// million pixels that a larger picture is shrunk to.
const DECODING: f64 = 0.010;
const READING: f64 = 0.020;
const MOST_READ: f64 = 2.0;
/// Bytes that are held for each pixel meanwhile.
const PIXEL_BYTES: u64 = 8;

/// Whether the code of every picture may be read where so many calls are made in a second.
fn leaves_a_processor_idle(calls_per_second: f64, (width, height): (u32, u32)) -> bool {
    let millions = f64::from(width) * f64::from(height) / 1e6;
    let seconds = DECODING * millions + READING * millions.min(MOST_READ);
    calls_per_second * seconds <= PART_OF_A_PROCESSOR
}

/// The claim of the code in the original, for an image that was fetched, of which no other
/// picture is made (that one's code is read when it is made), and where `calls_per_second` of
/// the account leave time for it. The pixels wait for their memory like any others.
pub async fn read_qr(
    loader: &Loader,
    image: &LoadedImage,
    calls_per_second: f64,
) -> Option<QrClaim> {
    let ImagePart::Object {
        width: Some(width),
        height: Some(height),
        ..
    } = image.part
    else {
        return None;
    };
    let object = image.object.as_ref()?;
    let bytes = object.bytes.clone()?;
    let pixel_bytes = u64::from(width) * u64::from(height) * PIXEL_BYTES;
    if !loader.decoding.reads_qr()
        || image.made.are_any()
        || pixel_bytes > loader.limits.decoded_bytes
        || !leaves_a_processor_idle(calls_per_second, (width, height))
    {
        return None;
    }
    let work = move || {
        let facts = inspect(&bytes, 1).map_err(|refusal| *refusal.failure)?;
        qr_of_original(&bytes, facts, pixel_bytes)
    };
    object.decoding.run(pixel_bytes, work).await.ok().flatten()
}

impl LoadedImage {
    /// The claim of the code in a picture that was made for a provider.
    pub fn made_qr(&self) -> Option<QrClaim> {
        self.made.qr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_account_leaves_no_time_for_reading_and_a_slow_one_does() {
        for (calls_per_second, sides, expected) in [
            (10.0, (1_200, 869), true),
            (10.0, (1_600, 1_000), true),
            (20.0, (1_200, 869), false),
            (100.0, (1_200, 869), false),
            (10.0, (4_000, 3_000), false),
            (3.0, (4_000, 3_000), true),
            (1.0, (6_000, 6_000), true),
            (1_000_000.0, (1, 1), true),
            (f64::INFINITY, (1_200, 869), false),
        ] {
            assert_eq!(
                leaves_a_processor_idle(calls_per_second, sides),
                expected,
                "{calls_per_second} {sides:?}"
            );
        }
    }
}
