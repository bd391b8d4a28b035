//! What becomes of pictures on their way to each provider.

use super::{Drawn, Plan, Reason, Show, draw};
use crate::domain::picture::Format;
use crate::image::{Colours, ImageFacts, Limits, Transfers, inspect};
use crate::policy::Transfer;
use crate::provider::huawei::encoded_len;
use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use jpeg_encoder::{ColorType, Encoder};
use std::io::Cursor;

const LIMITS: Limits = Limits {
    recognition_encoded_bytes: 4 << 20,
    verification_bytes: 5 << 20,
    decoded_bytes: 256 << 20,
};
const BY_URL: Transfers = Transfers {
    recognition: Transfer::Url,
    verification: Some(Transfer::Url),
};

fn facts(format: Format, width: u32, height: u32) -> ImageFacts {
    ImageFacts {
        format,
        width,
        height,
        page: 1,
        orientation: 1,
        colours: Colours::Plain,
        channels: 3,
        is_progressive: false,
        metadata_bytes: 0,
        is_ended: true,
    }
}

fn told(show: &Result<Show, crate::domain::failure::Failure>) -> String {
    match show {
        Ok(Show::Fetched) => "fetched".to_owned(),
        Ok(Show::Original) => "original".to_owned(),
        Ok(Show::Made(redraw)) => format!("{}x{}", redraw.sides.0, redraw.sides.1),
        Err(failure) => failure.code.clone(),
    }
}

/// What recognition and verification are shown.
fn plan(facts: ImageFacts, bytes: u64, transfers: Transfers) -> (String, String) {
    let encoded_len = || usize::try_from(bytes * 2).unwrap();
    match Plan::of(facts, bytes, encoded_len, transfers, LIMITS) {
        Ok(plan) => (
            told(&plan.recognition),
            plan.verification.as_ref().map_or("-".to_owned(), told),
        ),
        Err(failure) => (failure.code.clone(), failure.code),
    }
}

#[test]
fn each_provider_gets_the_original_wherever_it_takes_it() {
    let jpeg = |width, height| facts(Format::Jpeg, width, height);
    let turned = |facts: ImageFacts, orientation| ImageFacts {
        orientation,
        ..facts
    };
    for (facts, megabytes, verify, expected) in [
        (jpeg(2_480, 3_508), 1, true, ("original", "original")),
        (jpeg(15, 15), 0, false, ("original", "-")),
        (
            jpeg(14, 300),
            0,
            false,
            ("image.too_small", "image.too_small"),
        ),
        (jpeg(128, 300), 0, true, ("original", "image.too_small")),
        (
            jpeg(10, 300),
            0,
            true,
            ("image.too_small", "image.too_small"),
        ),
        (jpeg(4_096, 200), 1, true, ("original", "original")),
        (jpeg(4_624, 3_468), 2, true, ("4096x3072", "original")),
        (jpeg(4_000, 3_000), 4, true, ("4000x3000", "original")),
        (jpeg(8_192, 6_144), 2, true, ("4096x3072", "4096x3072")),
        (jpeg(4_000, 3_000), 6, true, ("4000x3000", "4000x3000")),
        (
            turned(jpeg(4_000, 3_000), 6),
            1,
            true,
            ("3000x4000", "original"),
        ),
        (turned(jpeg(300, 200), 3), 0, true, ("300x200", "original")),
        (jpeg(1_080, 9_000), 1, true, ("492x4096", "720x6000")),
        (
            jpeg(20_000, 200),
            1,
            true,
            ("image.too_large", "image.too_large"),
        ),
        (jpeg(5_900, 140), 1, true, ("4096x97", "original")),
        (
            jpeg(30_000, 30_000),
            9,
            true,
            ("image.too_large", "image.too_large"),
        ),
        (
            facts(Format::Bmp, 800, 600),
            1,
            true,
            ("800x600", "800x600"),
        ),
        (facts(Format::Bmp, 800, 600), 0, false, ("original", "-")),
    ] {
        let (recognition, verification) = plan(facts, megabytes << 20, Transfers::inline(verify));
        assert_eq!(
            (recognition.as_str(), verification.as_str()),
            expected,
            "{facts:?}, {megabytes} MiB"
        );
    }
}

#[test]
fn what_does_not_fit_is_not_fetched() {
    for (facts, bytes, expected) in [
        (
            facts(Format::Jpeg, 300, 200),
            3_145_728,
            ("fetched", "fetched"),
        ),
        (
            facts(Format::Jpeg, 300, 200),
            3_145_729,
            ("300x200", "fetched"),
        ),
        (facts(Format::Bmp, 300, 200), 1_000, ("fetched", "300x200")),
        (
            facts(Format::Jpeg, 5_000, 4_000),
            1_000,
            ("4096x3277", "fetched"),
        ),
    ] {
        let (recognition, verification) = plan(facts, bytes, BY_URL);
        assert_eq!((recognition.as_str(), verification.as_str()), expected);
    }
}

fn page(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        if (x / 3 + y / 7) % 5 == 0 {
            Rgb([20, 10, 30])
        } else {
            Rgb([250, 245, 240])
        }
    })
}

fn noise(width: u32, height: u32) -> RgbImage {
    let mut state = 1_u32;
    RgbImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, red, green, blue] = state.to_le_bytes();
        Rgb([red, green, blue])
    })
}

fn written(picture: &DynamicImage, format: ImageFormat) -> Bytes {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    Bytes::from(bytes.into_inner())
}

fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    picture.write_with_encoder(encoder).unwrap();
    bytes
}

/// With EXIF data that says how it has to be turned.
fn jpeg_turned(picture: &RgbImage, orientation: u8) -> Bytes {
    let mut bytes = jpeg(picture, 90);
    let entry = [1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
    let exif = [&b"Exif\0\0MM\0*\0\0\0\x08\0\x01"[..], &entry, &[0; 4]].concat();
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    bytes.splice(2..2, [&[0xff, 0xe1][..], &length, &exif].concat());
    Bytes::from(bytes)
}

/// The pictures for recognition and for verification.
fn drawn(bytes: &Bytes, limits: Limits) -> [Option<Drawn>; 2] {
    let facts = inspect(bytes, 1).unwrap();
    let size = bytes.len() as u64;
    let transfers = Transfers::inline(true);
    let plan = Plan::of(facts, size, || encoded_len(bytes), transfers, limits).unwrap();
    let make = |show| match show {
        Show::Made(redraw) => Some(draw(bytes, facts, &redraw).unwrap()),
        Show::Original | Show::Fetched => None,
    };
    [
        plan.recognition.map(make).unwrap(),
        plan.verification.unwrap().map(make).unwrap(),
    ]
}

#[test]
fn a_picture_that_lies_on_its_side_stands_upright_for_recognition() {
    let bytes = jpeg_turned(&page(400, 200), 6);
    let [Some(recognition), None] = drawn(&bytes, LIMITS) else {
        panic!("only for recognition")
    };
    let seen = inspect(&recognition.picture.bytes, 1).unwrap();
    assert_eq!((seen.width, seen.height, seen.orientation), (200, 400, 1));
    let prepared = recognition.prepared.unwrap();
    assert_eq!((prepared.turned, prepared.quality), (true, Some(90)));
    let upright = image::load_from_memory(&recognition.picture.bytes)
        .unwrap()
        .to_rgb8();
    let expected = image::imageops::rotate90(&page(400, 200));
    let differences = upright.iter().zip(expected.iter());
    let sum: u64 = differences
        .map(|(one, other)| u64::from(one.abs_diff(*other)))
        .sum();
    assert!(sum / (upright.len() as u64) < 40, "the same picture");
}

#[test]
fn what_is_too_long_is_re_encoded_within_its_limit() {
    let limits = Limits {
        recognition_encoded_bytes: 1_100_000,
        verification_bytes: 900_000,
        ..LIMITS
    };
    for (what, picture) in [("noise", noise(2_600, 400)), ("a page", page(2_600, 400))] {
        let bytes = Bytes::from(jpeg(&picture, 98));
        let [recognition, verification] = drawn(&bytes, limits);
        let sent = recognition.map_or(bytes.clone(), |drawn| drawn.picture.bytes);
        assert!(encoded_len(&sent) <= 1_100_000, "{what}");
        let sent = verification.map_or(bytes, |drawn| drawn.picture.bytes);
        assert!(sent.len() <= 900_000, "{what}");
    }
}

#[test]
fn metadata_goes_before_pixels_are_touched() {
    let mut bytes = jpeg(&page(400, 300), 90);
    let original = bytes.clone();
    let profile = [&[0xff, 0xe2, 0xff, 0xff][..], &vec![7; 65_533]].concat();
    bytes.splice(2..2, profile.repeat(100));
    let [Some(recognition), Some(verification)] = drawn(&Bytes::from(bytes), LIMITS) else {
        panic!("6 MB")
    };
    for drawn in [recognition, verification] {
        assert_eq!(
            drawn.picture.bytes, original,
            "but for its metadata the same"
        );
        assert_eq!(drawn.prepared.unwrap().quality, None);
    }
}

#[test]
fn black_on_transparent_becomes_black_on_white_and_opaque_stays_as_it_is() {
    let clear = |alpha| {
        let picture = RgbaImage::from_fn(300, 200, |x, _| {
            if x < 50 {
                Rgba([0, 0, 0, 255])
            } else {
                Rgba([0, 0, 0, alpha])
            }
        });
        written(&DynamicImage::ImageRgba8(picture), ImageFormat::Png)
    };
    let [Some(recognition), Some(verification)] = drawn(&clear(0), LIMITS) else {
        panic!("both")
    };
    for drawn in [recognition, verification] {
        assert!(drawn.prepared.is_some());
        let seen = image::load_from_memory(&drawn.picture.bytes)
            .unwrap()
            .to_rgb8();
        assert_eq!(
            (seen.get_pixel(10, 10).0, seen.get_pixel(100, 10).0),
            ([0; 3], [255; 3])
        );
    }
    let opaque = clear(255);
    for drawn in drawn(&opaque, LIMITS).into_iter().flatten() {
        assert!(drawn.prepared.is_none());
        assert_eq!(drawn.picture.bytes.as_ptr(), opaque.as_ptr());
    }
}

#[test]
fn a_picture_for_print_becomes_rgb_for_both() {
    let mut bytes = Vec::new();
    let pixels = [0, 200, 200, 0].repeat(300 * 200);
    let encoder = Encoder::new(&mut bytes, 90);
    encoder.encode(&pixels, 300, 200, ColorType::Cmyk).unwrap();
    for drawn in drawn(&Bytes::from(bytes), LIMITS) {
        let seen = image::load_from_memory(&drawn.unwrap().picture.bytes).unwrap();
        assert!(!seen.color().has_alpha());
        let [red, green, blue] = seen.to_rgb8().get_pixel(150, 100).0;
        assert!(
            red > 200 && green < 100 && blue < 100,
            "{red} {green} {blue}"
        );
    }
}

#[test]
fn a_grey_scan_stays_grey_and_a_bmp_becomes_shorter() {
    let grey = DynamicImage::ImageLuma8(image::imageops::grayscale(&page(800, 600)));
    for picture in [grey.clone(), DynamicImage::ImageRgb8(grey.to_rgb8())] {
        let bmp = written(&picture, ImageFormat::Bmp);
        for drawn in drawn(&bmp, LIMITS) {
            let drawn = drawn.unwrap();
            assert_eq!(drawn.picture.format, Format::Png);
            assert!(drawn.picture.bytes.len() < bmp.len());
            let seen = image::load_from_memory(&drawn.picture.bytes).unwrap();
            assert_eq!(seen, grey, "the very pixels");
        }
    }
}

#[test]
fn what_cannot_be_decoded_is_corrupt() {
    let mut png = written(&DynamicImage::ImageRgb8(page(300, 200)), ImageFormat::Bmp).to_vec();
    // Compressed in a way that no decoder knows what to do with its rows.
    png[30] = 1;
    png[28] = 8;
    let facts = inspect(&png, 1).unwrap();
    let transfers = Transfers::inline(true);
    let plan = Plan::of(facts, png.len() as u64, || 0, transfers, LIMITS).unwrap();
    let Ok(Show::Made(redraw)) = plan.recognition else {
        panic!("a BMP")
    };
    assert_eq!(redraw.reason, Reason::Pixels);
    let outcome = draw(&Bytes::from(png), facts, &redraw);
    assert_eq!(
        outcome.err().map(|failure| failure.code),
        Some("image.corrupt".to_owned())
    );
}
