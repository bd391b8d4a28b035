//! What the submitter expects of a bill, for the checks.

use super::wire_field::{not_an_object, optional, text_field};
use crate::domain::amount;
use crate::domain::reading::Reading;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The most hospitals that a job may list, and the longest text of one.
const MAX_HOSPITALS: usize = 1_000;
const MAX_TEXT_BYTES: usize = 1_000;

/// Everything is optional: what is left out is not checked. It names a patient, so that it is no
/// `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Expectations {
    pub patient_name: Option<String>,
    /// The first and the last day on which the treatment is insured.
    pub from: Option<Date>,
    pub until: Option<Date>,
    /// Empty: any.
    pub hospitals: Vec<String>,
    pub total_at_most: Option<Decimal>,
}

impl Expectations {
    /// A text that is the same for the same expectations only. It is hashed, and never shown.
    pub fn identity(&self) -> String {
        let days = (self.from, self.until);
        let texts = (&self.patient_name, &self.hospitals);
        format!("{:?}", (days, texts, self.total_at_most))
    }
}

#[derive(Deserialize)]
struct WireExpectations<'a> {
    #[serde(borrow)]
    patient_name: Option<&'a RawValue>,
    #[serde(borrow)]
    from: Option<&'a RawValue>,
    #[serde(borrow)]
    until: Option<&'a RawValue>,
    #[serde(borrow)]
    hospitals: Option<&'a RawValue>,
    #[serde(borrow)]
    total_at_most: Option<&'a RawValue>,
}

/// # Errors
/// What is wrong, with the field's name and without its value.
pub(super) fn read(raw: &RawValue) -> Result<Expectations, String> {
    let wire: WireExpectations =
        serde_json::from_str(raw.get()).map_err(|error| not_an_object("expect", &error))?;
    let expectations = Expectations {
        patient_name: optional("expect.patient_name", wire.patient_name, text)?,
        from: optional("expect.from", wire.from, date)?,
        until: optional("expect.until", wire.until, date)?,
        hospitals: optional("expect.hospitals", wire.hospitals, texts)?.unwrap_or_default(),
        total_at_most: optional("expect.total_at_most", wire.total_at_most, limit)?,
    };
    match (expectations.from, expectations.until) {
        (Some(from), Some(until)) if until < from => {
            Err("expect.until is before expect.from".to_owned())
        }
        _ => Ok(expectations),
    }
}

fn text(name: &str, raw: &RawValue) -> Result<String, String> {
    let text = text_field(name, raw)?;
    if text.len() > MAX_TEXT_BYTES {
        return Err(format!(
            "{name} has {} bytes; at most {MAX_TEXT_BYTES} are allowed",
            text.len()
        ));
    }
    Ok(text)
}

fn date(name: &str, raw: &RawValue) -> Result<Date, String> {
    text_field(name, raw)?
        .parse()
        .map_err(|_| format!("{name} is not a date such as 2026-11-23"))
}

fn texts(name: &str, raw: &RawValue) -> Result<Vec<String>, String> {
    let not_a_list = || format!("{name} is not a list of texts");
    let texts: Vec<String> = serde_json::from_str(raw.get()).map_err(|_| not_a_list())?;
    if texts.len() > MAX_HOSPITALS || texts.iter().any(|text| text.len() > MAX_TEXT_BYTES) {
        return Err(format!(
            "{name} has more than {MAX_HOSPITALS} texts, or one of more than {MAX_TEXT_BYTES} bytes"
        ));
    }
    Ok(texts)
}

fn limit(name: &str, raw: &RawValue) -> Result<Decimal, String> {
    let problem = || format!("{name} is not an amount such as \"1000.00\"");
    let text = if raw.get().starts_with('"') {
        text_field(name, raw)?
    } else {
        raw.get().to_owned()
    };
    match amount::from_number(&text) {
        Some(Reading::Value(limit)) => Ok(limit),
        Some(Reading::Text(_)) | None => Err(problem()),
    }
}
