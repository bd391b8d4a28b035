//! What the QR code of an electronic bill says, in the forms that bills carry, and the bills that the
//! sandbox knows.

use crate::domain::qr::QrClaim;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;

use super::samples::{self, Sample};

/// A bill, as far as its QR code tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QrBill {
    pub(super) note_code: String,
    pub(super) note_no: String,
    /// `2023-05-16`
    pub(super) billing_date: Option<String>,
    /// The total as it is written, `411.42`.
    pub(super) total: Option<String>,
}

impl QrBill {
    /// `None` for the QR codes of others: payment codes, links.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let claim = QrClaim::read(text)?;
        Some(Self {
            note_code: claim.note_code?,
            note_no: claim.note_no?,
            billing_date: claim.billing_date.map(|day| day.to_string()),
            total: claim.total_cost.map(|total| total.to_string()),
        })
    }

    /// Code and number: no two bills have both.
    fn identity(&self) -> (String, String) {
        (self.note_code.clone(), self.note_no.clone())
    }
}

/// A sample as the providers know it. The answers stay text, so that an amount leaves exactly as it
/// was written down.
#[derive(Debug)]
pub(super) struct CatalogueEntry {
    pub(super) sample: &'static Sample,
    /// The province as recognition names it: 北京.
    pub(super) province: String,
    pub(super) recognition: Box<RawValue>,
    pub(super) verification: Box<RawValue>,
}

/// Every bill that recognition can read and the registry knows.
#[derive(Debug)]
pub(super) struct Catalogue(HashMap<(String, String), CatalogueEntry>);

impl Catalogue {
    /// The embedded samples.
    pub(super) fn of_samples() -> anyhow::Result<Self> {
        let mut bills = HashMap::new();
        for sample in samples::all() {
            let (bill, entry) =
                read(sample).map_err(|error| error.context(format!("sample {}", sample.name)))?;
            bills.insert(bill.identity(), entry);
        }
        Ok(Self(bills))
    }

    pub(super) fn entry(&self, bill: &QrBill) -> Option<&CatalogueEntry> {
        self.0.get(&bill.identity())
    }
}

#[derive(Deserialize)]
struct Answers {
    qr: String,
    recognition: Box<RawValue>,
    verification: Box<RawValue>,
}

#[derive(Deserialize)]
struct Whereabouts {
    #[serde(rename = "Province", default)]
    province: String,
}

fn read(sample: &'static Sample) -> anyhow::Result<(QrBill, CatalogueEntry)> {
    let answers: Answers = serde_json::from_str(sample.answers_json)?;
    let bill = QrBill::parse(&answers.qr)
        .ok_or_else(|| anyhow::anyhow!("{:?} is not the QR code of a bill", answers.qr))?;
    let Whereabouts { province } = serde_json::from_str(answers.recognition.get())?;
    Ok((
        bill,
        CatalogueEntry {
            sample,
            province,
            recognition: answers.recognition,
            verification: answers.verification,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_is_known_by_every_form_of_its_code() {
        let catalogue = Catalogue::of_samples().unwrap();
        for (text, day, total) in [
            (
                "http://h.example/v?d=11060123_0103815274_4f7a2c_411.42_20230516",
                Some("2023-05-16"),
                Some("411.42"),
            ),
            (
                "http://h.example/v?d=11060123_0103815274_4f7a2c_20230516",
                Some("2023-05-16"),
                None,
            ),
            (
                "http://h.example/q?invoice_code=11060123&invoice_number=0103815274",
                None,
                None,
            ),
            (
                "01,10,11060123,0103815274,4f7a2c,20230516,411.42",
                Some("2023-05-16"),
                Some("411.42"),
            ),
        ] {
            let bill = QrBill::parse(text).unwrap();
            let told = (bill.billing_date.as_deref(), bill.total.as_deref());
            assert_eq!(told, (day, total), "{text}");
            let entry = catalogue.entry(&bill).unwrap();
            assert_eq!(entry.sample.name, "01-beijing-outpatient", "{text}");
        }
    }

    #[test]
    fn other_codes_are_not_bills() {
        for text in ["", "https://example.com", "01,10,1,2,3"] {
            assert_eq!(QrBill::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_sample_is_in_the_catalogue() {
        assert_eq!(
            Catalogue::of_samples().unwrap().0.len(),
            samples::all().len()
        );
    }
}
