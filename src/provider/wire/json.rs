//! JSON read field by field, so that one field of the wrong type costs that field and nothing else.
//!
//! Values stay the text they were sent as until they are asked for: money never passes through a float.

use super::extra::Extra;
use crate::domain::failure::cut;
use crate::domain::invoice::{Day, Money};
use crate::domain::{amount, date};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

/// No bill has so many lines; what exceeds it is dropped.
pub(crate) const MAX_ENTRIES: usize = 1_000;
pub(crate) const MAX_TEXT_BYTES: usize = 2_000;
/// Control characters that JSON allows in a text: this one, and those whose first byte in UTF-8 is the other.
const DELETE: u8 = 0x7f;
const BEFORE_CONTROLS: u8 = 0xc2;

/// The body as text: one broken character must not cost a whole paid answer, nor one that should have been escaped; outside of texts a
/// control character is as good as a blank. What is sound, as nearly all is, is looked through in a fifth of the instructions.
pub(crate) fn text_of(body: &[u8]) -> Cow<'_, str> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed);
    if text.bytes().any(|byte| byte < b' ') { Cow::Owned(text.replace(|char| char < ' ', " ")) } else { text }
}

/// An object whose fields are taken one by one; what nobody took is extra.
#[derive(Default)]
pub(crate) struct Fields<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Fields<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// An object, or the first object of a list.
    pub(crate) fn of(raw: &'a RawValue) -> Option<Self> {
        Self::parse(raw.get()).or_else(|| elements(raw)?.into_iter().find_map(|element| Self::parse(element.get())))
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.word(name).map(Cow::into_owned)
    }

    /// As [`Fields::text`], for what is only looked at.
    pub(crate) fn word(&mut self, name: &'static str) -> Option<Cow<'a, str>> {
        self.take(name, |raw| text(raw).map(Some))
    }

    pub(crate) fn money(&mut self, name: &'static str) -> Option<Money> {
        self.take(name, |raw| text(raw).map(|text| amount::from_text(&text)))
    }

    /// A number of days, with or without its unit (`3天`).
    pub(crate) fn days(&mut self, name: &'static str) -> Option<Money> {
        self.take(name, |raw| text(raw).map(|text| amount::from_text(text.trim_end_matches(['天', '日']).trim_end())))
    }

    pub(crate) fn day(&mut self, name: &'static str) -> Option<Day> {
        self.take(name, |raw| text(raw).map(|text| date::from_text(&text)))
    }

    /// A whole number, whether it was sent as number, text or `1.0`.
    pub(crate) fn integer(&mut self, name: &'static str) -> Option<i64> {
        self.take(name, |raw| integer(&text(raw)?).map(Some))
    }

    pub(crate) fn object(&mut self, name: &'static str) -> Option<Self> {
        self.take(name, |raw| Self::of(raw).map(Some))
    }

    /// A list, or the one object sent in place of it.
    pub(crate) fn list(&mut self, name: &'static str) -> Vec<&'a RawValue> {
        let list = self.take(name, |raw| elements(raw).or_else(|| Self::parse(raw.get()).map(|_| vec![raw])).map(Some));
        list.unwrap_or_default()
    }

    pub(crate) fn raw(&mut self, name: &str) -> Option<&'a RawValue> {
        self.0.remove(name)
    }

    /// Whether any field holds more than nothing.
    pub(crate) fn say_anything(&self) -> bool {
        self.0.values().any(|raw| !is_nothing(raw))
    }

    pub(crate) fn into_extra(self, prefix: &str, extra: &mut Extra) {
        for (name, raw) in self.0 {
            extra.keep(format!("{prefix}{name}"), raw);
        }
    }

    pub(crate) fn into_entries(self) -> impl Iterator<Item = (Cow<'a, str>, &'a RawValue)> {
        self.0.into_iter()
    }

    /// Removes the field unless `read` cannot make anything of it; `Some(None)` is an empty one.
    fn take<T>(&mut self, name: &'static str, read: impl FnOnce(&'a RawValue) -> Option<Option<T>>) -> Option<T> {
        let Entry::Occupied(field) = self.0.entry(Cow::Borrowed(name)) else { return None };
        let raw = *field.get();
        let value = if is_nothing(raw) { Some(None) } else { read(raw) };
        if value.is_some() {
            field.remove();
        }
        value.flatten()
    }
}

/// A scalar as text: trimmed, without control characters, bounded. `None` for lists, objects and what is not a scalar.
/// Empty text is `Some("")`.
pub(crate) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    match json.as_bytes().first()? {
        b'"' => plain(json).map(Cow::Borrowed).or_else(|| escaped(json).map(Cow::Owned)),
        b'{' | b'[' => None,
        b'n' => Some(Cow::Borrowed("")),
        _ => Some(Cow::Borrowed(cut(json, MAX_TEXT_BYTES))),
    }
}

/// What is to be read as it stands, as nearly everything is: it is not copied.
fn plain(json: &str) -> Option<&str> {
    let text = json.strip_prefix('"')?.strip_suffix('"')?;
    memchr::memchr3(b'\\', DELETE, BEFORE_CONTROLS, text.as_bytes()).is_none().then(|| cut(text.trim(), MAX_TEXT_BYTES))
}

fn escaped(json: &str) -> Option<String> {
    let text: String = serde_json::from_str(json).ok()?;
    let clean: String = text.trim().chars().filter(|char| !char.is_control() || matches!(char, '\n' | '\t')).collect();
    Some(cut(&clean, MAX_TEXT_BYTES).to_owned())
}

/// A scalar as text; `None` where it is empty or no scalar.
pub(crate) fn read_text(raw: &RawValue) -> Option<String> {
    text(raw).filter(|text| !text.is_empty()).map(Cow::into_owned)
}

pub(crate) fn read_money(raw: &RawValue) -> Option<Money> {
    amount::from_text(&text(raw)?)
}

/// `null`, `""`, blank text.
pub(crate) fn is_nothing(raw: &RawValue) -> bool {
    text(raw).is_some_and(|text| text.is_empty())
}

/// At most [`MAX_ENTRIES`] of a list. `None` for what is not a list.
pub(crate) fn elements(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str::<Elements<'_>>(raw.get()).ok().map(|elements| elements.0)
}

pub(crate) fn integer(text: &str) -> Option<i64> {
    let number = Decimal::from_str_exact(text).ok()?;
    if number.is_integer() { number.to_i64() } else { None }
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
                while fields.len() < MAX_ENTRIES {
                    let Some((Name(name), raw)) = map.next_entry()? else { return Ok(Fields(fields)) };
                    fields.insert(name, raw);
                }
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct Elements<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElementsVisitor;
        impl<'de> Visitor<'de> for ElementsVisitor {
            type Value = Elements<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while elements.len() < MAX_ENTRIES {
                    let Some(raw) = seq.next_element()? else { return Ok(Elements(elements)) };
                    elements.push(raw);
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Elements(elements))
            }
        }
        deserializer.deserialize_seq(ElementsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_character_costs_itself_only() {
        let text = text_of(b"\xef\xbb\xbf{\"a\": \"x\xffy\", \"b\": \"\\ud800\", \"c\": 1}");
        let mut fields = Fields::parse(&text).unwrap();
        assert_eq!(fields.text("a").as_deref(), Some("x\u{fffd}y"));
        assert_eq!(fields.text("b"), None);
        assert_eq!(fields.text("c").as_deref(), Some("1"));
    }

    #[test]
    fn a_control_character_that_should_have_been_escaped_is_a_blank() {
        let text = text_of(b"{\r\n\t\"a\": \"x\ny\",\n\t\"b\": \"\0z\\n1\"\n}\n");
        let mut fields = Fields::parse(&text).unwrap();
        assert_eq!(fields.text("a").as_deref(), Some("x y"));
        assert_eq!(fields.text("b").as_deref(), Some("z\n1"));
        assert!(matches!(text_of(b"{}"), Cow::Borrowed(_)));
    }

    #[test]
    fn text_is_the_same_whether_or_not_it_has_to_be_copied() {
        let long = "字".repeat(MAX_TEXT_BYTES);
        for (json, expected) in [
            (r#"" 张 样例 ""#, Some("张 样例")),
            (r#""\u5f20 \"样\" 例\t""#, Some("张 \"样\" 例")),
            ("\"\u{3000}¥ 1\u{7f}2\u{85}3\u{200b}\"", Some("¥ 123\u{200b}")),
            (r#""a\u0000b\nc""#, Some("ab\nc")),
            (r#""\ud800""#, None),
            (r#""""#, Some("")),
            ("null", Some("")),
            ("-1.50", Some("-1.50")),
            ("true", Some("true")),
            ("[1]", None),
            ("{}", None),
            (&format!("\"{long}\""), Some(&long[..1_998])),
            (&format!("\"\\n{long}\""), Some(&long[..1_998])),
        ] {
            let raw = RawValue::from_string(json.to_owned()).unwrap();
            assert_eq!(text(&raw).as_deref(), expected, "{json}");
            assert_eq!(is_nothing(&raw), expected == Some(""), "{json}");
        }
    }

    #[test]
    fn names_are_the_same_whether_or_not_they_have_escapes_and_the_last_one_counts() {
        let mut fields = Fields::parse(r#"{"name": 1, "\u006eame": 2}"#).unwrap();
        assert_eq!(fields.integer("name"), Some(2));
        assert_eq!(fields.integer("name"), None);
    }

    #[test]
    fn depth_and_width_are_survived() {
        let deep = format!("{{\"a\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(Fields::parse(&deep).unwrap().list("a").len(), 1);
        let wide: Vec<String> = (0..2_000).map(|index| format!("\"{index}\": 1")).collect();
        assert_eq!(Fields::parse(&format!("{{{}}}", wide.join(","))).unwrap().into_entries().count(), MAX_ENTRIES);
    }

    #[test]
    fn whole_numbers_are_read_in_every_spelling() {
        for (text, expected) in [("1", Some(1)), ("-1", Some(-1)), ("1.0", Some(1)), ("1.5", None), ("1e2", None), ("x", None), ("", None)]
        {
            assert_eq!(integer(text), expected, "{text}");
        }
        assert_eq!(integer("99999999999999999999"), None);
    }
}
