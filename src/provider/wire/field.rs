//! One field of an answer: the provider's name, our name, and how it is read. Tables of such fields
//! are the mapping, and the reference in `config/fields.md` is generated from them.

use super::json::{self, Fields};
use crate::domain::invoice::{Day, DetailKind, Gender, Money, NoteKind, Sum};
use crate::domain::reading::Reading;
use crate::domain::{amount, terms};
use jiff::tz::TimeZone;
use serde_json::value::RawValue;

pub struct Field<T: 'static> {
    pub sent: &'static str,
    pub ours: &'static str,
    pub slot: Slot<T>,
}

/// How a field is read, and where the value goes.
pub enum Slot<T: 'static> {
    Text(fn(&mut T) -> &mut Option<String>),
    Money(fn(&mut T) -> &mut Option<Money>),
    /// An amount in Chinese numerals.
    Words(fn(&mut T) -> &mut Option<Money>),
    Days(fn(&mut T) -> &mut Option<Money>),
    Quantity(fn(&mut T) -> &mut Option<Money>),
    UnitPrice(fn(&mut T) -> &mut Option<Money>),
    Date(fn(&mut T) -> &mut Option<Day>),
    Count(fn(&mut T) -> &mut Option<u64>),
    NoteKind(fn(&mut T) -> &mut Option<NoteKind>),
    Gender(fn(&mut T) -> &mut Option<Gender>),
    DetailKind(fn(&mut T) -> &mut Option<DetailKind>),
    Checksum(fn(&mut T) -> &mut Option<Sum>),
}

/// `fields!["InvoiceNum" => note_no: Text, …]`: rows whose slot is the field of that name.
#[macro_export]
macro_rules! fields {
    ($($sent:literal => $ours:ident: $kind:ident),* $(,)?) => {
        &[$($crate::provider::wire::field::Field {
            sent: $sent,
            ours: stringify!($ours),
            slot: $crate::provider::wire::field::Slot::$kind(|target| &mut target.$ours),
        }),*]
    };
}
pub use fields;

/// Reads every field of the table out of `fields`. The first row for a field of the result that can
/// be read wins. Fields that no row could read stay in `fields`.
pub fn read_all<T>(
    table: &[Field<T>],
    fields: &mut Fields<'_>,
    target: &mut T,
    timezone: &TimeZone,
) {
    let mut read = Vec::new();
    for field in table {
        if let Some(raw) = fields.peek(field.sent)
            && field.read(raw, target, timezone)
        {
            read.push(field.sent);
        }
    }
    for name in read {
        fields.raw(name);
    }
}

impl<T> Field<T> {
    /// Reads the value into `target`. Returns whether it was understood, also as an empty value.
    pub fn read(&self, raw: &RawValue, target: &mut T, timezone: &TimeZone) -> bool {
        match self.slot {
            Slot::Text(of) => put(of(target), json::spoken(raw)),
            Slot::Money(of) => put(of(target), json::money(raw)),
            Slot::Words(of) => put(of(target), json::spoken(raw).map(|text| text.map(in_words))),
            Slot::Days(of) => put(of(target), json::counted(raw, amount::days)),
            Slot::Quantity(of) => put(of(target), json::counted(raw, amount::quantity)),
            Slot::UnitPrice(of) => put(of(target), json::counted(raw, amount::unit_price)),
            Slot::Date(of) => put(of(target), json::day(raw, timezone)),
            Slot::Count(of) => put(
                of(target),
                term(raw, |number| number.try_into().ok(), |_| None),
            ),
            Slot::NoteKind(of) => {
                let kind = term(
                    raw,
                    |number| Some(numbered_note(number)),
                    |text| Some(terms::note_kind(text)),
                );
                let is_clear = kind != Some(Some(NoteKind::Unknown)) || is_number(raw);
                put(of(target), kind) && is_clear
            }
            Slot::Gender(of) => {
                let gender = term(
                    raw,
                    |number| Some(numbered_gender(number)),
                    |text| Some(terms::gender(text)),
                );
                let is_clear = gender != Some(Some(Gender::Unknown)) || is_number(raw);
                put(of(target), gender) && is_clear
            }
            Slot::DetailKind(of) => put(
                of(target),
                term(
                    raw,
                    |number| Some(numbered_detail(number)),
                    terms::detail_kind,
                ),
            ),
            Slot::Checksum(of) => put(of(target), term(raw, numbered_sum, |_| None)),
        }
    }

    /// The type that the reference states.
    pub fn type_name(&self) -> &'static str {
        match self.slot {
            Slot::Text(_) => "text",
            Slot::Money(_) => "money",
            Slot::Words(_) => "money, read from words",
            Slot::Days(_) | Slot::Quantity(_) | Slot::UnitPrice(_) => "decimal",
            Slot::Date(_) => "date",
            Slot::Count(_) => "integer",
            Slot::NoteKind(_) => "`outpatient`, `inpatient`, `unknown`",
            Slot::Gender(_) => "`male`, `female`, `unknown`",
            Slot::DetailKind(_) => "`western_medicine`, `chinese_medicine`, `treatment`, `unknown`",
            Slot::Checksum(_) => "`passed`, `failed`, `unchecked`",
        }
    }
}

/// Stores the value if there is none yet. Returns false for `None`, which was not understood.
#[expect(
    clippy::option_option,
    reason = "understood as nothing is not the same as not understood"
)]
fn put<V>(place: &mut Option<V>, read: Option<Option<V>>) -> bool {
    match read {
        Some(None) => true,
        Some(value) if place.is_none() => {
            *place = value;
            true
        }
        Some(Some(_)) | None => false,
    }
}

/// Reads a whole number, or else a text as [`json::spoken`] does.
#[expect(
    clippy::option_option,
    reason = "understood as nothing is not the same as not understood"
)]
fn term<V>(
    raw: &RawValue,
    of_number: impl FnOnce(i64) -> Option<V>,
    of_text: impl FnOnce(&str) -> Option<V>,
) -> Option<Option<V>> {
    let Some(text) = json::spoken(raw)? else {
        return Some(None);
    };
    let value = match json::integer(&text) {
        Some(number) => of_number(number),
        None => of_text(&text),
    };
    value.map(Some)
}

fn is_number(raw: &RawValue) -> bool {
    json::text(raw).is_some_and(|text| json::integer(&text).is_some())
}

fn in_words(words: String) -> Money {
    amount::from_words(&words).map_or(Reading::Text(words), Reading::Value)
}

fn numbered_note(number: i64) -> NoteKind {
    match number {
        1 => NoteKind::Outpatient,
        2 => NoteKind::Inpatient,
        _ => NoteKind::Unknown,
    }
}

fn numbered_gender(number: i64) -> Gender {
    match number {
        1 => Gender::Male,
        2 => Gender::Female,
        _ => Gender::Unknown,
    }
}

fn numbered_detail(number: i64) -> DetailKind {
    match number {
        1 => DetailKind::WesternMedicine,
        2 => DetailKind::ChineseMedicine,
        3 => DetailKind::Treatment,
        _ => DetailKind::Unknown,
    }
}

fn numbered_sum(number: i64) -> Option<Sum> {
    match number {
        1 => Some(Sum::Passed),
        0 => Some(Sum::Failed),
        -1 => Some(Sum::Unchecked),
        _ => None,
    }
}
