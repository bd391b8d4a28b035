//! Pictures that take no time to read.

use image::{GrayImage, ImageFormat, Luma};
use invoice_worker::dev::sandbox::samples;
use rqrr::BitGrid as _;
use std::io::Cursor;

/// Of a QR code, in pixels, and the white around the code, in modules.
const MODULE: u32 = 4;
const MARGIN: u32 = 4;

/// The QR code of a sample, drawn anew: it is all that the sandbox reads, and the whole page many
/// times would take minutes.
pub(crate) fn only_its_code(sample: &str) -> Vec<u8> {
    let page = image::load_from_memory(samples::named(sample).unwrap().bytes)
        .unwrap()
        .into_luma8();
    let (width, height) = (page.width() as usize, page.height() as usize);
    let mut seen = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
        page.as_raw()[y * width + x]
    });
    let code = &seen.detect_grids()[0].grid;
    let side = MODULE * (u32::try_from(code.size()).unwrap() + 2 * MARGIN);
    let module = |pixel: u32| {
        (pixel / MODULE)
            .checked_sub(MARGIN)
            .map(|module| module as usize)
            .filter(|module| *module < code.size())
    };
    let is_dark = |x, y| {
        module(x)
            .zip(module(y))
            .is_some_and(|(x, y)| code.bit(y, x))
    };
    let drawn = GrayImage::from_fn(side, side, |x, y| {
        Luma([if is_dark(x, y) { 0 } else { u8::MAX }])
    });
    let mut png = Cursor::new(Vec::new());
    drawn.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}
