//! Pictures in formats that no provider takes.

use super::{Drawn, Plan, Show, draw};
use crate::domain::failure::Failure;
use crate::domain::picture::Format;
use crate::image::{Limits, Transfers, inspect};
use bytes::Bytes;
use fax::{Color, VecWriter, encoder::Encoder as FaxEncoder};
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use std::io::Cursor;

const LIMITS: Limits = Limits {
    recognition_encoded_bytes: 4 << 20,
    verification_bytes: 5 << 20,
    decoded_bytes: 64 << 20,
};
const SIDES: (u32, u32) = (300, 200);

fn page() -> RgbImage {
    RgbImage::from_fn(SIDES.0, SIDES.1, |x, y| {
        if (x / 30 + y / 20) % 2 == 0 {
            Rgb([200, 30, 40])
        } else {
            Rgb([250, 250, 250])
        }
    })
}

fn black_and_white() -> GrayImage {
    GrayImage::from_fn(SIDES.0, SIDES.1, |x, y| {
        Luma([if (x / 30 + y / 20) % 2 == 0 {
            0
        } else {
            u8::MAX
        }])
    })
}

/// A page of a TIFF: how its one strip is packed, what its samples mean, and the strip.
struct Page {
    compression: u16,
    colours: u16,
    bits: Vec<u16>,
    strip: Vec<u8>,
}

fn tiff(pages: &[Page]) -> Bytes {
    let mut file = b"II*\0\0\0\0\0".to_vec();
    let mut link = 4;
    for Page {
        compression,
        colours,
        bits,
        strip,
    } in pages
    {
        let (data, length) = (file.len(), strip.len());
        file.extend_from_slice(strip);
        file.resize(file.len().next_multiple_of(2), 0);
        let bits_at = file.len();
        file.extend(bits.iter().flat_map(|bits| bits.to_le_bytes()));
        let bits_value = if bits.len() == 1 {
            usize::from(bits[0])
        } else {
            bits_at
        };
        let directory = file.len();
        file.splice(
            link..link + 4,
            u32::try_from(directory).unwrap().to_le_bytes(),
        );
        let entries: [(u16, u16, usize, usize); 9] = [
            (256, 4, 1, SIDES.0 as usize),
            (257, 4, 1, SIDES.1 as usize),
            (258, 3, bits.len(), bits_value),
            (259, 3, 1, usize::from(*compression)),
            (262, 3, 1, usize::from(*colours)),
            (273, 4, 1, data),
            (277, 3, 1, bits.len()),
            (278, 4, 1, SIDES.1 as usize),
            (279, 4, 1, length),
        ];
        file.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
        for (tag, kind, count, value) in entries {
            file.extend(tag.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend(u32::try_from(count).unwrap().to_le_bytes());
            file.extend(u32::try_from(value).unwrap().to_le_bytes());
        }
        link = file.len();
        file.extend([0; 4]);
    }
    Bytes::from(file)
}

fn jpeg_page() -> Page {
    let mut strip = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut strip, 90);
    page().write_with_encoder(encoder).unwrap();
    Page {
        compression: 7,
        colours: 6,
        bits: vec![8, 8, 8],
        strip,
    }
}

fn fax_page() -> Page {
    let picture = black_and_white();
    let mut encoder = FaxEncoder::new(VecWriter::new());
    let width = usize::try_from(SIDES.0).unwrap();
    for row in picture.as_raw().chunks(width) {
        let row = row.iter().map(|grey| {
            if *grey == 0 {
                Color::Black
            } else {
                Color::White
            }
        });
        encoder
            .encode_line(row, u16::try_from(width).unwrap())
            .unwrap();
    }
    let strip = encoder.finish().unwrap().finish();
    Page {
        compression: 4,
        colours: 0,
        bits: vec![1],
        strip,
    }
}

fn plain_page() -> Page {
    Page {
        compression: 1,
        colours: 2,
        bits: vec![8, 8, 8],
        strip: page().into_raw(),
    }
}

/// What recognition is shown of a page, which is what verification is shown.
fn drawn(bytes: &Bytes, number: u32) -> Result<Drawn, Failure> {
    let facts = inspect(bytes, number).map_err(|refusal| *refusal.failure)?;
    let size = bytes.len() as u64;
    let plan = Plan::of(facts, size, || 0, Transfers::inline(true), LIMITS)?;
    let (Ok(Show::Made(one)), Some(Ok(Show::Made(other)))) = (plan.recognition, plan.verification)
    else {
        panic!("no provider takes it")
    };
    assert_eq!(one, other, "one picture does for both");
    draw(bytes, facts, &one)
}

fn code(bytes: &Bytes, number: u32) -> Option<String> {
    drawn(bytes, number).err().map(|failure| failure.code)
}

fn is_near(seen: &DynamicImage, expected: &DynamicImage) {
    let (seen, expected) = (seen.to_rgb8(), expected.to_rgb8());
    assert_eq!(seen.dimensions(), expected.dimensions());
    let differences = seen.iter().zip(expected.iter());
    let sum: u64 = differences
        .map(|(one, other)| u64::from(one.abs_diff(*other)))
        .sum();
    assert!(sum / (seen.len() as u64) < 8, "the same picture");
}

#[test]
fn every_page_of_a_tiff_is_drawn_however_it_is_packed() {
    let file = tiff(&[plain_page(), fax_page(), jpeg_page()]);
    for (number, expected) in [
        (1, DynamicImage::ImageRgb8(page())),
        (2, DynamicImage::ImageLuma8(black_and_white())),
        (3, DynamicImage::ImageRgb8(page())),
    ] {
        let drawn = drawn(&file, number).unwrap();
        assert!(matches!(drawn.picture.format, Format::Png | Format::Jpeg));
        is_near(
            &image::load_from_memory(&drawn.picture.bytes).unwrap(),
            &expected,
        );
    }
    assert_eq!(code(&file, 4), Some("image.not_found".to_owned()));
}

#[test]
fn webp_and_gif_are_drawn() {
    for format in [ImageFormat::WebP, ImageFormat::Gif] {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(page())
            .write_to(&mut bytes, format)
            .unwrap();
        let bytes = Bytes::from(bytes.into_inner());
        let drawn = drawn(&bytes, 1).unwrap();
        assert!(drawn.prepared.is_some());
        let seen = image::load_from_memory(&drawn.picture.bytes).unwrap();
        is_near(&seen, &DynamicImage::ImageRgb8(page()));
        assert_eq!(
            code(&bytes, 2),
            Some("image.not_found".to_owned()),
            "{format:?}"
        );
        let cut = bytes.slice(..bytes.len() / 2);
        assert_eq!(
            code(&cut, 1),
            Some("image.corrupt".to_owned()),
            "half a {format:?}"
        );
    }
}

#[test]
fn a_tiff_that_is_damaged_or_unusual_is_told_so() {
    let file = tiff(&[plain_page()]);
    assert_eq!(
        code(&file.slice(..file.len() - 60), 1),
        Some("image.corrupt".to_owned())
    );
    let group_3 = tiff(&[Page {
        compression: 3,
        ..fax_page()
    }]);
    assert_eq!(
        code(&group_3, 1),
        Some("image.unsupported_format".to_owned())
    );
    let lab = tiff(&[Page {
        colours: 8,
        ..plain_page()
    }]);
    assert!(code(&lab, 1).is_some());
}
