//! Files that a job may call an image and that no provider should ever be sent: cut, bit-flipped,
//! lying, empty, or of another kind altogether. The same seed makes the same files.

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat};
use invoice_worker::dev::sandbox::samples;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::io::Cursor;

/// A file, what is wrong with it, and the code with which it is refused.
pub(crate) struct HostileFile {
    pub(crate) what: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) code: &'static str,
}

const CORRUPT: &str = "image.corrupt";
const UNSUPPORTED: &str = "image.unsupported_format";
/// A build without the feature knows no more of it than its name.
const PDF: &str = if cfg!(feature = "pdf") {
    CORRUPT
} else {
    UNSUPPORTED
};

/// So many files, of each kind about as many.
pub(crate) fn hostile_files(seed: u64, count: usize) -> Vec<HostileFile> {
    let mut random = StdRng::seed_from_u64(seed);
    let page = image::load_from_memory(samples::all()[0].bytes).unwrap();
    let page = page.thumbnail(400, 400);
    let (jpeg, png, bmp) = (
        jpeg(&page),
        written(&page, ImageFormat::Png),
        written(&page, ImageFormat::Bmp),
    );
    (0..count)
        .map(|number| {
            let (what, bytes, code) = match number % 14 {
                0 => ("a cut PNG", cut(&png, &mut random), CORRUPT),
                1 => ("a bit-flipped PNG", flipped(&png, &mut random), CORRUPT),
                2 => ("half a JPEG", jpeg[..jpeg.len() / 2].to_vec(), CORRUPT),
                3 => (
                    "a JPEG's header",
                    jpeg[..before_pixels(&jpeg)].to_vec(),
                    CORRUPT,
                ),
                4 => ("a JPEG of lying sides", lying(&jpeg), CORRUPT),
                5 => ("a cut BMP", cut(&bmp, &mut random), CORRUPT),
                6 => ("nothing", Vec::new(), CORRUPT),
                7 => ("one byte", vec![random.random()], CORRUPT),
                8 => ("an arithmetic JPEG", reframed(&jpeg, 0xc9), UNSUPPORTED),
                9 => ("a lossless JPEG", reframed(&jpeg, 0xc3), UNSUPPORTED),
                10 => ("a PDF of nothing", b"%PDF-1.7\n%%EOF".to_vec(), PDF),
                11 => (
                    "a web page",
                    b"<!doctype html><h1>403</h1>".to_vec(),
                    UNSUPPORTED,
                ),
                12 => (
                    "base64 text",
                    b"/9j/4AAQSkZJRgABAQAAAQABAAD/".to_vec(),
                    UNSUPPORTED,
                ),
                _ => (
                    "an archive",
                    b"PK\x03\x04\x14\0\0\0\x08\0OFD.xml".to_vec(),
                    UNSUPPORTED,
                ),
            };
            HostileFile { what, bytes, code }
        })
        .collect()
}

fn jpeg(page: &DynamicImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 85);
    page.to_rgb8().write_with_encoder(encoder).unwrap();
    bytes
}

fn written(page: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    page.to_rgb8().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Between its signature and its last bytes.
fn cut(file: &[u8], random: &mut StdRng) -> Vec<u8> {
    file[..random.random_range(10..file.len() - 10)].to_vec()
}

fn flipped(file: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = file.to_vec();
    let at = random.random_range(8..file.len());
    bytes[at] ^= 1 << random.random_range(0..8);
    bytes
}

fn marker(jpeg: &[u8], code: u8) -> usize {
    let mut two = jpeg.windows(2);
    two.position(|two| two == [0xff, code]).unwrap()
}

fn before_pixels(jpeg: &[u8]) -> usize {
    marker(jpeg, 0xda)
}

fn lying(jpeg: &[u8]) -> Vec<u8> {
    let mut bytes = jpeg.to_vec();
    let frame = marker(jpeg, 0xc0);
    bytes[frame + 5..frame + 9].copy_from_slice(&[0x0f, 0xff, 0x0f, 0xff]);
    bytes
}

fn reframed(jpeg: &[u8], code: u8) -> Vec<u8> {
    let mut bytes = jpeg.to_vec();
    bytes[marker(jpeg, 0xc0) + 1] = code;
    bytes
}
