//! Whatever picture a job brings: what is sent is within the limits of the provider that it is
//! sent to, upright for recognition, or the picture is refused by the right code.

use super::{Plan, Show, draw};
use crate::domain::picture::Format;
use crate::image::{ImageFacts, Limits, Transfers, inspect};
use crate::provider::huawei::encoded_len;
use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, RgbImage};
use proptest::prelude::*;
use std::io::Cursor;

/// The providers' own limits.
const LIMITS: Limits = Limits {
    recognition_encoded_bytes: 4 << 20,
    verification_bytes: 5 << 20,
    decoded_bytes: 256 << 20,
};
const MAX_PIXELS: u32 = 600_000;

/// Rows of pixels that repeat after `period` bytes: 1 is flat, a long one is as good as noise.
fn picture(width: u32, height: u32, period: usize) -> RgbImage {
    let mut state = 7_u32;
    let block: Vec<u8> = (0..period)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect();
    let length = (width * height * 3) as usize;
    let mut pixels = block.repeat(length / period + 1);
    pixels.truncate(length);
    RgbImage::from_raw(width, height, pixels).unwrap()
}

fn file(picture: RgbImage, format: ImageFormat, orientation: u8) -> Bytes {
    let mut bytes = Cursor::new(Vec::new());
    if format == ImageFormat::Jpeg {
        let encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
        picture.write_with_encoder(encoder).unwrap();
        let entry = [1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
        let exif = [&b"Exif\0\0MM\0*\0\0\0\x08\0\x01"[..], &entry, &[0; 4]].concat();
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        let mut bytes = bytes.into_inner();
        bytes.splice(2..2, [&[0xff, 0xe1][..], &length, &exif].concat());
        return Bytes::from(bytes);
    }
    DynamicImage::ImageRgb8(picture)
        .write_to(&mut bytes, format)
        .unwrap();
    Bytes::from(bytes.into_inner())
}

/// The bytes that leave, or the code of the refusal.
fn sent(show: Show, bytes: &Bytes, facts: ImageFacts) -> Result<Bytes, String> {
    match show {
        Show::Original => Ok(bytes.clone()),
        Show::Made(redraw) => draw(bytes, facts, &redraw)
            .map(|drawn| drawn.picture.bytes)
            .map_err(|failure| failure.code),
        Show::Fetched => panic!("no provider was to fetch it"),
    }
}

fn is_refused_rightly(code: &str, facts: ImageFacts) {
    let (long, short) = (facts.width.max(facts.height), facts.width.min(facts.height));
    match code {
        "image.too_small" => assert!(short <= 128 || short * 4_096 / long < 15),
        "image.too_large" => assert!(long > 2_000),
        code => panic!("{code} of a sound picture"),
    }
}

fn is_within_limits(bytes: &Bytes, facts: ImageFacts, is_verification: bool) {
    let seen = inspect(bytes, 1).unwrap();
    let (long, short) = (seen.width.max(seen.height), seen.width.min(seen.height));
    if is_verification {
        assert!(bytes.len() <= LIMITS.verification_bytes, "{facts:?}");
        assert!(short > 128 && long <= 6_000, "{facts:?}");
        assert!(matches!(seen.format, Format::Jpeg | Format::Png));
    } else {
        assert!(
            encoded_len(bytes) <= LIMITS.recognition_encoded_bytes,
            "{facts:?}"
        );
        assert!(short >= 15 && long <= 4_096, "{facts:?}");
        assert_eq!(seen.orientation, 1);
        let upright = facts.upright_sides();
        assert_eq!(upright.0 > upright.1, seen.width > seen.height, "{facts:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn what_leaves_is_within_both_limits(
        long in 1_u32..=8_000,
        share in 1_u32..=1_000,
        is_wide in any::<bool>(),
        period in prop_oneof![Just(1_usize), Just(90), 1_000_usize..200_000],
        format in 0_usize..5,
        orientation in 1_u8..=8,
    ) {
        let short = (long * share / 1_000).clamp(1, (MAX_PIXELS / long).max(1));
        let (width, height) = if is_wide { (long, short) } else { (short, long) };
        let format = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP,
            ImageFormat::Jpeg][format];
        let bytes = file(picture(width, height, period), format, orientation);
        let facts = inspect(&bytes, 1).unwrap();
        let size = bytes.len() as u64;
        let plan = Plan::of(facts, size, || encoded_len(&bytes), Transfers::inline(true), LIMITS);
        match plan {
            Err(failure) => is_refused_rightly(&failure.code, facts),
            Ok(plan) => {
                let shown = [(plan.recognition, false), (plan.verification.unwrap(), true)];
                for (show, is_verification) in shown {
                    let outcome = show.map_err(|failure| failure.code);
                    match outcome.and_then(|show| sent(show, &bytes, facts)) {
                        Ok(body) => is_within_limits(&body, facts, is_verification),
                        Err(code) => is_refused_rightly(&code, facts),
                    }
                }
            }
        }
    }
}
