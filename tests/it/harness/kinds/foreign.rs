//! Pictures in formats that are converted for both providers.

use super::super::picture_files::tiff;
use super::{CORRUPT, End, Row, page};
use image::{DynamicImage, ImageFormat};
use std::io::Cursor;

const BOTH: End = End::Sent("400x300", "400x300");

pub(super) fn kinds() -> Vec<Row> {
    let colour = page(400, 300);
    let bmp = written(&colour, ImageFormat::Bmp);
    let webp = written(&colour, ImageFormat::WebP);
    let tiff = tiff(&colour.to_luma8());
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let alpha = DynamicImage::ImageRgba8(colour.to_rgba8());
    let scan = page(1_654, 2_339).grayscale();
    vec![
        ("BMP of 24 bits", bmp.clone(), BOTH),
        ("BMP of 32 bits", written(&alpha, ImageFormat::Bmp), BOTH),
        ("BMP from the top down", top_down(&bmp), BOTH),
        ("BMP of OS/2", os2(), BOTH),
        (
            "an A4 scan as BMP",
            written(&scan, ImageFormat::Bmp),
            End::Sent("1654x2339", "1654x2339"),
        ),
        ("half a BMP", half(&bmp), End::Refused(CORRUPT, "cut off")),
        ("TIFF", tiff.clone(), BOTH),
        ("half a TIFF", half(&tiff), End::Refused(CORRUPT, "")),
        ("WebP", webp.clone(), BOTH),
        ("half a WebP", half(&webp), End::Refused(CORRUPT, "")),
        ("GIF", written(&colour, ImageFormat::Gif), BOTH),
    ]
}

fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The same rows, of which the first is now the upper one.
fn top_down(bmp: &[u8]) -> Vec<u8> {
    let mut bytes = bmp.to_vec();
    bytes[22..26].copy_from_slice(&(-300_i32).to_le_bytes());
    bytes
}

/// The short header, with sides of two bytes.
fn os2() -> Vec<u8> {
    let row = [200, 190, 180].repeat(400);
    let pixels = row.repeat(300);
    let length = u32::try_from(26 + pixels.len()).unwrap().to_le_bytes();
    let file = [b"BM", &length[..], &[0; 4], &26_u32.to_le_bytes()].concat();
    let header = [12, 0, 0, 0, 0x90, 1, 0x2c, 1, 1, 0, 24, 0];
    [&file[..], &header, &pixels].concat()
}
