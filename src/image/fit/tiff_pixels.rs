//! One page of a TIFF as pixels.

use super::super::inspect::invalid;
use crate::domain::failure::Failure;
use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};
use std::io::Cursor;
use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;

/// Decodes the page, of pages that count from 1.
///
/// # Errors
/// `image.corrupt`, or `image.unsupported_format` for colours that are not known.
pub(super) fn page(bytes: &[u8], page: u32, max_bytes: u64) -> Result<DynamicImage, Failure> {
    let corrupt = |_| invalid("image.corrupt", "the TIFF cannot be decoded");
    let mut limits = Limits::default();
    let most = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    limits.decoding_buffer_size = most;
    limits.intermediate_buffer_size = most;
    let mut decoder = Decoder::new(Cursor::new(bytes))
        .map_err(corrupt)?
        .with_limits(limits);
    decoder
        .seek_to_image(page.saturating_sub(1) as usize)
        .map_err(corrupt)?;
    let (width, height) = decoder.dimensions().map_err(corrupt)?;
    let colours = decoder.colortype().map_err(corrupt)?;
    let palette = match colours {
        ColorType::Palette(8) => decoder.get_tag_u16_vec(Tag::ColorMap).map_err(corrupt)?,
        _ => Vec::new(),
    };
    let samples = match decoder.read_image().map_err(corrupt)? {
        DecodingResult::U8(samples) => samples,
        DecodingResult::U16(samples) => samples.iter().map(|sample| high_byte(*sample)).collect(),
        _ => return Err(unknown()),
    };
    let picture = match colours {
        ColorType::Gray(1) => grey(width, height, unpacked(&samples, width)),
        ColorType::Gray(8 | 16) => grey(width, height, samples),
        ColorType::RGB(8 | 16) => rgb(width, height, samples),
        ColorType::RGBA(8 | 16) => {
            RgbaImage::from_raw(width, height, samples).map(DynamicImage::ImageRgba8)
        }
        ColorType::Palette(8) => rgb(width, height, coloured(&samples, &palette)),
        ColorType::CMYK(8 | 16) => rgb(width, height, each::<4>(&samples, from_cmyk)),
        ColorType::YCbCr(8) => rgb(width, height, each::<3>(&samples, from_ycbcr)),
        _ => return Err(unknown()),
    };
    picture.ok_or_else(|| invalid("image.corrupt", "the TIFF has too few pixels"))
}

fn unknown() -> Failure {
    invalid(
        "image.unsupported_format",
        "the image is a TIFF of unusual colours: save it as an ordinary JPEG or PNG",
    )
}

fn grey(width: u32, height: u32, samples: Vec<u8>) -> Option<DynamicImage> {
    GrayImage::from_raw(width, height, samples).map(DynamicImage::ImageLuma8)
}

fn rgb(width: u32, height: u32, samples: Vec<u8>) -> Option<DynamicImage> {
    RgbImage::from_raw(width, height, samples).map(DynamicImage::ImageRgb8)
}

fn high_byte(sample: u16) -> u8 {
    sample.to_be_bytes()[0]
}

/// A byte for each bit; rows begin with a byte.
fn unpacked(rows: &[u8], width: u32) -> Vec<u8> {
    let width = width as usize;
    let row_bytes = width.div_ceil(8).max(1);
    let mut pixels = Vec::with_capacity(rows.len() * 8);
    for row in rows.chunks_exact(row_bytes) {
        let bit = |x: usize| row[x / 8] >> (7 - x % 8) & 1;
        pixels.extend((0..width).map(|x| if bit(x) == 1 { u8::MAX } else { 0 }));
    }
    pixels
}

/// A palette has all its reds, then its greens, then its blues.
fn coloured(indexes: &[u8], palette: &[u16]) -> Vec<u8> {
    let colours = palette.len() / 3;
    let colour = |index: usize, which: usize| {
        palette
            .get(which * colours + index)
            .map_or(0, |value| high_byte(*value))
    };
    indexes
        .iter()
        .flat_map(|index| [0, 1, 2].map(|which| colour(usize::from(*index), which)))
        .collect()
}

fn each<const N: usize>(samples: &[u8], convert: impl Fn([u8; N]) -> [u8; 3]) -> Vec<u8> {
    let (pixels, _) = samples.as_chunks::<N>();
    pixels.iter().flat_map(|pixel| convert(*pixel)).collect()
}

fn from_cmyk([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let light = |ink: u8| {
        let most = u16::from(u8::MAX);
        let product = (most - u16::from(ink)) * (most - u16::from(black)) / most;
        u8::try_from(product).unwrap_or(u8::MAX)
    };
    [light(cyan), light(magenta), light(yellow)]
}

/// As JFIF defines it, in fixed point.
fn from_ycbcr([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    let (luma, blue, red) = (i32::from(luma), i32::from(blue) - 128, i32::from(red) - 128);
    let byte = |value: i32| u8::try_from(value.clamp(0, 255)).unwrap_or(0);
    [
        byte(luma + ((91_881 * red) >> 16)),
        byte(luma - ((22_554 * blue + 46_802 * red) >> 16)),
        byte(luma + ((116_130 * blue) >> 16)),
    ]
}
