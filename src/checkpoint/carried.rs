//! Paid answers that no store took: they travel with their job in `invoice-progress`, which is
//! sealed as a whole.

use super::kept::VerificationAnswer;
use crate::domain::progress::{MAX_PARCEL_BYTES, Progress};
use crate::domain::result::RecognitionPart;
use base64_simd::STANDARD;
use jiff::civil::Date;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde::{Deserialize, Serialize};

/// The longest that they may be before they are compressed: as long as a checkpoint may be. A bill
/// with thousands of lines that are much alike is compressed to little.
const MAX_BYTES: usize = 32 << 20;
/// The level, of ten: good enough for text, and quick.
const COMPRESSION: u8 = 6;

/// Paid answers about one image that are kept nowhere else.
#[derive(Default, Serialize, Deserialize)]
pub struct CarriedAnswers {
    /// The image that they are about: another picture under the same key must not inherit them.
    pub image: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recognition: Option<RecognitionPart>,
    /// The verification, with the day on which the registry answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<(Date, VerificationAnswer)>,
}

impl CarriedAnswers {
    /// Reads the answers about this image that travelled with the job.
    pub fn about(image: &str, progress: &Progress) -> Self {
        let carried = progress.about.parcel.as_deref().and_then(Self::decode);
        carried
            .filter(|carried| carried.image == image)
            .unwrap_or_else(|| Self {
                image: image.to_owned(),
                ..Self::default()
            })
    }

    /// From now on the job carries these answers, and nothing where there are none. Where they are
    /// too large the job carries what it carried before.
    pub fn travel_with(&self, progress: &mut Progress) {
        if self.recognition.is_none() && self.verification.is_none() {
            progress.about.parcel = None;
        } else if let encoded @ Some(_) = self.encode() {
            progress.about.parcel = encoded;
        } else {
            tracing::error!(
                "a paid answer is too large to travel with its job: it may have to be paid for again"
            );
        }
    }

    /// Text for the header. `None`: they are too large to travel.
    fn encode(&self) -> Option<String> {
        // Cannot fail: every key is text and every number finite.
        let plain = serde_json::to_vec(self).unwrap_or_default();
        if plain.len() > MAX_BYTES {
            return None;
        }
        let compressed = compress_to_vec(&plain, COMPRESSION);
        Some(STANDARD.encode_to_string(compressed)).filter(|text| text.len() <= MAX_PARCEL_BYTES)
    }

    /// Reads the header's text. `None` for what this version did not write.
    pub fn decode(text: &str) -> Option<Self> {
        let compressed = STANDARD.decode_to_vec(text).ok()?;
        let plain = decompress_to_vec_with_limit(&compressed, MAX_BYTES).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::invoice::{CostDetail, Invoice};
    use sha2::{Digest, Sha256};

    fn carried(note_no: &str) -> CarriedAnswers {
        let invoice = Invoice {
            note_no: Some(note_no.to_owned()),
            ..Invoice::default()
        };
        CarriedAnswers {
            image: "image".into(),
            recognition: Some(RecognitionPart {
                invoice,
                request_id: None,
            }),
            verification: None,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let found = CarriedAnswers::decode(&carried("0077120853").encode().unwrap()).unwrap();
        assert_eq!(
            found.recognition.unwrap().invoice.note_no.as_deref(),
            Some("0077120853")
        );
        for text in ["", "AAAA", "not base64!"] {
            assert!(CarriedAnswers::decode(text).is_none());
        }
    }

    #[test]
    fn a_bill_with_many_lines_that_are_alike_travels_whole() {
        let mut many = carried("0077120853");
        let line = CostDetail {
            name: Some("阿托伐他汀钙胶囊".into()),
            ..CostDetail::default()
        };
        many.recognition.as_mut().unwrap().invoice.cost_details = vec![line; 15_000];
        let text = many.encode().unwrap();
        assert_eq!(
            CarriedAnswers::decode(&text)
                .unwrap()
                .recognition
                .unwrap()
                .invoice
                .cost_details
                .len(),
            15_000
        );
    }

    #[test]
    fn what_is_too_large_stays() {
        // As incompressible as hexadecimal digits can be.
        let long: String = (0..4_000_u32)
            .map(|number| hex::encode(Sha256::digest(number.to_be_bytes())))
            .collect();
        assert!(carried(&long).encode().is_none());
    }
}
