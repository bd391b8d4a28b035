//! JSON read field by field, so that one field of the wrong type costs that field and nothing else.
//!
//! Values stay the text they were sent as until they are asked for: money never passes through a
//! float.

use super::charset::{UNDECODED, is_legible};
use crate::domain::failure::cut;
use crate::domain::invoice::{Day, Money};
use crate::domain::spelling::is_placeholder;
use crate::domain::{amount, date};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

/// The most fields of one object. No documented one has a hundred.
const MAX_FIELDS: usize = 20_000;
/// The most elements of one list: a table of [`MAX_LINES`] may come cell by cell.
const MAX_ELEMENTS: usize = 10 * MAX_LINES;
/// The most objects that are looked at where one is documented.
const MAX_OBJECTS: usize = 100;
/// No bill has so many lines. What exceeds it is counted, so that nothing is added up without it.
pub const MAX_LINES: usize = 20_000;
/// A longer text is cut, and ends in [`CUT`].
pub const MAX_TEXT_BYTES: usize = 2_000;
const CUT: &str = "…";
/// Control characters that JSON allows in a text: this one, and those whose first byte in UTF-8 is
/// the other.
const DELETE: u8 = 0x7f;
const BEFORE_CONTROLS: u8 = 0xc2;

/// Outside of texts a control character is as good as a blank, and within them it should have been
/// escaped. What is sound, as nearly all is, is looked through in a fifth of the instructions.
pub(super) fn with_controls_blanked(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte < b' ') {
        Cow::Owned(text.replace(|char| char < ' ', " "))
    } else {
        text
    }
}

/// An object whose fields are taken one by one; what is not taken is extra.
#[derive(Default)]
pub struct Fields<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Fields<'a> {
    pub fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// An object, or the first object of a list.
    pub fn of(raw: &'a RawValue) -> Option<Self> {
        Self::parse(raw.get()).or_else(|| {
            elements(raw)?
                .kept
                .into_iter()
                .find_map(|element| Self::parse(element.get()))
        })
    }

    /// A text that says something: a placeholder such as `--` is nothing.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.take(name, spoken)
    }

    /// The `name` of a column, also where it could not be decoded.
    pub fn column(&mut self) -> Option<Cow<'a, str>> {
        self.take("name", |raw| scalar(raw).map(Some))
    }

    /// A text for a person, whether or not all of it could be decoded.
    pub fn message(&mut self, name: &'static str) -> Option<String> {
        self.take(name, |raw| scalar(raw).map(|text| Some(text.into_owned())))
    }

    /// A whole number, whether it was sent as number, text or `1.0`.
    pub fn integer(&mut self, name: &'static str) -> Option<i64> {
        self.take(name, |raw| integer(&text(raw)?).map(Some))
    }

    pub fn object(&mut self, name: &'static str) -> Option<Self> {
        self.take(name, |raw| Self::of(raw).map(Some))
    }

    /// A list, or the one object sent in place of it.
    pub fn list(&mut self, name: &'static str) -> Elements<'a> {
        let list = self.take(name, |raw| {
            elements(raw)
                .or_else(|| Self::parse(raw.get()).map(|_| Elements::of_one(raw)))
                .map(Some)
        });
        list.unwrap_or_default()
    }

    /// Whether this field holds more than nothing.
    pub fn says(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|raw| !is_nothing(raw))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(AsRef::as_ref)
    }

    pub fn peek(&self, name: &str) -> Option<&'a RawValue> {
        self.0.get(name).copied()
    }

    pub fn raw(&mut self, name: &str) -> Option<&'a RawValue> {
        self.0.remove(name)
    }

    /// Whether any field holds more than nothing.
    pub fn say_anything(&self) -> bool {
        self.0.values().any(|raw| !is_nothing(raw))
    }

    pub fn into_entries(self) -> impl Iterator<Item = (Cow<'a, str>, &'a RawValue)> {
        self.0.into_iter()
    }

    /// Removes the field unless `read` cannot make anything of it; `Some(None)` is an empty one.
    fn take<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'a RawValue) -> Option<Option<T>>,
    ) -> Option<T> {
        let Entry::Occupied(field) = self.0.entry(Cow::Borrowed(name)) else {
            return None;
        };
        let raw = *field.get();
        let value = if is_nothing(raw) {
            Some(None)
        } else {
            read(raw)
        };
        if value.is_some() {
            field.remove();
        }
        value.flatten()
    }
}

/// A scalar as text: trimmed, without control characters, bounded. `None` for lists, objects, what
/// is not a scalar and what could not be decoded: such text would be equal to any other. Empty text
/// is `Some("")`.
pub fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    scalar(raw).filter(|text| is_legible(text))
}

/// Reads like [`text`], also where some of it could not be decoded.
pub fn scalar(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    match json.as_bytes().first()? {
        b'"' => plain(json).or_else(|| escaped(json).map(Cow::Owned)),
        b'{' | b'[' => None,
        b'n' => Some(Cow::Borrowed("")),
        _ => Some(bounded(json)),
    }
}

/// Reads a value that is kept as its text where it cannot be understood. `None` where not one
/// character could be decoded.
fn partly_legible(raw: &RawValue) -> Option<Cow<'_, str>> {
    scalar(raw).filter(|text| text.is_empty() || text.chars().any(|char| char != UNDECODED))
}

fn bounded(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_TEXT_BYTES {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}{CUT}", cut(text, MAX_TEXT_BYTES - CUT.len())))
}

/// A text that can be read as it stands, as nearly everything is: it is not copied.
fn plain(json: &str) -> Option<Cow<'_, str>> {
    let text = json.strip_prefix('"')?.strip_suffix('"')?;
    memchr::memchr3(b'\\', DELETE, BEFORE_CONTROLS, text.as_bytes())
        .is_none()
        .then(|| bounded(text.trim()))
}

fn escaped(json: &str) -> Option<String> {
    let text: String = serde_json::from_str(json).ok()?;
    let clean: String = text
        .trim()
        .chars()
        .filter(|char| !char.is_control() || matches!(char, '\n' | '\t'))
        .collect();
    Some(bounded(&clean).into_owned())
}

/// A scalar that says something as text, `Some(None)` for one that says nothing, and `None` for
/// what is no legible scalar.
pub fn spoken(raw: &RawValue) -> Option<Option<String>> {
    let text = text(raw)?;
    Some((!is_placeholder(&text)).then(|| text.into_owned()))
}

/// As [`spoken`], `None` where it says nothing as well.
pub fn read_text(raw: &RawValue) -> Option<String> {
    spoken(raw).flatten()
}

/// An amount, as [`spoken`]. Only a number of JSON may have an exponent.
pub fn money(raw: &RawValue) -> Option<Option<Money>> {
    let text = partly_legible(raw)?;
    Some(if raw.get().starts_with('"') {
        amount::from_text(&text)
    } else {
        amount::from_number(&text)
    })
}

/// A number of days, a quantity or a price of one, by what reads it, as [`money`].
pub fn counted(raw: &RawValue, read: fn(&str) -> Option<Money>) -> Option<Option<Money>> {
    if raw.get().starts_with('"') {
        partly_legible(raw).map(|text| read(&text))
    } else {
        money(raw)
    }
}

/// A day in this time zone, where a time with an offset stands behind it, as [`spoken`].
pub fn day(raw: &RawValue, timezone: &TimeZone) -> Option<Option<Day>> {
    partly_legible(raw).map(|text| date::from_text(&text, timezone))
}

/// `null`, `""`, blank text.
pub fn is_nothing(raw: &RawValue) -> bool {
    text(raw).is_some_and(|text| text.is_empty())
}

/// The objects that were sent here, in a list or alone, with their places.
pub fn objects(raw: &RawValue) -> Vec<(usize, &RawValue)> {
    let listed = elements(raw).map_or_else(|| vec![raw], |elements| elements.kept);
    let is_object = |raw: &&RawValue| raw.get().starts_with('{');
    let objects = listed.into_iter().filter(is_object).take(MAX_OBJECTS);
    objects.enumerate().collect()
}

/// `None` for what is not a list.
pub fn elements(raw: &RawValue) -> Option<Elements<'_>> {
    serde_json::from_str(raw.get()).ok()
}

pub fn integer(text: &str) -> Option<i64> {
    let number = Decimal::from_str_exact(text).ok()?;
    if number.is_integer() {
        number.to_i64()
    } else {
        None
    }
}

/// Borrowed, unless it was sent with escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = BTreeMap::new();
                while fields.len() < MAX_FIELDS {
                    let Some((Name(name), raw)) = map.next_entry()? else {
                        return Ok(Fields(fields));
                    };
                    fields.insert(name, raw);
                }
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// The elements of a list.
#[derive(Default)]
pub struct Elements<'a> {
    pub kept: Vec<&'a RawValue>,
    /// How many more were sent than are kept of any list.
    pub left_out: u64,
}

impl<'a> Elements<'a> {
    /// Keeps as many as there may be lines. Answers how many are left out in all.
    pub fn keep_lines(&mut self) -> u64 {
        self.left_out += self.kept.len().saturating_sub(MAX_LINES) as u64;
        self.kept.truncate(MAX_LINES);
        self.left_out
    }

    fn of_one(raw: &'a RawValue) -> Self {
        Self {
            kept: vec![raw],
            left_out: 0,
        }
    }
}

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElementsVisitor;
        impl<'de> Visitor<'de> for ElementsVisitor {
            type Value = Elements<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut elements = Elements::default();
                while elements.kept.len() < MAX_ELEMENTS {
                    let Some(raw) = seq.next_element()? else {
                        return Ok(elements);
                    };
                    elements.kept.push(raw);
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    elements.left_out += 1;
                }
                Ok(elements)
            }
        }
        deserializer.deserialize_seq(ElementsVisitor)
    }
}

#[cfg(test)]
mod tests;
