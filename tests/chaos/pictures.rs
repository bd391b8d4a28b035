//! The bills in the pictures: the sample invoices, smaller, and one that no registry knows. Any
//! number of files show each.

use image::ImageFormat;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use invoice_worker::dev::sandbox::samples;
use sha2::{Digest, Sha256};
use std::io::Cursor;

/// Not in the registry, with a QR code.
pub(crate) const UNKNOWN: &str = "unknown-bill";
/// Known to be recognised still, by a test of the sandbox.
const PER_CENT: u32 = 70;
/// Enough for a QR code. A small file costs little: there are thousands, read and written by code
/// that was not optimised.
const QUALITY: u8 = 40;

#[derive(Debug)]
pub(crate) struct Bill {
    pub(crate) name: &'static str,
    /// A BMP becomes another picture on its way to verification, the same for all copies: they
    /// could not be told apart there.
    pub(crate) for_recognition_only: bool,
    file: Vec<u8>,
}

/// One file of a bill.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) bytes: Vec<u8>,
    pub(crate) key: String,
    /// As the sandbox names it, and the checkpoints.
    pub(crate) sha256: String,
}

pub(crate) fn bills() -> Vec<Bill> {
    let mut bills: Vec<Bill> = samples::all()
        .iter()
        .map(|sample| {
            let format = image::guess_format(sample.bytes).unwrap();
            Bill {
                name: sample.name,
                for_recognition_only: format == ImageFormat::Bmp,
                file: smaller(sample.bytes, format),
            }
        })
        .collect();
    let unknown = include_bytes!("../data/scenarios/unknown-bill.png").to_vec();
    bills.push(Bill {
        name: UNKNOWN,
        for_recognition_only: false,
        file: unknown,
    });
    bills
}

impl Bill {
    /// Bytes behind a picture's end change its SHA-256 and nothing else: it is paid for anew.
    pub(crate) fn picture(&self, copy: usize) -> Picture {
        let bytes = [self.file.as_slice(), format!("copy {copy}").as_bytes()].concat();
        Picture {
            sha256: hex::encode(Sha256::digest(&bytes)),
            key: format!("images/{copy}-{}", self.name),
            bytes,
        }
    }
}

/// In the same format.
fn smaller(file: &[u8], format: ImageFormat) -> Vec<u8> {
    let picture = image::load_from_memory(file).unwrap();
    let side = |pixels: u32| pixels * PER_CENT / 100;
    let small = picture
        .resize(
            side(picture.width()),
            side(picture.height()),
            FilterType::Triangle,
        )
        .into_luma8();
    let mut bytes = Cursor::new(Vec::new());
    if format == ImageFormat::Jpeg {
        small
            .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))
            .unwrap();
    } else {
        small.write_to(&mut bytes, format).unwrap();
    }
    bytes.into_inner()
}
