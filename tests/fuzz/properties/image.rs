//! The bytes that a job calls an image.

use bytes::Bytes;
use invoice_worker::domain::picture::Format;
use invoice_worker::image::fit::{Plan, Show, draw};
use invoice_worker::image::{ImageFacts, Limits, Transfers, inspect};
use invoice_worker::provider::huawei::encoded_len;

const LIMITS: Limits = Limits {
    recognition_encoded_bytes: 64 << 10,
    verification_bytes: 48 << 10,
    decoded_bytes: 8 << 20,
};
/// Larger ones are decoded in the same way, only for longer.
const MAX_PIXELS: u64 = 1 << 17;

/// A refusal has one of the contract's names; what is made fit for the providers is within their
/// limits and still the same picture.
pub fn image(data: &[u8]) {
    let facts = match inspect(data, 1) {
        Ok(facts) => facts,
        Err(refused) => {
            let refused = refused.failure;
            return assert!(
                matches!(
                    refused.code.as_str(),
                    "image.unsupported_format" | "image.corrupt"
                ),
                "{refused}"
            );
        }
    };
    assert!(facts.width > 0 && facts.height > 0);
    if u64::from(facts.width) * u64::from(facts.height) > MAX_PIXELS {
        return;
    }
    let bytes = Bytes::copy_from_slice(data);
    for verify in [false, true] {
        let transfers = Transfers::inline(verify);
        let size = bytes.len() as u64;
        match Plan::of(facts, size, || encoded_len(data), transfers, LIMITS) {
            Ok(plan) => {
                is_sound(plan.recognition.as_ref().ok(), &bytes, facts, false);
                assert_eq!(plan.verification.is_some(), verify);
                if let Some(Ok(show)) = &plan.verification {
                    is_sound(Some(show), &bytes, facts, true);
                }
            }
            Err(refused) => {
                assert!(
                    matches!(refused.code.as_str(), "image.too_large" | "image.too_small"),
                    "{refused}"
                );
            }
        }
    }
}

fn is_sound(show: Option<&Show>, bytes: &Bytes, facts: ImageFacts, is_verification: bool) {
    let (sent, format) = match show {
        None => return,
        Some(Show::Fetched) => panic!("no provider was to fetch it"),
        Some(Show::Original) => (bytes.clone(), facts.format),
        Some(Show::Made(redraw)) => match draw(bytes, facts, redraw) {
            Ok(drawn) => (drawn.picture.bytes, drawn.picture.format),
            Err(refused) => {
                return assert!(
                    matches!(refused.code.as_str(), "image.too_large" | "image.corrupt"),
                    "{refused}"
                );
            }
        },
    };
    let seen = inspect(&sent, 1).unwrap();
    assert_eq!(seen.format, format);
    let (shortest, longest) = (seen.width.min(seen.height), seen.width.max(seen.height));
    if is_verification {
        assert!(sent.len() <= LIMITS.verification_bytes && shortest > 128 && longest <= 6_000);
        assert_ne!(format, Format::Bmp);
    } else {
        assert!(encoded_len(&sent) <= LIMITS.recognition_encoded_bytes);
        assert!(shortest >= 15 && longest <= 4_096);
    }
}
