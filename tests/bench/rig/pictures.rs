//! Files of any size that all show one of the sample invoices.
//!
//! The bill is a small picture, so that the sandbox, which has to read its QR code, costs as little
//! as it can. The rest is noise behind the picture's end: it is fetched, hashed, encoded and sent
//! as a camera's picture would be, and makes each file one that nobody paid for.

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use invoice_worker::dev::sandbox::samples;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const SAMPLE: &str = "01-beijing-outpatient";
/// Of its sides; its QR code is still read at the first try.
const PER_CENT: u32 = 50;
const QUALITY: u8 = 30;

pub(crate) struct Pictures {
    bill: Vec<u8>,
}

impl Pictures {
    pub(crate) fn new() -> Self {
        let sample = image::load_from_memory(samples::named(SAMPLE).unwrap().bytes).unwrap();
        let side = |pixels: u32| pixels * PER_CENT / 100;
        let small = sample
            .resize(
                side(sample.width()),
                side(sample.height()),
                FilterType::Triangle,
            )
            .into_luma8();
        let mut bill = Vec::new();
        small
            .write_with_encoder(JpegEncoder::new_with_quality(&mut bill, QUALITY))
            .unwrap();
        Self { bill }
    }

    /// The same number gives the same file.
    pub(crate) fn file(&self, bytes: usize, number: usize) -> Vec<u8> {
        let mut file = self.bill.clone();
        assert!(
            file.len() + 16 <= bytes,
            "the bill alone has {} bytes",
            file.len()
        );
        let begin = file.len();
        file.resize(bytes, 0);
        StdRng::seed_from_u64(number as u64).fill(&mut file[begin..]);
        file
    }
}
