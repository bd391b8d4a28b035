//! A page drawn: white where nothing is, as a PNG, or as a JPEG where that would be long.

use super::super::fault::PdfFault;
use super::fonts::PageFonts;
use hayro::hayro_syntax::page::Page;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, GrayImage, ImageEncoder, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// A page's unit is a point, of which an inch has 72.
const POINTS: f64 = 72.0;
const LEAST_DPI: f64 = 200.0;
/// Small pages are drawn finer, until their longer side has so many pixels.
const WANTED_SIDE: f64 = 2_000.0;
const MOST_DPI: f64 = 600.0;
/// A PNG that is longer is a photograph's.
const LONG_PNG_BYTES: usize = 3 << 20;
const QUALITY: u8 = 90;
/// Recognition's limit.
const LONGEST_SIDE: f64 = 4_096.0;

/// How many pixels a point of the page becomes, of which the longer side has `points`. `finest` is
/// what the images on it have.
fn scale(points: f64, finest: f64) -> f64 {
    let points = points.max(1.0);
    let wanted = (WANTED_SIDE / points).min(MOST_DPI / POINTS);
    let fine = (LEAST_DPI / POINTS)
        .max(wanted)
        .max(finest.min(MOST_DPI / POINTS));
    fine.min(LONGEST_SIDE / points)
}

/// Draws a page.
///
/// # Errors
/// An image on it cannot be decoded.
pub(super) fn drawn<'a>(
    page: &'a Page<'a>,
    fonts: &PageFonts,
    finest: f64,
) -> Result<DynamicImage, PdfFault> {
    let (width, height) = page.render_dimensions();
    let scale = scale(f64::from(width.max(height)), finest);
    #[expect(clippy::cast_possible_truncation, reason = "a small factor")]
    let scale = scale as f32;
    let pixmap = PixmapSettings {
        x_scale: scale.max(1.0 / width),
        y_scale: scale.max(1.0 / height),
        bg_color: WHITE,
    };
    let cache = RenderCache::new();
    let pixmap = render(
        page,
        &cache,
        &fonts.settings(),
        &RenderSettings::default(),
        &pixmap,
    );
    if fonts.is_picture_damaged() {
        return Err(PdfFault::Picture);
    }
    let (width, height) = (u32::from(pixmap.width()), u32::from(pixmap.height()));
    let (pixels, _) = pixmap.data_as_u8_slice().as_chunks::<4>();
    let is_grey = pixels
        .iter()
        .all(|[red, green, blue, _]| red == green && green == blue);
    let image = if is_grey {
        let pixels = pixels.iter().map(|[grey, ..]| *grey).collect();
        GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
    } else {
        let pixels = pixels
            .iter()
            .flat_map(|[red, green, blue, _]| [*red, *green, *blue]);
        RgbImage::from_raw(width, height, pixels.collect()).map(DynamicImage::ImageRgb8)
    };
    image.ok_or(PdfFault::Damaged)
}

/// The drawn page as a file.
///
/// # Errors
/// None that can happen: it is written to memory, and no side is too long.
pub(super) fn file(image: &DynamicImage) -> Result<Vec<u8>, PdfFault> {
    let mut file = Vec::new();
    PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive)
        .write_image(
            image.as_bytes(),
            image.width(),
            image.height(),
            image.color().into(),
        )
        .map_err(|_| PdfFault::Damaged)?;
    if file.len() <= LONG_PNG_BYTES {
        return Ok(file);
    }
    // A photograph.
    file.clear();
    let sides = (u16::try_from(image.width()), u16::try_from(image.height()));
    let (Ok(width), Ok(height)) = sides else {
        return Err(PdfFault::Damaged);
    };
    let colour = match image {
        DynamicImage::ImageLuma8(_) => ColorType::Luma,
        _ => ColorType::Rgb,
    };
    let mut encoder = Encoder::new(&mut file, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_1_1);
    encoder
        .encode(image.as_bytes(), width, height, colour)
        .map_err(|_| PdfFault::Damaged)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_200_dpi_and_2000_pixels_at_least_and_4096_at_most() {
        for (points, finest, pixels) in [
            (842.0, 0.0, 2_339.0),
            (400.0, 0.0, 2_000.0),
            (100.0, 0.0, 833.0),
            (842.0, 4.0, 3_368.0),
            (842.0, 40.0, 4_096.0),
            (2_384.0, 0.0, 4_096.0),
            (14_400.0, 9.0, 4_096.0),
        ] {
            let drawn = (scale(points, finest) * points).round();
            assert!((drawn - pixels).abs() < 1.0, "{points}, {finest}: {drawn}");
        }
    }
}
