//! Pictures that take no time to read.

use image::codecs::jpeg::JpegEncoder;
use image::{GrayImage, ImageFormat, Luma, imageops};
use invoice_worker::dev::sandbox::samples;
use rqrr::BitGrid as _;
use std::io::Cursor;

/// Of a QR code, in pixels, and the white around the code, in modules.
const MODULE: u32 = 4;
const MARGIN: u32 = 4;
/// Of a code on a page that will be shrunk.
const LARGE_MODULE: u32 = 12;

/// The QR code of a sample, drawn anew: it is all that the sandbox reads, and the whole page many
/// times would take minutes.
pub(crate) fn only_its_code(sample: &str) -> Vec<u8> {
    let mut png = Cursor::new(Vec::new());
    let code = code_of(sample, MODULE);
    code.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

/// The QR code of a sample on a white page of this size, as a JPEG.
pub(crate) fn page_with_its_code(sample: &str, (width, height): (u32, u32)) -> Vec<u8> {
    let mut page = GrayImage::from_pixel(width, height, Luma([u8::MAX]));
    imageops::replace(&mut page, &code_of(sample, LARGE_MODULE), 40, 40);
    jpeg(&page)
}

/// The same, lying on its side: EXIF says how to turn it.
pub(crate) fn turned_page_with_its_code(sample: &str, sides: (u32, u32)) -> Vec<u8> {
    turned_by_exif(page_with_its_code(sample, sides), 6)
}

/// A JPEG with this orientation in its EXIF data.
pub(crate) fn turned_by_exif(mut bytes: Vec<u8>, orientation: u8) -> Vec<u8> {
    let entry = [1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
    let exif = [&b"Exif\0\0MM\0*\0\0\0\x08\0\x01"[..], &entry, &[0; 4]].concat();
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    bytes.splice(2..2, [&[0xff, 0xe1][..], &length, &exif].concat());
    bytes
}

/// The code with modules of two pixels, as a PNG: too small for verification.
pub(crate) fn tiny_code(sample: &str) -> Vec<u8> {
    let mut png = Cursor::new(Vec::new());
    let code = code_of(sample, 2);
    code.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

/// A TIFF whose first page is blank; the code is on its second.
pub(crate) fn tiff_with_its_code(sample: &str) -> Vec<u8> {
    let code = code_of(sample, MODULE);
    let blank = GrayImage::from_pixel(code.width(), code.height(), Luma([u8::MAX]));
    let mut file = b"II*\0\0\0\0\0".to_vec();
    let mut link = 4;
    for page in [&blank, &code] {
        let pixels = file.len();
        file.extend_from_slice(page.as_raw());
        file.resize(file.len().next_multiple_of(2), 0);
        let directory = u32::try_from(file.len()).unwrap();
        file.splice(link..link + 4, directory.to_le_bytes());
        // Sides, bits, no compression, black is zero, and the one strip.
        let entries = [
            (256, page.width()),
            (257, page.height()),
            (258, 8),
            (259, 1),
            (262, 1),
            (273, u32::try_from(pixels).unwrap()),
            (277, 1),
            (278, page.height()),
            (279, u32::try_from(page.as_raw().len()).unwrap()),
        ];
        file.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
        for (tag, value) in entries {
            let (tag, long): (u16, u16) = (tag, 4);
            file.extend([tag.to_le_bytes(), long.to_le_bytes()].concat());
            file.extend([1_u32.to_le_bytes(), value.to_le_bytes()].concat());
        }
        link = file.len();
        file.extend([0; 4]);
    }
    file
}

pub(crate) fn jpeg(page: &GrayImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 80);
    page.write_with_encoder(encoder).unwrap();
    bytes
}

pub(crate) fn code_of(sample: &str, module_pixels: u32) -> GrayImage {
    let page = image::load_from_memory(samples::named(sample).unwrap().bytes)
        .unwrap()
        .into_luma8();
    let (width, height) = (page.width() as usize, page.height() as usize);
    let mut seen = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
        page.as_raw()[y * width + x]
    });
    let code = &seen.detect_grids()[0].grid;
    let side = module_pixels * (u32::try_from(code.size()).unwrap() + 2 * MARGIN);
    let module = |pixel: u32| {
        (pixel / module_pixels)
            .checked_sub(MARGIN)
            .map(|module| module as usize)
            .filter(|module| *module < code.size())
    };
    let is_dark = |x, y| {
        module(x)
            .zip(module(y))
            .is_some_and(|(x, y)| code.bit(y, x))
    };
    GrayImage::from_fn(side, side, |x, y| {
        Luma([if is_dark(x, y) { 0 } else { u8::MAX }])
    })
}
