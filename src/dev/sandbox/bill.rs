//! What the QR code of an electronic bill says: `01,10,<bill code>,<number>,<check
//! code>,<YYYYMMDD>,<total>`.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;

use super::samples::{self, Sample};

/// Longer texts are not read: a real one has about 50 bytes.
const MAX_BYTES: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct QrBill {
    pub(super) note_code: String,
    pub(super) note_no: String,
    pub(super) check_code: String,
    /// `2023-05-16`
    pub(super) billing_date: String,
    /// The total as it is written, `411.42`.
    pub(super) total: String,
}

impl QrBill {
    /// `None` for the QR codes of others: payment codes, links.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let fields: Vec<&str> = text.trim().trim_end_matches(',').split(',').collect();
        let ["01", kind, note_code, note_no, check_code, day, total] = fields[..] else {
            return None;
        };
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let amount = !total.is_empty()
            && total
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let shaped = digits(kind)
            && digits(note_code)
            && digits(note_no)
            && digits(day)
            && day.len() == 8
            && amount;
        shaped.then(|| Self {
            note_code: note_code.to_owned(),
            note_no: note_no.to_owned(),
            check_code: check_code.to_owned(),
            billing_date: format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]),
            total: total.to_owned(),
        })
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
pub(super) struct Catalogue(HashMap<QrBill, CatalogueEntry>);

impl Catalogue {
    /// The embedded samples.
    pub(super) fn of_samples() -> anyhow::Result<Self> {
        let mut bills = HashMap::new();
        for sample in samples::all() {
            let (bill, entry) =
                read(sample).map_err(|error| error.context(format!("sample {}", sample.name)))?;
            bills.insert(bill, entry);
        }
        Ok(Self(bills))
    }

    pub(super) fn entry(&self, bill: &QrBill) -> Option<&CatalogueEntry> {
        self.0.get(bill)
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
    use proptest::prelude::*;

    #[test]
    fn a_bill_is_read_and_its_date_spelled_out() {
        let bill = QrBill::parse("01,10,11060123,0103815274,4f7a2c,20230516,411.42").unwrap();
        assert_eq!(
            (
                bill.note_no.as_str(),
                bill.billing_date.as_str(),
                bill.total.as_str()
            ),
            ("0103815274", "2023-05-16", "411.42")
        );
    }

    #[test]
    fn other_codes_are_not_bills() {
        for text in [
            "",
            "https://example.com",
            "01,10,1,2,3",
            "02,10,11060123,0103815274,4f7a2c,20230516,411.42",
            "01,10,a,b,c,d,e",
        ] {
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

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(01,10,)?[0-9,a-z.年]{0,80}") {
            let _ = QrBill::parse(&text);
        }
    }
}
