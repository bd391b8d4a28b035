//! Reads the QR code of the bill in a decoded picture: some 16 ms of one processor for a million
//! pixels.

use super::finder_patterns;
use super::pixels::Pixels;
use crate::domain::qr::QrClaim;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A larger picture is shrunk to so many pixels: the code on a whole page still has three of them
/// for each of its modules, and grain is gone.
const MOST_PIXELS: f64 = 2_000_000.0;
/// Smaller pictures are not tried again at half their size.
const WORTH_HALVING: u32 = 400;

struct Grey {
    data: Vec<u8>,
    width: u32,
    height: u32,
}

/// The claim of the first bill's code in the picture. A reader that panics has found none.
pub(super) fn read(pixels: &Pixels) -> Option<QrClaim> {
    let look = || {
        let grey = Grey::of(pixels)?;
        claim_in(&grey).or_else(|| claim_in(&grey.halved()?))
    };
    catch_unwind(AssertUnwindSafe(look)).ok().flatten()
}

fn claim_in(grey: &Grey) -> Option<QrClaim> {
    let (width, height) = (grey.width as usize, grey.height as usize);
    let at = |x: usize, y: usize| grey.data[y * width + x];
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, at);
    let black = rqrr::PreparedImage::prepare_from_bitmap(1, 1, |_, _| true).get_pixel_at(0, 0);
    let is_black = |x: usize, y: usize| prepared.get_pixel_at(x, y) == black;
    if finder_patterns::are_too_many((width, height), is_black) {
        return None;
    }
    prepared
        .detect_grids()
        .iter()
        .find_map(|grid| QrClaim::read(&grid.decode().ok()?.1))
}

impl Grey {
    fn of(pixels: &Pixels) -> Option<Self> {
        let (width, height) = (pixels.width, pixels.height);
        let factor = (MOST_PIXELS / (f64::from(width) * f64::from(height))).sqrt();
        let kind = if pixels.is_grey {
            PixelType::U8
        } else {
            PixelType::U8x3
        };
        if factor >= 1.0 {
            return Some(Self::of_colours(&pixels.data, kind, (width, height)));
        }
        let sides = (shorter(width, factor), shorter(height, factor));
        let shrunk = shrunk(&pixels.data, (width, height), sides, kind)?;
        Some(Self::of_colours(&shrunk, kind, sides))
    }

    fn of_colours(data: &[u8], kind: PixelType, (width, height): (u32, u32)) -> Self {
        let data = if kind == PixelType::U8 {
            data.to_vec()
        } else {
            let (pixels, _) = data.as_chunks::<3>();
            pixels.iter().map(|pixel| brightness(*pixel)).collect()
        };
        Self {
            data,
            width,
            height,
        }
    }

    fn halved(&self) -> Option<Self> {
        if self.width.min(self.height) < WORTH_HALVING {
            return None;
        }
        let sides = (self.width / 2, self.height / 2);
        Some(Self {
            data: shrunk(&self.data, (self.width, self.height), sides, PixelType::U8)?,
            width: sides.0,
            height: sides.1,
        })
    }
}

fn shrunk(data: &[u8], from: (u32, u32), to: (u32, u32), kind: PixelType) -> Option<Vec<u8>> {
    let source = ImageRef::new(from.0, from.1, data, kind).ok()?;
    let mut target = Image::new(to.0, to.1, kind);
    let average = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Box));
    Resizer::new().resize(&source, &mut target, &average).ok()?;
    Some(target.into_vec())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a side times less than 1"
)]
fn shorter(side: u32, factor: f64) -> u32 {
    ((f64::from(side) * factor) as u32).max(1)
}

/// As the eye sees the three colours.
fn brightness([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 77 * u32::from(red) + 150 * u32::from(green) + 29 * u32::from(blue);
    u8::try_from(sum >> 8).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::super::inspect::inspect;
    use super::*;

    fn found(bytes: &[u8]) -> Option<String> {
        let facts = inspect(bytes, 1).ok()?;
        let pixels = Pixels::decode(bytes, facts, 1, 1 << 30).ok()?;
        let claim = read(&pixels)?;
        claim.note_no
    }

    macro_rules! sample {
        ($file:literal) => {
            include_bytes!(concat!("../../../tests/data/invoices/", $file))
        };
    }

    #[test]
    fn the_code_of_a_bill_is_read_in_every_kind_of_picture() {
        let samples: [(&[u8], &str); 4] = [
            (
                sample!("01-beijing-outpatient.jpg"),
                "01-beijing-outpatient.answers.json",
            ),
            (
                sample!("03-zhejiang-outpatient.png"),
                "03-zhejiang-outpatient.answers.json",
            ),
            (
                sample!("10-henan-outpatient-scan.bmp"),
                "10-henan-outpatient-scan.answers.json",
            ),
            (
                sample!("11-tianjin-outpatient-photo.jpg"),
                "11-tianjin-outpatient-photo.answers.json",
            ),
        ];
        for (bytes, answers) in samples {
            let path = format!(
                "{}/tests/data/invoices/{answers}",
                env!("CARGO_MANIFEST_DIR")
            );
            let answers = std::fs::read(path).unwrap();
            let answers: serde_json::Value = serde_json::from_slice(&answers).unwrap();
            let claim = QrClaim::read(answers["qr"].as_str().unwrap()).unwrap();
            assert_eq!(found(bytes), claim.note_no);
        }
    }

    /// The reader would look at each pair of them for minutes.
    #[test]
    fn a_picture_that_is_full_of_finder_patterns_is_not_read() {
        let side = 60 * 8_usize;
        let is_black = |x: usize, y: usize| {
            let (column, row) = (x % 8, y % 8);
            let is_inside = |from, to| (from..to).contains(&column) && (from..to).contains(&row);
            is_inside(0, 7) && !is_inside(1, 6) || is_inside(2, 5)
        };
        let pixel = |at: usize| {
            if is_black(at % side, at / side) {
                0
            } else {
                u8::MAX
            }
        };
        let pixels = Pixels {
            data: (0..side * side).map(pixel).collect(),
            width: 480,
            height: 480,
            is_grey: true,
            was_transparent: false,
        };
        assert!(read(&pixels).is_none());
    }

    /// A picture without any code, and noise, which looks like parts of many.
    #[test]
    fn nothing_is_read_where_there_is_no_code() {
        let mut seed = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if seed >> 31 == 0 { 0 } else { u8::MAX }
        })
        .take(300 * 300)
        .collect();
        for data in [vec![u8::MAX; 300 * 300], noise] {
            let pixels = Pixels {
                data,
                width: 300,
                height: 300,
                is_grey: true,
                was_transparent: false,
            };
            assert!(read(&pixels).is_none());
        }
        let thin = Pixels {
            data: vec![0; 3 * 3_000_000],
            width: 3_000_000,
            height: 1,
            is_grey: false,
            was_transparent: false,
        };
        assert!(read(&thin).is_none());
    }
}
