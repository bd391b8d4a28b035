//! The check that every JSON reader can read the metadata that is echoed to it.
//!
//! The grammar of JSON allows numbers that no `double` holds and halves of characters (lone
//! surrogates); strict readers refuse the whole text for one of them. So metadata that holds one is
//! refused here, where its sender is told, and not by the consumer of the result.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// # Errors
/// What is wrong with it, without repeating any of it.
pub(super) fn check(raw: &RawValue) -> Result<(), String> {
    match serde_json::from_str::<Readable>(raw.get()) {
        Ok(Readable) => Ok(()),
        Err(error) => Err(format!(
            "holds a number that is too large or a text that is no Unicode, at line {}, column {} of it",
            error.line(),
            error.column()
        )),
    }
}

/// Visits every value and keeps none.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self, A::Error> {
        while object.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_that_strict_readers_refuse_is_refused() {
        for (json, is_readable) in [
            (
                r#"{"a":[1,-2.5e300,null,true,"\ud83d\ude00",{"b":12345678901234567890123}],"a":"\u0000"}"#,
                true,
            ),
            (r#"{"a":1e999999}"#, false),
            (r#"{"a":[{"b":"\ud800"}]}"#, false),
            (r#"{"\udc00":1}"#, false),
            (r#"{"a":1e-999999}"#, true),
        ] {
            let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
            assert_eq!(check(&raw).is_ok(), is_readable, "{json}");
        }
    }
}
