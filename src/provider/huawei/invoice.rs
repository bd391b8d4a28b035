//! From the fields of `data` to the common [`Invoice`].

use crate::domain::amount;
use crate::domain::invoice::{CostDetail, Gender, Invoice, LeftOut, Money, NamedAmount, NoteKind};
use crate::domain::reading::Reading;
use crate::provider::wire::charset::is_legible;
use crate::provider::wire::extra::{Extra, note};
use crate::provider::wire::json::{self, Elements, Fields, MAX_LINES};
use jiff::tz::TimeZone;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The most columns of a row that comes cell by cell; more are another row.
const MAX_COLUMNS: usize = 100;
/// In place of a column's name that there is not.
const UNREAD: &str = "\u{fffd}";

pub(super) fn map(mut data: Fields<'_>, timezone: &TimeZone) -> Invoice {
    let mut extra = Extra::default();
    let note_kind_text = data.text("InvoiceType");
    let total_cost_in_words = data.text("AmountInWords");
    let mut invoice = Invoice {
        note_no: data.text("InvoiceNum"),
        note_kind: note_kind_text.as_deref().map(note_kind),
        note_kind_text,
        province: data.text("Province"),
        patient_name: data.text("Name"),
        patient_gender: data.text("Sex").as_deref().map(gender),
        billing_date: data.day("Date", timezone),
        admission_date: data.day("AdmissionDate", timezone),
        discharge_date: data.day("DischargeDate", timezone),
        hospital_days: data.days("HospitalDay"),
        hospital_name: data.text("HospitalName"),
        hospital_type: data.text("HospitalType"),
        charging_unit: data.text("ChargingUnit"),
        insurance_type: data.text("InsuranceType"),
        social_security_no: data.text("SocialSecurityNum"),
        clinic_no: data.text("ClinicNum"),
        hospital_no: data.text("HospitalNum"),
        medical_record_no: data.text("RecordNum"),
        business_no: data.text("BusinessNum"),
        payee: data.text("Payee"),
        // The document spells it so; the vendor may correct it one day.
        total_cost: data
            .money("AmountInFiguers")
            .or_else(|| data.money("AmountInFigures")),
        total_cost_from_words: total_cost_in_words.as_deref().map(from_words),
        total_cost_in_words,
        insurance_payment: data.money("InsurancePayment"),
        personal_account_payment: data.money("PersonalPayment"),
        prepaid_amount: data.money("PrepayAmount"),
        supplementary_payment: data.money("PaymentAmount"),
        refund_amount: data.money("RefundAmount"),
        ..Invoice::default()
    };
    let mut left_out = LeftOut::new();
    let mut supplement = data.list("RegionSupplement");
    note(&mut left_out, "payments", supplement.keep_lines());
    invoice.payments = payments(&supplement.kept, &mut extra);
    let (categories, more) = rows(&data.list("CostCategories"));
    note(&mut left_out, "cost_categories", more);
    invoice.cost_categories = categories
        .into_iter()
        .enumerate()
        .filter_map(|row| category(row, &mut extra))
        .collect();
    let (details, more) = rows(&data.list("CostDetail"));
    note(&mut left_out, "cost_details", more);
    invoice.cost_details = details
        .into_iter()
        .enumerate()
        .filter_map(|row| detail(row, &mut extra))
        .collect();
    data.into_extra("", &mut extra);
    invoice.extra = extra.into_map(&mut left_out);
    invoice.left_out = left_out;
    invoice
}

fn note_kind(text: &str) -> NoteKind {
    match (text.contains("门诊"), text.contains("住院")) {
        (true, false) => NoteKind::Outpatient,
        (false, true) => NoteKind::Inpatient,
        _ => NoteKind::Unknown,
    }
}

fn gender(text: &str) -> Gender {
    match text.chars().next() {
        Some('男') => Gender::Male,
        Some('女') => Gender::Female,
        _ => Gender::Unknown,
    }
}

fn from_words(words: &str) -> Money {
    amount::from_words(words).map_or_else(|| Reading::Text(words.to_owned()), Reading::Value)
}

fn payments(entries: &[&RawValue], extra: &mut Extra) -> Vec<NamedAmount> {
    let mut payments = Vec::new();
    for (index, raw) in entries.iter().enumerate() {
        match cell(raw) {
            Some((name, word)) => {
                let name = is_legible(&name).then(|| name.into_owned());
                payments.push(NamedAmount {
                    name,
                    amount: word.and_then(json::read_money),
                });
            }
            None => extra.keep(format!("RegionSupplement[{index}]"), raw),
        }
    }
    payments
}

fn category((index, row): (usize, Row<'_>), extra: &mut Extra) -> Option<NamedAmount> {
    let mut category = NamedAmount {
        name: None,
        amount: None,
    };
    let is_unread = has_unread_column(&row);
    for (name, word) in row {
        match &*name {
            "收费项目" => category.name = word.and_then(json::read_text),
            "金额" => category.amount = word.and_then(json::read_money),
            _ => keep("CostCategories", index, &name, word, extra),
        }
    }
    (is_unread || category.name.is_some() || category.amount.is_some()).then_some(category)
}

fn detail((index, row): (usize, Row<'_>), extra: &mut Extra) -> Option<CostDetail> {
    let mut detail = CostDetail::default();
    let is_unread = has_unread_column(&row);
    for (name, word) in row {
        match &*name {
            "项目" => detail.name = word.and_then(json::read_text),
            "编码" => detail.code = word.and_then(json::read_text),
            "规格" => detail.specification = word.and_then(json::read_text),
            "数量" => detail.quantity = word.and_then(json::read_money),
            "单价" => detail.unit_price = word.and_then(json::read_money),
            "金额" => detail.amount = word.and_then(json::read_money),
            _ => keep("CostDetail", index, &name, word, extra),
        }
    }
    (is_unread || detail != CostDetail::default()).then_some(detail)
}

/// A line whose columns cannot be told apart, or whose amount cannot be read, is a line still:
/// without it the sum of all would be another.
fn has_unread_column(row: &Row<'_>) -> bool {
    row.iter().any(|(name, word)| {
        !is_legible(name) || (name == "金额" && word.is_some_and(|word| !json::is_nothing(word)))
    })
}

fn keep(list: &str, index: usize, name: &str, word: Option<&RawValue>, extra: &mut Extra) {
    if let Some(word) = word {
        extra.keep(format!("{list}[{index}].{name}"), word);
    }
}

/// One line of a table: column names and what was read there.
type Row<'a> = Vec<Cell<'a>>;
type Cell<'a> = (Cow<'a, str>, Option<&'a RawValue>);

/// A list of rows, each a list of cells, and how many more there are than are kept. A flat list of
/// cells is read as well: a column that repeats begins the next row.
fn rows<'a>(table: &Elements<'a>) -> (Vec<Row<'a>>, u64) {
    let mut rows: Vec<Row<'a>> = Vec::new();
    let mut flat: Row<'a> = Vec::new();
    for raw in &table.kept {
        if let Some(cells) = json::elements(raw) {
            rows.push(cells.kept.into_iter().filter_map(any_cell).collect());
        } else if let Some(cell) = any_cell(raw) {
            if flat.len() == MAX_COLUMNS || flat.iter().any(|(name, _)| *name == cell.0) {
                rows.push(std::mem::take(&mut flat));
            }
            flat.push(cell);
        }
    }
    if !flat.is_empty() {
        rows.push(flat);
    }
    let more = rows.len().saturating_sub(MAX_LINES) as u64;
    rows.truncate(MAX_LINES);
    (rows, more + table.left_out)
}

/// A value that is no cell, or has no name, is one whose column cannot be told.
fn any_cell(raw: &RawValue) -> Option<Cell<'_>> {
    let nameless = |word: &'_ RawValue| {
        !json::is_nothing(word) && json::elements(word).is_none_or(|list| !list.kept.is_empty())
    };
    match Fields::parse(raw.get()) {
        Some(mut fields) => match (fields.column(), fields.raw("word")) {
            (Some(name), word) => Some((name, word)),
            (None, word) => word
                .filter(|word| nameless(word))
                .map(|word| (Cow::Borrowed(UNREAD), Some(word))),
        },
        None => nameless(raw).then_some((Cow::Borrowed(UNREAD), Some(raw))),
    }
}

fn cell(raw: &RawValue) -> Option<Cell<'_>> {
    let mut fields = Fields::parse(raw.get())?;
    Some((fields.column()?, fields.raw("word")))
}
