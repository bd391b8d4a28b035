//! PNGs: of all kinds of colours, animated, interlaced, turned, and damaged.

use super::super::picture_files::{chunk, exif};
use super::{AS_IS, CORRUPT, End, Row, noise, page};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use std::io::{Cursor, Write};

/// Where the second chunk begins.
const BEHIND_HEADER: usize = 33;

pub(super) fn kinds() -> Vec<Row> {
    let small = png(&page(400, 300));
    let inserted = |new: &[u8]| {
        let mut bytes = small.clone();
        bytes.splice(BEHIND_HEADER..BEHIND_HEADER, new.iter().copied());
        bytes
    };
    let mut flipped = small.clone();
    flipped[small.len() / 2] ^= 4;
    let mut lying = small.clone();
    lying.splice(8..BEHIND_HEADER, header(9_000, 9_000, [8, 2, 0]));
    let animated = [
        chunk(*b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0]),
        chunk(*b"fcTL", &frame_control(400, 300)),
    ];
    let mut rows = vec![
        ("APNG", inserted(&animated.concat()), AS_IS),
        (
            "16 bits",
            png(&DynamicImage::ImageLuma16(page(400, 300).to_luma16())),
            AS_IS,
        ),
        ("palette", palette(), AS_IS),
        ("interlaced", interlaced(), AS_IS),
        ("grey PNG", png(&page(400, 300).grayscale()), AS_IS),
        ("opaque with an alpha channel", clear(255), AS_IS),
        (
            "trailing garbage",
            [&small[..], &[7; 50_000]].concat(),
            AS_IS,
        ),
        (
            "black on transparent",
            clear(0),
            End::Sent("400x300", "400x300"),
        ),
        (
            "a PNG above 5 MiB",
            png(&noise(1_600, 1_200)),
            End::Sent("1600x1200", "1600x1200"),
        ),
        (
            "megabytes of iTXt",
            inserted(&chunk(*b"iTXt", &[b'x'; 6 << 20])),
            End::Sent("400x300", "400x300"),
        ),
        (
            "a cut PNG",
            small[..small.len() / 2].to_vec(),
            End::Refused(CORRUPT, "cut off"),
        ),
        (
            "a bit-flipped PNG",
            flipped,
            End::Refused(CORRUPT, "damaged"),
        ),
        (
            "a PNG of lying sides",
            lying,
            End::Refused(CORRUPT, "damaged"),
        ),
    ];
    for orientation in 2..=8 {
        let upright = if orientation >= 5 {
            "300x400"
        } else {
            "400x300"
        };
        let bytes = inserted(&chunk(*b"eXIf", &exif(orientation)));
        rows.push((
            "a PNG turned by EXIF",
            bytes,
            End::Sent(upright, "original"),
        ));
    }
    rows
}

fn png(picture: &DynamicImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Black on the left, and black that is as opaque as `alpha` elsewhere.
fn clear(alpha: u8) -> Vec<u8> {
    png(&DynamicImage::ImageRgba8(RgbaImage::from_fn(
        400,
        300,
        |x, _| Rgba([0, 0, 0, if x < 50 { 255 } else { alpha }]),
    )))
}

fn frame_control(width: u32, height: u32) -> Vec<u8> {
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    [&[0; 4][..], &sides, &[0; 8], &[0, 1, 0, 10, 0, 0]].concat()
}

fn header(width: u32, height: u32, [bits, colours, interlace]: [u8; 3]) -> Vec<u8> {
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(
        *b"IHDR",
        &[&sides[..], &[bits, colours, 0, 0, interlace]].concat(),
    )
}

fn file(header: &[u8], more: &[u8], rows: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(rows).unwrap();
    let data = chunk(*b"IDAT", &encoder.finish().unwrap());
    let end = chunk(*b"IEND", &[]);
    [b"\x89PNG\r\n\x1a\n", header, more, &data, &end].concat()
}

/// Two colours, by their numbers.
fn palette() -> Vec<u8> {
    let row = [&[0][..], &[1; 200], &[0; 200]].concat();
    let colours = chunk(*b"PLTE", &[255, 255, 255, 20, 30, 40]);
    file(&header(400, 300, [8, 3, 0]), &colours, &row.repeat(300))
}

/// Seven passes over the same picture, each finer than the one before.
fn interlaced() -> Vec<u8> {
    let passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ];
    let mut rows = Vec::new();
    for (left, top, across, down) in passes {
        for y in (top..300_usize).step_by(down) {
            rows.push(0);
            let pixels = (left..400_usize).step_by(across);
            rows.extend(pixels.map(|x| if (x / 40 + y / 30) % 2 == 0 { 0 } else { 255 }));
        }
    }
    file(&header(400, 300, [8, 0, 1]), &[], &rows)
}
