//! The decoded pixels of a picture: grey or RGB, 8 bits each, nothing transparent.

use super::super::inspect::{ImageFacts, invalid};
use super::sides::Sides;
use super::tiff_pixels;
use super::turn::turned;
use crate::domain::failure::Failure;
use crate::domain::picture::Format;
use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, ImageFormat, ImageReader, Limits};
use std::io::Cursor;

const WHITE: u8 = u8::MAX;

pub(super) struct Pixels {
    pub(super) data: Vec<u8>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) is_grey: bool,
    /// A background shone through, and is white now.
    pub(super) was_transparent: bool,
}

impl Pixels {
    /// Decodes a picture: takes milliseconds, and no more than about `max_bytes` of memory.
    ///
    /// # Errors
    /// `image.corrupt`.
    pub(super) fn decode(
        bytes: &[u8],
        facts: ImageFacts,
        page: u32,
        max_bytes: u64,
    ) -> Result<Self, Failure> {
        let picture = if facts.format == Format::Tiff {
            tiff_pixels::page(bytes, page, max_bytes)?
        } else {
            let format = library_format(facts.format);
            let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
            let mut limits = Limits::default();
            limits.max_alloc = Some(max_bytes);
            reader.limits(limits);
            reader.decode().map_err(|_| {
                let name = facts.format.as_str().to_uppercase();
                invalid("image.corrupt", format!("the {name} cannot be decoded"))
            })?
        };
        if (picture.width(), picture.height()) != (facts.width, facts.height) {
            return Err(invalid("image.corrupt", "its header and its pixels differ"));
        }
        Ok(Self::of(picture).without_needless_colour())
    }

    fn of(picture: DynamicImage) -> Self {
        let (width, height) = (picture.width(), picture.height());
        let (data, is_grey, was_transparent) = match picture {
            DynamicImage::ImageLuma8(grey) => (grey.into_raw(), true, false),
            DynamicImage::ImageLuma16(_) => (picture.into_luma8().into_raw(), true, false),
            DynamicImage::ImageLumaA8(_) | DynamicImage::ImageLumaA16(_) => {
                let (data, shone) = on_white::<2, 1>(&picture.into_luma_alpha8().into_raw());
                (data, true, shone)
            }
            DynamicImage::ImageRgba8(_)
            | DynamicImage::ImageRgba16(_)
            | DynamicImage::ImageRgba32F(_) => {
                let (data, shone) = on_white::<4, 3>(&picture.into_rgba8().into_raw());
                (data, false, shone)
            }
            other => (other.into_rgb8().into_raw(), false, false),
        };
        Self {
            data,
            width,
            height,
            is_grey,
            was_transparent,
        }
    }

    /// Grey in three colours takes three times the work.
    fn without_needless_colour(mut self) -> Self {
        if !self.is_grey {
            let (pixels, _) = self.data.as_chunks::<3>();
            if pixels
                .iter()
                .all(|[red, green, blue]| red == green && green == blue)
            {
                self.data = pixels.iter().map(|[grey, ..]| *grey).collect();
                self.is_grey = true;
            }
        }
        self
    }

    pub(super) fn channels(&self) -> usize {
        if self.is_grey { 1 } else { 3 }
    }

    /// The same picture with these sides, upright by `orientation`, of which `upright` are its
    /// sides.
    ///
    /// # Errors
    /// `image.corrupt`, though nothing that was decoded has no sides.
    pub(super) fn shaped(self, upright: Sides, orientation: u8) -> Result<Self, Failure> {
        let stored = if orientation >= 5 {
            (upright.1, upright.0)
        } else {
            upright
        };
        let mut shaped = self.resized(stored)?;
        if orientation != 1 {
            let sides = (shaped.width as usize, shaped.height as usize);
            let (data, _) = if shaped.is_grey {
                turned::<1>(&shaped.data, sides, orientation)
            } else {
                turned::<3>(&shaped.data, sides, orientation)
            };
            shaped.data = data;
            (shaped.width, shaped.height) = upright;
        }
        Ok(shaped)
    }

    fn resized(mut self, (width, height): Sides) -> Result<Self, Failure> {
        if (width, height) == (self.width, self.height) {
            return Ok(self);
        }
        let kind = if self.is_grey {
            PixelType::U8
        } else {
            PixelType::U8x3
        };
        let failed = |_| invalid("image.corrupt", "the picture cannot be shrunk");
        let source = Image::from_slice_u8(self.width, self.height, &mut self.data, kind)
            .map_err(|_| invalid("image.corrupt", "the picture cannot be shrunk"))?;
        let mut target = Image::new(width, height, kind);
        let lanczos = ResizeAlg::Convolution(FilterType::Lanczos3);
        Resizer::new()
            .resize(
                &source,
                &mut target,
                &ResizeOptions::new().resize_alg(lanczos),
            )
            .map_err(failed)?;
        Ok(Self {
            data: target.into_vec(),
            width,
            height,
            ..self
        })
    }
}

fn library_format(format: Format) -> ImageFormat {
    match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::Bmp => ImageFormat::Bmp,
        Format::Tiff => ImageFormat::Tiff,
        Format::Webp => ImageFormat::WebP,
        Format::Gif => ImageFormat::Gif,
    }
}

/// Pixels of `N` bytes, the last of which is how opaque they are, on white; and whether that
/// shows.
fn on_white<const N: usize, const M: usize>(pixels: &[u8]) -> (Vec<u8>, bool) {
    let (pixels, _) = pixels.as_chunks::<N>();
    let mut shone = false;
    let mut opaque = Vec::with_capacity(pixels.len() * M);
    for pixel in pixels {
        let alpha = pixel[M];
        shone |= alpha != u8::MAX;
        opaque.extend(pixel[..M].iter().map(|colour| blended(*colour, alpha)));
    }
    (opaque, shone)
}

fn blended(colour: u8, alpha: u8) -> u8 {
    let (colour, alpha) = (u32::from(colour), u32::from(alpha));
    let most = u32::from(u8::MAX);
    let mixed = (colour * alpha + u32::from(WHITE) * (most - alpha) + most / 2) / most;
    u8::try_from(mixed).unwrap_or(WHITE)
}
