//! What a call with an account costs: `price = "0.35"`, or a list with the days from which contracts
//! change. Which calls are billed is the policy's to say.

use jiff::civil::Date;
use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A contract changes once or twice a year.
const MOST_PRICES: usize = 100;
/// A call costs some cents: what is dearer by so much is a mistake.
const HIGHEST: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);
const MOST_DECIMALS: u32 = 6;

/// The prices of a call, by the day from which each is valid. Without any, calls have no price.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tariff(Vec<Price>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    /// `None`: for all days.
    #[serde(deserialize_with = "day", skip_serializing_if = "Option::is_none")]
    from: Option<Date>,
    #[serde(serialize_with = "as_text", deserialize_with = "amount")]
    price: Decimal,
}

/// An ISO 4217 code such as `CNY`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Currency(String);

/// A text for all days, or a list with the days from which each price is valid.
impl JsonSchema for Tariff {
    fn schema_name() -> Cow<'static, str> {
        "Tariff".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let amount = r"^([0-9]+(\.[0-9]{1,6})?)?$";
        json_schema!({
            "anyOf": [
                {"type": "string", "pattern": amount},
                {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["from", "price"],
                        "properties": {
                            "from": {"type": "string", "format": "date"},
                            "price": {"type": "string", "pattern": amount},
                        },
                    },
                },
            ],
        })
    }
}

impl JsonSchema for Currency {
    fn schema_name() -> Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[A-Z]{3}$"})
    }
}

impl Tariff {
    /// The price of a call on this day; `None` before the first day that has one.
    pub fn on(&self, day: Date) -> Option<Decimal> {
        let valid = self
            .0
            .iter()
            .rev()
            .find(|price| price.from.is_none_or(|from| from <= day));
        valid.map(|price| price.price)
    }

    /// The price of a call on this day, or the first one where none was valid by then.
    pub fn on_or_first(&self, day: Date) -> Option<Decimal> {
        let first = || self.0.first().map(|price| price.price);
        self.on(day).or_else(first)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(prices: Vec<Price>) -> Result<Self, String> {
        if prices.len() > MOST_PRICES {
            return Err(format!("has more than {MOST_PRICES} prices"));
        }
        if !prices.is_sorted_by(|earlier, later| earlier.from < later.from) {
            return Err("has prices whose days do not follow one another".to_owned());
        }
        Ok(Self(prices))
    }
}

/// A price, or the list as TOML, as an environment variable has it.
impl FromStr for Tariff {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Listed {
            list: Tariff,
        }
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.starts_with('[') {
            let listed = toml::from_str::<Listed>(&format!("list = {text}"));
            let listed = listed.map_err(|error| error.message().replace('\n', ", "))?;
            return Ok(listed.list);
        }
        let (from, price) = (None, money(text)?);
        Ok(Self(vec![Price { from, price }]))
    }
}

fn money(text: &str) -> Result<Decimal, String> {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let price = Decimal::from_str_exact(text).ok().filter(|_| is_plain);
    price
        .filter(|price| *price <= HIGHEST && price.scale() <= MOST_DECIMALS)
        .ok_or_else(|| {
            format!("{text:?} is not a price; write for instance \"0.35\", with up to six decimals")
        })
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    money(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

fn as_text<S: Serializer>(price: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(price)
}

/// A day as text, or as TOML has days.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Day {
        Text(String),
        Toml(toml::value::Datetime),
    }
    let text = match Day::deserialize(deserializer)? {
        Day::Text(text) => text,
        Day::Toml(day) => day.to_string(),
    };
    let day = text.parse().map_err(|_| {
        de::Error::custom(format!(
            "{text:?} is not a day; write for instance \"2027-01-01\""
        ))
    });
    day.map(Some)
}

impl<'de> Deserialize<'de> for Tariff {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrList;

        impl<'de> Visitor<'de> for TextOrList {
            type Value = Tariff;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(
                    "a price such as \"0.35\", or a list such as [{ from = \"2027-01-01\", price = \"0.40\" }]",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Tariff, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tariff, A::Error> {
                let mut prices = Vec::new();
                while let Some(price) = list.next_element()? {
                    prices.push(price);
                }
                Tariff::of(prices).map_err(de::Error::custom)
            }
        }

        deserializer.deserialize_any(TextOrList)
    }
}

impl Serialize for Tariff {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [] => serializer.serialize_str(""),
            [Price { from: None, price }] => serializer.collect_str(price),
            prices => {
                let mut list = serializer.serialize_seq(Some(prices.len()))?;
                prices
                    .iter()
                    .try_for_each(|price| list.serialize_element(price))?;
                list.end()
            }
        }
    }
}

impl Default for Currency {
    fn default() -> Self {
        Self("CNY".to_owned())
    }
}

impl FromStr for Currency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
        is_code.then(|| Self(text.to_owned())).ok_or_else(|| {
            format!("{text:?} is not a currency; write its three letters, for instance \"CNY\"")
        })
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[derive(Debug, Serialize, Deserialize)]
    struct Section {
        price: Tariff,
    }

    fn read(toml: &str) -> Result<Tariff, String> {
        let section = toml::from_str::<Section>(toml);
        section
            .map(|section| section.price)
            .map_err(|error| error.message().to_owned())
    }

    fn on(tariff: &Tariff, year: i16, month: i8) -> Option<String> {
        tariff
            .on(date(year, month, 1))
            .map(|price| price.to_string())
    }

    #[test]
    fn a_price_is_for_all_days_and_a_list_has_one_from_each_day_on() {
        let one = read("price = \"0.35\"").unwrap();
        assert_eq!(on(&one, 1999, 1).as_deref(), Some("0.35"));
        let list = r#"price = [{ from = "2026-01-01", price = "0.40" }, { from = 2027-01-01, price = "0.350" }]"#;
        let list = read(list).unwrap();
        for (year, month, price) in [
            (2025, 12, None),
            (2026, 1, Some("0.40")),
            (2026, 12, Some("0.40")),
            (2027, 1, Some("0.350")),
            (2030, 6, Some("0.350")),
        ] {
            assert_eq!(on(&list, year, month).as_deref(), price, "{year}-{month}");
            let or_first = list.on_or_first(date(year, month, 1)).unwrap().to_string();
            assert_eq!(or_first, price.unwrap_or("0.40"), "{year}-{month}");
        }
        assert!(read("price = \"\"").unwrap().is_empty());
        assert!(read("price = []").unwrap().is_empty());
    }

    #[test]
    fn a_list_is_text_as_well_so_that_a_variable_can_have_it() {
        let text = r#"[{ from = "2026-01-01", price = "0.40" }]"#;
        assert_eq!(text.parse(), read(&format!("price = {text}")));
        assert!("[{".parse::<Tariff>().is_err());
    }

    #[test]
    fn a_price_that_cannot_be_meant_is_refused() {
        for (price, problem) in [
            ("0.35", "invalid type: floating point"),
            ("\"-0.35\"", "is not a price"),
            ("\"+1\"", "is not a price"),
            ("\"0,35\"", "is not a price"),
            ("\"1e3\"", "is not a price"),
            ("\"0.1234567\"", "is not a price"),
            ("\"1000001\"", "is not a price"),
            ("\".\"", "is not a price"),
            (r#"[{ price = "1" }]"#, "missing field `from`"),
            (r#"[{ from = "2026-01-01" }]"#, "missing field `price`"),
            (r#"[{ from = "soon", price = "1" }]"#, "is not a day"),
            (
                r#"[{ from = "2026-01-01", price = "1", until = "x" }]"#,
                "unknown field",
            ),
            (
                r#"[{ from = "2026-02-01", price = "1" }, { from = "2026-02-01", price = "2" }]"#,
                "do not follow",
            ),
        ] {
            let error = read(&format!("price = {price}")).unwrap_err();
            assert!(error.contains(problem), "{price}: {error}");
        }
    }

    #[test]
    fn a_tariff_is_written_as_it_is_read() {
        for price in [
            "\"\"",
            "\"0.35\"",
            r#"[{ from = "2026-01-01", price = "0.40" }]"#,
        ] {
            let price = read(&format!("price = {price}")).unwrap();
            let written = toml::to_string(&Section {
                price: price.clone(),
            })
            .unwrap();
            assert_eq!(read(&written), Ok(price), "{written}");
        }
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!("EUR".parse::<Currency>().unwrap().to_string(), "EUR");
        for text in ["", "eur", "EURO", "¥", "C1Y"] {
            assert!(text.parse::<Currency>().is_err(), "{text}");
        }
    }
}
