//! An amount of calls or of money, as the configuration writes it. Pure.

use crate::settings::tariff::Currency;
use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A larger amount is a mistake.
const LARGEST: u64 = 1_000_000_000_000;
const MOST_DECIMALS: u32 = 6;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BudgetAmount {
    Calls(u64),
    Money { amount: Decimal, currency: Currency },
}

impl BudgetAmount {
    /// Calls, or units of the currency.
    pub fn number(&self) -> Decimal {
        match self {
            Self::Calls(calls) => Decimal::from(*calls),
            Self::Money { amount, .. } => *amount,
        }
    }

    /// `calls`, or the currency.
    pub fn unit(&self) -> String {
        match self {
            Self::Calls(_) => "calls".to_owned(),
            Self::Money { currency, .. } => currency.to_string(),
        }
    }

    /// The currency, of money.
    pub fn currency(&self) -> Option<&Currency> {
        match self {
            Self::Calls(_) => None,
            Self::Money { currency, .. } => Some(currency),
        }
    }
}

/// Nothing: an entry without an amount is refused.
impl Default for BudgetAmount {
    fn default() -> Self {
        Self::Calls(0)
    }
}

impl fmt::Display for BudgetAmount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Calls(1) => formatter.write_str("1 call"),
            _ => write!(formatter, "{} {}", self.number(), self.unit()),
        }
    }
}

/// A number and what it is of: `200 calls`, `500 CNY`.
impl FromStr for BudgetAmount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not an amount; write for instance 200 or \"200 calls\", or money such as \"500 CNY\""
            )
        };
        let (number, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let unit = unit.trim();
        let is_plain = |byte: u8| byte.is_ascii_digit() || byte == b'.';
        let number = Decimal::from_str_exact(number)
            .ok()
            .filter(|number| *number <= Decimal::from(LARGEST) && number.scale() <= MOST_DECIMALS)
            .filter(|_| number.bytes().all(is_plain))
            .ok_or_else(wrong)?;
        if matches!(unit, "calls" | "call") {
            let calls = u64::try_from(number).ok();
            return calls
                .filter(|calls| Decimal::from(*calls) == number)
                .map(Self::Calls)
                .ok_or_else(wrong);
        }
        let currency = unit.parse().map_err(|_| wrong())?;
        Ok(Self::Money {
            amount: number,
            currency,
        })
    }
}

impl Serialize for BudgetAmount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Calls(calls) => serializer.serialize_u64(*calls),
            Self::Money { .. } => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for BudgetAmount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;

        impl Visitor<'_> for NumberOrText {
            type Value = BudgetAmount;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number of calls such as 200, or money such as \"500 CNY\"")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<BudgetAmount, E> {
                let calls = u64::try_from(number).map_err(|_| E::custom("is below zero"))?;
                self.visit_u64(calls)
            }

            fn visit_u64<E: de::Error>(self, calls: u64) -> Result<BudgetAmount, E> {
                if calls > LARGEST {
                    return Err(E::custom(format!("is more than {LARGEST}")));
                }
                Ok(BudgetAmount::Calls(calls))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<BudgetAmount, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(NumberOrText)
    }
}

/// A number, or a text with its unit.
impl JsonSchema for BudgetAmount {
    fn schema_name() -> Cow<'static, str> {
        "BudgetAmount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": LARGEST},
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,6})? +(calls?|[A-Z]{3})$"},
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct Entry {
        amount: BudgetAmount,
    }

    fn read(toml: &str) -> Result<String, String> {
        let entry = toml::from_str::<Entry>(&format!("amount = {toml}"));
        entry
            .map(|entry| entry.amount.to_string())
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn an_amount_is_of_calls_or_of_money() {
        for (toml, amount) in [
            ("200", "200 calls"),
            ("\"200 calls\"", "200 calls"),
            ("\"1 call\"", "1 call"),
            ("\"500 CNY\"", "500 CNY"),
            ("\"500.50 EUR\"", "500.50 EUR"),
        ] {
            assert_eq!(read(toml).as_deref(), Ok(amount));
        }
    }

    #[test]
    fn an_amount_that_cannot_be_meant_is_refused() {
        for (toml, problem) in [
            ("-1", "is below zero"),
            ("1000000000001", "is more than"),
            ("1.5", "invalid type"),
            ("\"200\"", "is not an amount"),
            ("\"1.5 calls\"", "is not an amount"),
            ("\"500 yuan\"", "is not an amount"),
            ("\"-5 CNY\"", "is not an amount"),
            ("\"1e3 CNY\"", "is not an amount"),
            ("\"0.1234567 CNY\"", "is not an amount"),
            ("\"9999999999999 CNY\"", "is not an amount"),
            ("true", "a number of calls such as 200"),
        ] {
            let error = read(toml).unwrap_err();
            assert!(error.contains(problem), "{toml}: {error}");
        }
    }

    #[test]
    fn an_amount_is_written_as_it_is_read() {
        for toml in ["200", "\"500.50 EUR\""] {
            let entry = toml::from_str::<Entry>(&format!("amount = {toml}")).unwrap();
            let written = toml::to_string(&entry).unwrap();
            assert_eq!(written.trim(), format!("amount = {toml}"));
        }
    }
}
