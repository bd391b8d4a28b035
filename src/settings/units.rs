//! Durations and sizes as they are written in the configuration: `"1h30m"`, `"256MiB"`.

use jiff::SignedDuration;
use regex_lite::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration that remembers how it was written: the delay queue of `"30s"` is named
/// `invoice.retry.30s`.
#[derive(Clone, Debug)]
pub struct Span {
    text: String,
    duration: Duration,
}

impl Span {
    pub fn duration(&self) -> Duration {
        self.duration
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Two spans are equal when they last equally long.
impl PartialEq for Span {
    fn eq(&self, other: &Self) -> bool {
        self.duration == other.duration
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let written = text.trim();
        let wrong = || {
            format!(
                "{written:?} is not a duration; write for instance \"30s\", \"2m\" or \"1h30m\""
            )
        };
        let duration = if let Some(days) = days(written) {
            days
        } else {
            let signed: SignedDuration = written.parse().map_err(|_| wrong())?;
            Duration::try_from(signed)
                .map_err(|_| format!("{written:?} is negative; a duration is not"))?
        };
        Ok(Self {
            text: written.to_owned(),
            duration,
        })
    }
}

/// Whole days of 24 hours, `30d`: the library knows no days, because those of a calendar differ.
fn days(written: &str) -> Option<Duration> {
    let digits = written.strip_suffix('d')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = digits.parse::<u64>().ok()?.checked_mul(24 * 60 * 60)?;
    // What the library cannot hold could not be added to a time.
    i64::try_from(seconds).ok()?;
    Some(Duration::from_secs(seconds))
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let written = text.trim();
        let wrong =
            || format!("{written:?} is not a size; write for instance \"512KiB\" or \"20MiB\"");
        let digits = written.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = written[..digits].parse().map_err(|_| wrong())?;
        let unit = match written[digits..].trim() {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "kB" | "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return Err(wrong()),
        };
        number.checked_mul(unit).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes % (1 << 20) == 0 => write!(formatter, "{}MiB", bytes >> 20),
            bytes if bytes % (1 << 10) == 0 => write!(formatter, "{}KiB", bytes >> 10),
            bytes => write!(formatter, "{bytes}B"),
        }
    }
}

/// A regular expression that a whole text has to match; an empty one matches every text.
#[derive(Clone, Debug, Default)]
pub struct Pattern {
    text: String,
    regex: Option<Regex>,
}

impl Pattern {
    pub fn matches(&self, text: &str) -> bool {
        self.regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

/// Two patterns are equal when they are written alike.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Compiled by itself as well: the surrounding group could hide a mistake in it.
        let whole = Regex::new(text).and_then(|_| Regex::new(&format!("^(?:{text})$")));
        let regex =
            whole.map_err(|error| format!("{text:?} is not a regular expression: {error}"))?;
        Ok(Self {
            text: text.to_owned(),
            regex: (!text.is_empty()).then_some(regex),
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

macro_rules! written_as_text {
    ($unit:ident, $schema:expr) => {
        impl JsonSchema for $unit {
            fn schema_name() -> Cow<'static, str> {
                stringify!($unit).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }

        impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }

        impl Serialize for $unit {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

written_as_text!(
    Span,
    json_schema!({ "type": "string", "examples": ["30s", "2m", "1h30m"] })
);
written_as_text!(
    Size,
    json_schema!({ "type": "string", "pattern": "^\\s*[0-9]+\\s*(B|KiB|MiB|GiB|kB|KB|MB|GB)?\\s*$" })
);
written_as_text!(
    Pattern,
    json_schema!({ "type": "string", "format": "regex" })
);

/// The duration of a literal, for defaults in the code.
///
/// # Panics
/// When the literal is not a duration: a mistake of ours, found by the test that loads the
/// defaults.
pub fn span(literal: &str) -> Span {
    literal
        .parse()
        .unwrap_or_else(|problem| panic!("{problem}"))
}
