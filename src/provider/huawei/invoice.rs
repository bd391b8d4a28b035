//! From the fields of `data` to the common [`Invoice`].

use crate::domain::invoice::{CostDetail, Invoice, LeftOut, NamedAmount};
use crate::domain::payment::Payment;
use crate::domain::spelling::compact;
use crate::provider::wire::charset::is_legible;
use crate::provider::wire::extra::{Extra, note};
use crate::provider::wire::field::{Field, fields, read_all};
use crate::provider::wire::json::{self, Elements, Fields, MAX_LINES};
use jiff::tz::TimeZone;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The most columns of a row that comes cell by cell; more are another row.
const MAX_COLUMNS: usize = 100;
/// In place of a column's name that there is not.
const UNREAD: &str = "\u{fffd}";

/// The fields of `data`.
pub(super) const FIELDS: &[Field<Invoice>] = fields![
    "InvoiceNum" => note_no: Text,
    "InvoiceType" => note_kind_text: Text,
    "InvoiceType" => note_kind: NoteKind,
    "Province" => province: Text,
    "Name" => patient_name: Text,
    "Sex" => patient_gender: Gender,
    "Date" => billing_date: Date,
    "AdmissionDate" => admission_date: Date,
    "DischargeDate" => discharge_date: Date,
    "HospitalDay" => hospital_days: Days,
    "HospitalName" => hospital_name: Text,
    "HospitalType" => hospital_type: Text,
    "ChargingUnit" => charging_unit: Text,
    "InsuranceType" => insurance_type: Text,
    "SocialSecurityNum" => social_security_no: Text,
    "ClinicNum" => clinic_no: Text,
    "HospitalNum" => hospital_no: Text,
    "RecordNum" => medical_record_no: Text,
    "BusinessNum" => business_no: Text,
    "Payee" => payee: Text,
    // The document spells it so; the vendor may correct it one day.
    "AmountInFiguers" => total_cost: Money,
    "AmountInFigures" => total_cost: Money,
    "AmountInWords" => total_cost_in_words: Text,
    "AmountInWords" => total_cost_from_words: Words,
    "InsurancePayment" => insurance_payment: Money,
    "PersonalPayment" => personal_account_payment: Money,
    "PrepayAmount" => prepaid_amount: Money,
    "PaymentAmount" => supplementary_payment: Money,
    "RefundAmount" => refund_amount: Money,
];
/// The columns of `CostCategories`.
pub(super) const CATEGORY_COLUMNS: &[Field<NamedAmount>] = fields![
    "收费项目" => name: Text,
    "金额" => amount: Money,
];
/// The columns of `CostDetail`.
pub(super) const DETAIL_COLUMNS: &[Field<CostDetail>] = fields![
    "项目" => name: Text,
    "编码" => code: Text,
    "规格" => specification: Text,
    "数量" => quantity: Quantity,
    "单价" => unit_price: UnitPrice,
    "金额" => amount: Money,
];

/// `extra` gets what is not read; the caller adds its own to it.
pub(super) fn map(mut data: Fields<'_>, timezone: &TimeZone, mut extra: Extra) -> Invoice {
    let mut invoice = Invoice::default();
    let mut left_out = LeftOut::new();
    read_all(FIELDS, &mut data, &mut invoice, timezone);
    let mut supplement = data.list("RegionSupplement");
    note(&mut left_out, "payments", supplement.keep_lines());
    invoice.payments = payments(&supplement.kept, &mut extra);
    let mut reader = TableReader {
        extra: &mut extra,
        left_out: &mut left_out,
        timezone,
    };
    let categories = (
        data.list("CostCategories"),
        "CostCategories",
        "cost_categories",
    );
    invoice.cost_categories = reader.lines(&categories, CATEGORY_COLUMNS);
    let details = (data.list("CostDetail"), "CostDetail", "cost_details");
    invoice.cost_details = reader.lines(&details, DETAIL_COLUMNS);
    data.into_extra("", &mut extra);
    let kept = extra.into_map(&mut left_out);
    (invoice.extra, invoice.extra_truncated) = (kept.fields, kept.is_truncated);
    invoice.left_out = left_out;
    invoice
}

fn payments(entries: &[&RawValue], extra: &mut Extra) -> Vec<Payment> {
    let mut payments = Vec::new();
    for (index, raw) in entries.iter().enumerate() {
        let cells = match json::elements(raw) {
            Some(cells) => cells.kept.into_iter().flat_map(entry).collect(),
            None => entry(raw),
        };
        if cells.is_empty() && !json::is_nothing(raw) {
            extra.keep_cell("RegionSupplement", index, "", raw);
        }
        payments.extend(cells.into_iter().map(payment));
    }
    payments
}

fn payment((name, word): Cell<'_>) -> Payment {
    let name = is_legible(&name).then(|| name.into_owned());
    Payment::named(
        name,
        || word.and_then(|word| json::money(word).flatten()),
        || word.and_then(json::read_text),
    )
}

/// `{name, word}`, or an object of payments by name. Empty for what is neither.
fn entry(raw: &RawValue) -> Vec<Cell<'_>> {
    let Some(mut fields) = Fields::parse(raw.get()) else {
        return Vec::new();
    };
    if let Some(name) = fields.column() {
        return vec![(name, word_of(&mut fields))];
    }
    if fields.says("word") || fields.says("value") {
        return Vec::new();
    }
    let entries = fields.into_entries();
    entries
        .filter(|(_, raw)| json::scalar(raw).is_some())
        .map(|(name, raw)| (name, Some(raw)))
        .collect()
}

/// A table, its name with the provider and with us.
type Table<'a> = (Elements<'a>, &'static str, &'static str);

struct TableReader<'a> {
    extra: &'a mut Extra,
    left_out: &'a mut LeftOut,
    timezone: &'a TimeZone,
}

impl TableReader<'_> {
    fn lines<T: Default + PartialEq>(
        &mut self,
        (table, sent, ours): &Table<'_>,
        columns: &[Field<T>],
    ) -> Vec<T> {
        let (rows, more) = rows(table, columns);
        note(self.left_out, ours, more);
        let lines = rows.into_iter().enumerate();
        lines
            .filter_map(|(index, row)| self.line(sent, index, row, columns))
            .collect()
    }

    fn line<T: Default + PartialEq>(
        &mut self,
        list: &str,
        index: usize,
        row: Row<'_>,
        columns: &[Field<T>],
    ) -> Option<T> {
        let mut line = T::default();
        let is_unread = has_unread_column(&row);
        for (name, word) in row {
            let Some(word) = word else { continue };
            let exact = columns.iter().find(|column| column.sent == name);
            let column =
                exact.or_else(|| columns.iter().find(|column| is_named(&name, column.sent)));
            if !column.is_some_and(|column| column.read(word, &mut line, self.timezone)) {
                self.extra.keep_cell(list, index, &name, word);
            }
        }
        (is_unread || line != T::default()).then_some(line)
    }
}

/// `金额`, `金额（元）`, `金额:`.
fn is_named(name: &str, column: &str) -> bool {
    if name == column || name.len() <= column.len() {
        return name == column;
    }
    let compact = compact(name);
    let bare = compact.trim_end_matches(':');
    bare.strip_suffix("(元)").unwrap_or(bare) == column
}

/// A line whose columns cannot be told apart, or whose amount cannot be read, is a line still:
/// without it the sum of all would be another.
fn has_unread_column(row: &Row<'_>) -> bool {
    row.iter().any(|(name, word)| {
        !is_legible(name)
            || (is_named(name, "金额") && word.is_some_and(|word| json::spoken(word) != Some(None)))
    })
}

/// One line of a table: column names and what was read there.
type Row<'a> = Vec<Cell<'a>>;
type Cell<'a> = (Cow<'a, str>, Option<&'a RawValue>);

/// A list of rows, each a list of cells or an object of columns, and how many more there are than
/// are kept. A flat list of cells is read as well: a column that repeats begins the next row.
fn rows<'a, T>(table: &Elements<'a>, columns: &[Field<T>]) -> (Vec<Row<'a>>, u64) {
    let mut rows: Vec<Row<'a>> = Vec::new();
    let mut flat: Row<'a> = Vec::new();
    for raw in &table.kept {
        if let Some(cells) = json::elements(raw) {
            let cells = cells.kept.into_iter();
            rows.push(cells.flat_map(|cell| cells_of(cell, columns)).collect());
            continue;
        }
        let mut cells = cells_of(raw, columns);
        if cells.len() > 1 {
            rows.push(cells);
        } else if let Some(cell) = cells.pop() {
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

/// The one cell that `{name, word}` is, or those of an object whose names are columns. A value that
/// is no cell, or has no name, is one whose column cannot be told.
fn cells_of<'a, T>(raw: &'a RawValue, columns: &[Field<T>]) -> Row<'a> {
    let is_empty = |word: &RawValue| {
        json::is_nothing(word) || json::elements(word).is_some_and(|list| list.kept.is_empty())
    };
    let nameless = |word: &'a RawValue| vec![(Cow::Borrowed(UNREAD), Some(word))];
    let Some(mut fields) = Fields::parse(raw.get()) else {
        return if is_empty(raw) {
            Vec::new()
        } else {
            nameless(raw)
        };
    };
    if let Some(name) = fields.column() {
        return vec![(name, word_of(&mut fields))];
    }
    let is_column = |name: &str| columns.iter().any(|column| is_named(name, column.sent));
    if fields.names().any(is_column) {
        let entries = fields.into_entries();
        return entries.map(|(name, raw)| (name, Some(raw))).collect();
    }
    match word_of(&mut fields) {
        Some(word) if !is_empty(word) => nameless(word),
        Some(_) | None => Vec::new(),
    }
}

/// What was read there; some answers call it `value`.
fn word_of<'a>(fields: &mut Fields<'a>) -> Option<&'a RawValue> {
    let word = fields.raw("word").filter(|word| !json::is_nothing(word));
    word.or_else(|| fields.raw("value"))
}
