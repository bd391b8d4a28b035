//! The bytes that a job calls an image.

use bytes::Bytes;
use invoice_worker::domain::picture::{Format, Picture};
use invoice_worker::image::{Limits, Prepared, Probed, Transfers, prepare, probe};
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
    let probed = match probe(data) {
        Ok(probed) => probed,
        Err(refused) => {
            return assert!(
                matches!(
                    refused.code.as_str(),
                    "image.unsupported_format" | "image.corrupt"
                ),
                "{refused}"
            );
        }
    };
    assert!(probed.width > 0 && probed.height > 0);
    if u64::from(probed.width) * u64::from(probed.height) > MAX_PIXELS {
        return;
    }
    let bytes = Bytes::copy_from_slice(data);
    for verify in [false, true] {
        match prepare(
            &bytes,
            probed,
            Transfers::inline(verify),
            encoded_len,
            LIMITS,
        ) {
            Ok(prepared) => is_sound(&prepared, data, probed, verify),
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

fn is_sound(prepared: &Prepared, data: &[u8], probed: Probed, verify: bool) {
    match &prepared.recognition {
        Ok(Some(Picture { bytes, format })) => {
            assert!(
                bytes == data
                    && *format == probed.format
                    && encoded_len(bytes) <= LIMITS.recognition_encoded_bytes
            );
        }
        Ok(None) => panic!("nobody asked for a URL"),
        Err(refused) => assert!(
            refused.code == "image.too_large"
                && encoded_len(data) > LIMITS.recognition_encoded_bytes,
            "{refused}"
        ),
    }
    assert!(probed.width.min(probed.height) >= 15 && probed.width.max(probed.height) <= 4096);
    assert_eq!(prepared.verification.is_some(), verify);
    let Some(Picture { bytes, format }) = &prepared.verification else {
        return;
    };
    assert!(bytes.len() <= LIMITS.verification_bytes && probed.width.min(probed.height) > 128);
    assert!(matches!(format, Format::Jpeg | Format::Png));
    assert_eq!(
        probe(bytes),
        Ok(Probed {
            format: *format,
            ..probed
        })
    );
}
