//! Paid answers that no store took, packed to travel with their job in `invoice-progress`: compressed, and sealed, so that nobody who
//! may submit jobs can bring answers of his own.

use super::VerificationAnswer;
use crate::config::secret::Secret;
use crate::domain::progress::MAX_PARCEL_BYTES;
use crate::domain::result::RecognitionPart;
use base64_simd::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::civil::Date;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const PURPOSE: &str = "invoice-worker parcel 1";
const SEAL_BYTES: usize = 32;
/// Unpacked: as large as a checkpoint may be. A bill with thousands of lines that are much alike packs into little.
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

/// Packs and unpacks. All workers that have the providers' secrets have the same key.
#[derive(Clone)]
pub struct Packer(Hmac<Sha256>);

impl Packer {
    pub fn new(secrets: &[&Secret]) -> Self {
        let mut key = Sha256::new_with_prefix(PURPOSE);
        for secret in secrets {
            key.update((secret.expose().len() as u64).to_be_bytes());
            key.update(secret.expose());
        }
        // A whole block, as HMAC pads a shorter key: so there is no length to be wrong.
        let mut block = [0; 64];
        block[..SEAL_BYTES].copy_from_slice(&key.finalize());
        Self(Hmac::new(&block.into()))
    }

    /// For this run alone. `None`: it is too large to travel.
    pub fn pack(&self, run: &str, parcel: &Parcel) -> Option<String> {
        // Cannot fail: every key is text and every number finite.
        let plain = serde_json::to_vec(parcel).unwrap_or_default();
        if plain.len() > MAX_BYTES {
            return None;
        }
        let packed = compress_to_vec(&plain, COMPRESSION);
        let mut sealed = self.seal(run, &packed).finalize().into_bytes().to_vec();
        sealed.extend_from_slice(&packed);
        Some(STANDARD.encode_to_string(sealed)).filter(|text| text.len() <= MAX_PARCEL_BYTES)
    }

    /// `None` for what this run's parcel is not, whoever made it.
    pub fn unpack(&self, run: &str, text: &str) -> Option<Parcel> {
        let sealed = STANDARD.decode_to_vec(text).ok()?;
        let (seal, packed) = sealed.split_at_checked(SEAL_BYTES)?;
        self.seal(run, packed).verify_slice(seal).ok()?;
        serde_json::from_slice(&decompress_to_vec_with_limit(packed, MAX_BYTES).ok()?).ok()
    }

    fn seal(&self, run: &str, packed: &[u8]) -> Hmac<Sha256> {
        self.0.clone().chain_update((run.len() as u64).to_be_bytes()).chain_update(run).chain_update(packed)
    }
}

impl Parcel {
    pub fn is_empty(&self) -> bool {
        self.recognition.is_none() && self.verification.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::invoice::{CostDetail, Invoice};

    fn packer(secret: &str) -> Packer {
        Packer::new(&[&Secret::new(secret), &Secret::new("another")])
    }

    fn parcel(note_no: &str) -> Parcel {
        let invoice = Invoice { note_no: Some(note_no.to_owned()), ..Invoice::default() };
        Parcel { image: "image".into(), recognition: Some(RecognitionPart { invoice, request_id: None }), verification: None }
    }

    #[test]
    fn what_is_packed_is_unpacked_by_every_worker_with_the_same_secrets_for_the_same_run() {
        let text = packer("secret").pack("run", &parcel("0077120853")).unwrap();
        let found = packer("secret").unpack("run", &text).unwrap();
        assert_eq!(found.recognition.unwrap().invoice.note_no.as_deref(), Some("0077120853"));
        assert!(packer("secret").unpack("another run", &text).is_none());
        assert!(packer("another secret").unpack("run", &text).is_none());
    }

    #[test]
    fn a_bill_with_many_lines_that_are_alike_travels_whole() {
        let mut many = parcel("0077120853");
        let line = CostDetail { name: Some("阿托伐他汀钙胶囊".into()), ..CostDetail::default() };
        many.recognition.as_mut().unwrap().invoice.cost_details = vec![line; 15_000];
        let text = packer("secret").pack("run", &many).unwrap();
        assert_eq!(packer("secret").unpack("run", &text).unwrap().recognition.unwrap().invoice.cost_details.len(), 15_000);
    }

    #[test]
    fn what_was_changed_on_the_way_is_nothing() {
        let text = packer("secret").pack("run", &parcel("0077120853")).unwrap();
        for at in [0, 10, text.len() - 6] {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(packer("secret").unpack("run", std::str::from_utf8(&changed).unwrap()).is_none(), "{at}");
        }
        for text in ["", "AAAA", "not base64!"] {
            assert!(packer("secret").unpack("run", text).is_none());
        }
    }

    #[test]
    fn what_is_too_large_stays() {
        // As incompressible as hexadecimal digits can be.
        let long: String = (0..4_000_u32).map(|number| hex::encode(Sha256::digest(number.to_be_bytes()))).collect();
        assert!(packer("secret").pack("run", &parcel(&long)).is_none());
    }
}
