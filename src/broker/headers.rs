//! Headers of any AMQP type, so that a submitter's own survive parking unchanged.

use jiff::Timestamp;
use lapin::types::{AMQPValue, FieldArray, FieldTable, LongString, ShortString};
use std::collections::BTreeMap;
use std::fmt;

/// A header's name is a short string of AMQP.
const LONGEST_NAME: usize = 255;

/// The headers of a message. `Debug` shows names only, because values belong to the submitter.
#[derive(Clone, Default, PartialEq)]
pub struct Headers(BTreeMap<ShortString, AMQPValue>);

/// The newest entry of `x-death`: the last time that the broker dead-lettered the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    pub queue: String,
    /// `delivery_limit`, `expired`, `rejected` or `maxlen`.
    pub reason: String,
}

impl Headers {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A header that is text; `None` if it has another type or is not UTF-8.
    pub fn text(&self, name: &str) -> Option<String> {
        text(self.0.get(name)?)
    }

    /// A header that is an integer of any width, or a timestamp.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.0.get(name)? {
            AMQPValue::ShortShortInt(number) => Some((*number).into()),
            AMQPValue::ShortShortUInt(number) => Some((*number).into()),
            AMQPValue::ShortInt(number) => Some((*number).into()),
            AMQPValue::ShortUInt(number) => Some((*number).into()),
            AMQPValue::LongInt(number) => Some((*number).into()),
            AMQPValue::LongUInt(number) => Some((*number).into()),
            AMQPValue::LongLongInt(number) => Some(*number),
            AMQPValue::Timestamp(number) => i64::try_from(*number).ok(),
            AMQPValue::Boolean(_)
            | AMQPValue::Float(_)
            | AMQPValue::Double(_)
            | AMQPValue::DecimalValue(_)
            | AMQPValue::ShortString(_)
            | AMQPValue::LongString(_)
            | AMQPValue::FieldArray(_)
            | AMQPValue::FieldTable(_)
            | AMQPValue::ByteArray(_)
            | AMQPValue::Void => None,
        }
    }

    /// Sets a header. A name of more than 255 bytes, which AMQP cannot carry, is ignored.
    pub fn set_text(&mut self, name: &str, value: &str) {
        self.set(name, AMQPValue::LongString(value.into()));
    }

    pub fn set_number(&mut self, name: &str, value: i64) {
        self.set(name, AMQPValue::LongLongInt(value));
    }

    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Keeps the headers whose name passes.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|name, _| keep(name.as_str()));
    }

    /// The last dead-lettering of the message, if any.
    pub fn death(&self) -> Option<Death> {
        let newest = self.newest_death()?;
        let field = |name| newest.inner().get(name).and_then(text);
        Some(Death {
            queue: field("queue")?,
            reason: field("reason")?,
        })
    }

    /// The time of the last dead-lettering, to the second.
    pub fn died_at(&self) -> Option<Timestamp> {
        let AMQPValue::Timestamp(seconds) = self.newest_death()?.inner().get("time")? else {
            return None;
        };
        Timestamp::from_second(i64::try_from(*seconds).ok()?).ok()
    }

    /// Adds a death to `x-death` as RabbitMQ does when it dead-letters a message.
    pub(super) fn record_death(&mut self, death: &Death) {
        let long = |text: &str| AMQPValue::LongString(LongString::from(text));
        let mut newest = FieldTable::default();
        newest.insert("count".into(), AMQPValue::LongLongInt(1));
        newest.insert("queue".into(), long(&death.queue));
        newest.insert("reason".into(), long(&death.reason));
        let mut deaths = vec![AMQPValue::FieldTable(newest)];
        if let Some(AMQPValue::FieldArray(earlier)) = self.0.get("x-death") {
            deaths.extend(earlier.as_slice().iter().cloned());
        } else {
            self.set("x-first-death-queue", long(&death.queue));
            self.set("x-first-death-reason", long(&death.reason));
        }
        self.set("x-death", AMQPValue::FieldArray(FieldArray::from(deaths)));
    }

    /// An upper estimate of the bytes that the headers take in a frame.
    pub(super) fn wire_size(&self) -> usize {
        self.0
            .iter()
            .map(|(name, value)| entry_size(name, value))
            .sum()
    }

    /// Each header's part of [`Headers::wire_size`].
    pub(super) fn wire_sizes(&self) -> impl Iterator<Item = (String, usize)> + '_ {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), entry_size(name, value)))
    }

    pub(super) fn to_table(&self) -> FieldTable {
        FieldTable::from(self.0.clone())
    }

    fn newest_death(&self) -> Option<&FieldTable> {
        let AMQPValue::FieldArray(deaths) = self.0.get("x-death")? else {
            return None;
        };
        let AMQPValue::FieldTable(newest) = deaths.as_slice().first()? else {
            return None;
        };
        Some(newest)
    }

    fn set(&mut self, name: &str, value: AMQPValue) {
        debug_assert!(name.len() <= LONGEST_NAME, "{name}");
        if let Ok(name) = ShortString::try_new(name) {
            self.0.insert(name, value);
        }
    }
}

#[cfg(test)]
impl Headers {
    /// The headers of a message that RabbitMQ dead-lettered; `time` is in seconds since the epoch.
    pub(crate) fn dead_lettered(queue: &str, reason: &str, time: u64) -> Self {
        let mut death = FieldTable::default();
        death.insert("queue".into(), AMQPValue::LongString(queue.into()));
        death.insert("reason".into(), AMQPValue::LongString(reason.into()));
        death.insert("time".into(), AMQPValue::Timestamp(time));
        let mut headers = Self::default();
        headers.set(
            "x-death",
            AMQPValue::FieldArray(FieldArray::from(vec![AMQPValue::FieldTable(death)])),
        );
        headers
    }
}

impl From<&FieldTable> for Headers {
    fn from(table: &FieldTable) -> Self {
        Self(table.inner().clone())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_set()
            .entries(self.0.keys().map(ShortString::as_str))
            .finish()
    }
}

fn text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok().map(str::to_owned),
        AMQPValue::ShortString(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}

fn entry_size(name: &ShortString, value: &AMQPValue) -> usize {
    1 + name.as_str().len() + wire_size(value)
}

fn wire_size(value: &AMQPValue) -> usize {
    const TYPE: usize = 1;
    const LENGTH: usize = 4;
    const WIDEST_NUMBER: usize = 8;
    TYPE + match value {
        AMQPValue::LongString(text) => LENGTH + text.len(),
        AMQPValue::ShortString(text) => LENGTH + text.as_str().len(),
        AMQPValue::ByteArray(bytes) => LENGTH + bytes.len(),
        AMQPValue::FieldArray(array) => {
            LENGTH + array.as_slice().iter().map(wire_size).sum::<usize>()
        }
        AMQPValue::FieldTable(table) => LENGTH + Headers::from(table).wire_size(),
        _ => WIDEST_NUMBER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(value: AMQPValue) -> Headers {
        let mut headers = Headers::default();
        headers.set("name", value);
        headers
    }

    #[test]
    fn text_is_read_from_both_string_types_and_only_from_utf8() {
        assert_eq!(
            holding(AMQPValue::LongString("发票".into()))
                .text("name")
                .as_deref(),
            Some("发票")
        );
        assert_eq!(
            holding(AMQPValue::ShortString("short".into()))
                .text("name")
                .as_deref(),
            Some("short")
        );
        assert_eq!(
            holding(AMQPValue::LongString(vec![0xff, 0xfe].into())).text("name"),
            None
        );
        assert_eq!(holding(AMQPValue::LongInt(1)).text("name"), None);
        assert_eq!(Headers::default().text("name"), None);
    }

    #[test]
    fn numbers_are_read_from_every_width() {
        for (value, expected) in [
            (AMQPValue::ShortShortInt(-1), Some(-1)),
            (AMQPValue::ShortShortUInt(255), Some(255)),
            (AMQPValue::ShortInt(-2), Some(-2)),
            (AMQPValue::ShortUInt(65_535), Some(65_535)),
            (AMQPValue::LongInt(-3), Some(-3)),
            (AMQPValue::LongUInt(u32::MAX), Some(u32::MAX.into())),
            (AMQPValue::LongLongInt(i64::MIN), Some(i64::MIN)),
            (AMQPValue::Timestamp(7), Some(7)),
            (AMQPValue::Timestamp(u64::MAX), None),
            (AMQPValue::LongString("7".into()), None),
            (AMQPValue::Double(7.0), None),
        ] {
            assert_eq!(holding(value.clone()).number("name"), expected, "{value:?}");
        }
    }

    #[test]
    fn the_newest_death_is_the_reason() {
        let mut headers = Headers::default();
        assert_eq!(headers.death(), None);
        for reason in ["expired", "delivery_limit"] {
            headers.record_death(&Death {
                queue: format!("queue of {reason}"),
                reason: reason.to_owned(),
            });
        }
        assert_eq!(
            headers.death(),
            Some(Death {
                queue: "queue of delivery_limit".into(),
                reason: "delivery_limit".into()
            })
        );
        assert_eq!(
            headers.text("x-first-death-reason").as_deref(),
            Some("expired")
        );
    }

    #[test]
    fn values_are_not_in_the_debug_text() {
        assert_eq!(
            format!("{:?}", holding(AMQPValue::LongString("patient".into()))),
            "{\"name\"}"
        );
    }
}
