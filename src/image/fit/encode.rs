//! Pixels as a file that is not too long: PNG where they were never a photograph, else JPEG at a
//! quality that is guessed from a sample and corrected once.

use super::super::inspect::invalid;
use super::pixels::Pixels;
use super::plan::Redraw;
use super::sides::shrunk_by;
use crate::domain::failure::Failure;
use crate::domain::picture::Format;
use crate::provider::huawei::encoded_len;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// Below it, text suffers.
const LOWEST_QUALITY: u8 = 75;
/// Above it, bytes grow faster than what can be read.
const HIGHEST_QUALITY: u8 = 90;
/// A guess stays so far below a limit.
const MARGIN: f64 = 0.94;
/// Base64 and percent-encoding make so many bytes of one that is as good as random.
const ENCODED_GROWTH: f64 = 17.0 / 12.0;
/// A sample has every so many bands of rows, of the height of a JPEG's largest blocks.
const BAND: usize = 16;
const EVERY: usize = 12;

/// A file, and how it was made.
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) format: Format,
    pub(super) quality: Option<u8>,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Writes pixels as short as `redraw` wants them. `is_drawn`: they come from a file that lost
/// nothing, a scan or a screenshot perhaps, which a PNG keeps.
///
/// # Errors
/// `image.too_large`: at the lowest quality, and as small as text can be, it is still too long.
pub(super) fn encode(pixels: Pixels, redraw: &Redraw, is_drawn: bool) -> Result<Encoded, Failure> {
    let most = max_bytes(redraw);
    // Colours of what was a JPEG were halved before.
    let sampling = if is_drawn {
        SamplingFactor::F_1_1
    } else {
        SamplingFactor::F_2_2
    };
    let guess = |quality| estimated(&pixels, |sample| Ok(jpeg(sample, quality, sampling)?.len()));
    let (low, high) = (guess(LOWEST_QUALITY)?, guess(HIGHEST_QUALITY)?);
    if is_drawn && estimated(&pixels, |sample| Ok(png(sample)?.len()))? < most.min(high * 2.0) {
        let file = png(&pixels)?;
        if fits(&file, redraw) {
            return Ok(encoded(file, Format::Png, None, &pixels));
        }
    }
    let (quality, pixels) = if low < most {
        (quality_for(most, low, high), pixels)
    } else {
        // Shrunk, each pixel has more to say than before.
        (
            LOWEST_QUALITY,
            smaller(pixels, (most / low).sqrt() * MARGIN)?,
        )
    };
    let file = jpeg(&pixels, quality, sampling)?;
    if fits(&file, redraw) {
        return Ok(encoded(file, Format::Jpeg, Some(quality), &pixels));
    }
    corrected(pixels, &file, quality, (low, high), sampling, redraw)
}

/// One more attempt, now that the length at one quality is known.
fn corrected(
    pixels: Pixels,
    file: &[u8],
    quality: u8,
    (low, high): (f64, f64),
    sampling: SamplingFactor,
    redraw: &Redraw,
) -> Result<Encoded, Failure> {
    let most = max_bytes(redraw) * MARGIN;
    let length = real_length(file, redraw);
    // The sample's growth from quality to quality is that of the whole.
    let step = (high / low).ln() / f64::from(HIGHEST_QUALITY - LOWEST_QUALITY);
    let at_lowest = length / (step * f64::from(quality - LOWEST_QUALITY)).exp();
    let (quality, pixels) = if at_lowest < most {
        let grown = at_lowest * (high / low);
        (quality_for(most, at_lowest, grown).min(quality), pixels)
    } else {
        (
            LOWEST_QUALITY,
            smaller(pixels, (most / at_lowest).sqrt() * MARGIN)?,
        )
    };
    let file = jpeg(&pixels, quality, sampling)?;
    if fits(&file, redraw) {
        return Ok(encoded(file, Format::Jpeg, Some(quality), &pixels));
    }
    Err(invalid(
        "image.too_large",
        "at the lowest quality that keeps text readable the image is still too long; crop it",
    ))
}

fn encoded(bytes: Vec<u8>, format: Format, quality: Option<u8>, pixels: &Pixels) -> Encoded {
    Encoded {
        bytes,
        format,
        quality,
        width: pixels.width,
        height: pixels.height,
    }
}

/// The length of a file that surely fits, in bytes of the file.
fn max_bytes(redraw: &Redraw) -> f64 {
    let encoded = redraw
        .max_encoded_bytes
        .map_or(f64::MAX, |most| float(most) / ENCODED_GROWTH);
    encoded.min(float(redraw.max_bytes)) * MARGIN
}

/// The length by which a file exceeds or keeps its limit, in bytes of the file.
fn real_length(file: &[u8], redraw: &Redraw) -> f64 {
    match redraw.max_encoded_bytes {
        Some(_) => (float(encoded_len(file)) / ENCODED_GROWTH).max(float(file.len())),
        None => float(file.len()),
    }
}

/// Whether the provider takes the file.
pub(super) fn fits(file: &[u8], redraw: &Redraw) -> bool {
    file.len() <= redraw.max_bytes
        && redraw
            .max_encoded_bytes
            .is_none_or(|most| encoded_len(file) <= most)
}

/// The quality at which a file has about `most` bytes that has `low` bytes at the lowest quality
/// and `high` at the highest: its length grows evenly in proportion.
fn quality_for(most: f64, low: f64, high: f64) -> u8 {
    let span = f64::from(HIGHEST_QUALITY - LOWEST_QUALITY);
    let share = if high > low {
        ((most / low).ln() / (high / low).ln()).clamp(0.0, 1.0)
    } else {
        1.0
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the span of qualities"
    )]
    let above = (share * span) as u8;
    LOWEST_QUALITY + above
}

fn smaller(pixels: Pixels, factor: f64) -> Result<Pixels, Failure> {
    let sides = shrunk_by((pixels.width, pixels.height), factor)?;
    pixels.shaped(sides, 1)
}

/// The length that `write` would make of the whole picture, by a sample of its rows.
fn estimated(
    pixels: &Pixels,
    write: impl Fn(&Pixels) -> Result<usize, Failure>,
) -> Result<f64, Failure> {
    let band_bytes = pixels.width as usize * pixels.channels() * BAND;
    let bands = pixels.data.chunks_exact(band_bytes);
    let data: Vec<u8> = bands
        .skip(EVERY / 2)
        .step_by(EVERY)
        .flatten()
        .copied()
        .collect();
    let rows = data.len() / (band_bytes / BAND);
    if rows == 0 {
        return write(pixels).map(float);
    }
    let sample = Pixels {
        data,
        height: u32::try_from(rows).unwrap_or(u32::MAX),
        ..*pixels
    };
    let share = f64::from(pixels.height) / float(rows);
    write(&sample).map(|length| float(length) * share)
}

fn jpeg(pixels: &Pixels, quality: u8, sampling: SamplingFactor) -> Result<Vec<u8>, Failure> {
    let (Ok(width), Ok(height)) = (u16::try_from(pixels.width), u16::try_from(pixels.height))
    else {
        return Err(unwritten());
    };
    let colour = if pixels.is_grey {
        ColorType::Luma
    } else {
        ColorType::Rgb
    };
    let mut file = Vec::with_capacity(pixels.data.len() / 8);
    let mut encoder = Encoder::new(&mut file, quality);
    encoder.set_sampling_factor(sampling);
    encoder
        .encode(&pixels.data, width, height, colour)
        .map_err(|_| unwritten())?;
    Ok(file)
}

fn png(pixels: &Pixels) -> Result<Vec<u8>, Failure> {
    let colour = if pixels.is_grey {
        ExtendedColorType::L8
    } else {
        ExtendedColorType::Rgb8
    };
    let mut file = Vec::with_capacity(pixels.data.len() / 8);
    PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive)
        .write_image(&pixels.data, pixels.width, pixels.height, colour)
        .map_err(|_| unwritten())?;
    Ok(file)
}

fn unwritten() -> Failure {
    invalid("image.corrupt", "the decoded picture cannot be written")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "lengths of files are far below 2^52"
)]
fn float(bytes: usize) -> f64 {
    bytes as f64
}
