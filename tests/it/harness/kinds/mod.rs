//! The kinds of files that claims desks get, one file of each, and what each provider is to be sent.

mod foreign;
mod jpegs;
mod others;
mod pngs;

use image::{DynamicImage, RgbImage};

/// A file, and how it ends.
pub(crate) struct Kind {
    pub(crate) what: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: End,
}

pub(crate) enum End {
    /// What recognition and verification are sent: `original`, or the sides of another picture.
    Sent(&'static str, &'static str),
    /// Nothing is sent and nothing paid: the code, and what the message has to name.
    Refused(&'static str, &'static str),
}

const AS_IS: End = End::Sent("original", "original");
const CORRUPT: &str = "image.corrupt";
const UNSUPPORTED: &str = "image.unsupported_format";

/// All of them.
pub(crate) fn kinds() -> Vec<Kind> {
    let all = [
        jpegs::kinds(),
        pngs::kinds(),
        foreign::kinds(),
        others::kinds(),
    ];
    all.into_iter()
        .flatten()
        .map(|(what, bytes, end)| Kind { what, bytes, end })
        .collect()
}

type Row = (&'static str, Vec<u8>, End);

/// Lines as of text, in colour.
fn page(width: u32, height: u32) -> DynamicImage {
    let row = |dark: bool| -> Vec<u8> {
        let letter = |x: u32| dark && !(x / 3).is_multiple_of(5);
        (0..width)
            .flat_map(|x| {
                if letter(x) {
                    [40, 20, 60]
                } else {
                    [250, 248, 245]
                }
            })
            .collect()
    };
    let (dark, light) = (row(true), row(false));
    let pixels = (0..height)
        .flat_map(|y| if (y / 12) % 3 == 0 { &dark } else { &light })
        .copied();
    DynamicImage::ImageRgb8(RgbImage::from_raw(width, height, pixels.collect()).unwrap())
}

/// As good as noise: no file of it is short.
fn noise(width: u32, height: u32) -> DynamicImage {
    let mut state = 7_u32;
    let block: Vec<u8> = (0..200_003)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect();
    let length = width as usize * height as usize * 3;
    let mut pixels = block.repeat(length / block.len() + 1);
    pixels.truncate(length);
    DynamicImage::ImageRgb8(RgbImage::from_raw(width, height, pixels).unwrap())
}
