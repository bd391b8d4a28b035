//! The bytes that a job calls an image.

use bytes::Bytes;
use invoice_worker::domain::picture::{Format, Picture};
use invoice_worker::image::{ImageFacts, Limits, Prepared, Transfers, inspect, prepare};
use invoice_worker::provider::huawei::encoded_len;

const LIMITS: Limits = Limits {
    recognition_encoded_bytes: 64 << 10,
    verification_bytes: 48 << 10,
};
/// Larger ones are decoded in the same way, only for longer.
const MAX_PIXELS: u64 = 1 << 17;

/// A refusal has one of the contract's names; what is made fit for the providers is within their
/// limits and still the same picture.
pub fn image(data: &[u8]) {
    let facts = match inspect(data) {
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
        match prepare(
            &bytes,
            facts,
            Transfers::inline(verify),
            encoded_len,
            LIMITS,
        ) {
            Ok(prepared) => is_sound(&prepared, data, facts, verify),
            Err(refused) => {
                assert!(
                    matches!(
                        refused.code.as_str(),
                        "image.too_large" | "image.too_small" | "image.corrupt"
                    ),
                    "{refused}"
                );
            }
        }
    }
}

fn is_sound(prepared: &Prepared, data: &[u8], facts: ImageFacts, verify: bool) {
    match &prepared.recognition {
        Ok(Some(Picture { bytes, format })) => {
            assert!(
                bytes == data
                    && *format == facts.format
                    && encoded_len(bytes) <= LIMITS.recognition_encoded_bytes
            );
        }
        Ok(None) => panic!("no provider was to fetch it"),
        Err(refused) => assert!(
            refused.code == "image.too_large"
                && encoded_len(data) > LIMITS.recognition_encoded_bytes,
            "{refused}"
        ),
    }
    assert!(facts.width.min(facts.height) >= 15 && facts.width.max(facts.height) <= 4096);
    assert_eq!(prepared.verification.is_some(), verify);
    let Some(Picture { bytes, format }) = &prepared.verification else {
        return;
    };
    assert!(bytes.len() <= LIMITS.verification_bytes && facts.width.min(facts.height) > 128);
    assert!(matches!(format, Format::Jpeg | Format::Png));
    let sent = inspect(bytes).unwrap();
    assert_eq!(
        (sent.format, sent.width, sent.height),
        (*format, facts.width, facts.height)
    );
}
