//! Paid answers that no store took, packed to travel with their job in `invoice-progress`, which is
//! sealed as a whole.

use super::VerificationAnswer;
use crate::domain::progress::MAX_PARCEL_BYTES;
use crate::domain::result::RecognitionPart;
use base64_simd::STANDARD;
use jiff::civil::Date;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde::{Deserialize, Serialize};

/// Unpacked: as large as a checkpoint may be. A bill with thousands of lines that are much alike
/// packs into little.
const MAX_BYTES: usize = 32 << 20;
/// Of ten: good enough for text, and quick.
const COMPRESSION: u8 = 6;

/// What was paid for one image.
#[derive(Default, Serialize, Deserialize)]
pub struct Parcel {
    /// Whose answers they are: another picture under the same key must not inherit them.
    pub image: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recognition: Option<RecognitionPart>,
    /// With the day on which the registry answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<(Date, VerificationAnswer)>,
}

impl Parcel {
    pub fn is_empty(&self) -> bool {
        self.recognition.is_none() && self.verification.is_none()
    }

    /// `None`: it is too large to travel.
    pub fn pack(&self) -> Option<String> {
        // Cannot fail: every key is text and every number finite.
        let plain = serde_json::to_vec(self).unwrap_or_default();
        if plain.len() > MAX_BYTES {
            return None;
        }
        let packed = compress_to_vec(&plain, COMPRESSION);
        Some(STANDARD.encode_to_string(packed)).filter(|text| text.len() <= MAX_PARCEL_BYTES)
    }

    /// `None` for what was not packed by this version.
    pub fn unpack(text: &str) -> Option<Self> {
        let packed = STANDARD.decode_to_vec(text).ok()?;
        serde_json::from_slice(&decompress_to_vec_with_limit(&packed, MAX_BYTES).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::invoice::{CostDetail, Invoice};
    use sha2::{Digest, Sha256};

    fn parcel(note_no: &str) -> Parcel {
        let invoice = Invoice {
            note_no: Some(note_no.to_owned()),
            ..Invoice::default()
        };
        Parcel {
            image: "image".into(),
            recognition: Some(RecognitionPart {
                invoice,
                request_id: None,
            }),
            verification: None,
        }
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let found = Parcel::unpack(&parcel("0077120853").pack().unwrap()).unwrap();
        assert_eq!(
            found.recognition.unwrap().invoice.note_no.as_deref(),
            Some("0077120853")
        );
        for text in ["", "AAAA", "not base64!"] {
            assert!(Parcel::unpack(text).is_none());
        }
    }

    #[test]
    fn a_bill_with_many_lines_that_are_alike_travels_whole() {
        let mut many = parcel("0077120853");
        let line = CostDetail {
            name: Some("阿托伐他汀钙胶囊".into()),
            ..CostDetail::default()
        };
        many.recognition.as_mut().unwrap().invoice.cost_details = vec![line; 15_000];
        let text = many.pack().unwrap();
        assert_eq!(
            Parcel::unpack(&text)
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
        assert!(parcel(&long).pack().is_none());
    }
}
