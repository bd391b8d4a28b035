//! A message as JSON from which it can be published again: body, properties and headers, each
//! header with its AMQP type.

use super::message::Message;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Map, Value, json};

impl Message {
    /// The message as one JSON object, with the body in base64.
    pub fn to_json(&self) -> Value {
        let properties = &self.properties;
        let written = [
            ("content_type", json!(properties.content_type)),
            ("content_encoding", json!(properties.content_encoding)),
            ("reply_to", json!(properties.reply_to)),
            ("correlation_id", json!(properties.correlation_id)),
            ("message_id", json!(properties.message_id)),
            ("type", json!(properties.kind)),
            ("app_id", json!(properties.app_id)),
            ("timestamp", json!(properties.timestamp)),
            ("priority", json!(properties.priority)),
        ];
        let set: Map<String, Value> = written
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        json!({
            "properties": set,
            "headers": object(&properties.headers.to_table()),
            "body_base64": base64(&self.body),
        })
    }
}

fn object(table: &FieldTable) -> Value {
    let entries = table.inner().iter();
    Value::Object(
        entries
            .map(|(name, value)| (name.to_string(), typed(value)))
            .collect(),
    )
}

/// A value as an object whose only key is its AMQP type.
fn typed(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::Boolean(value) => json!({ "bool": value }),
        AMQPValue::ShortShortInt(value) => json!({ "i8": value }),
        AMQPValue::ShortShortUInt(value) => json!({ "u8": value }),
        AMQPValue::ShortInt(value) => json!({ "i16": value }),
        AMQPValue::ShortUInt(value) => json!({ "u16": value }),
        AMQPValue::LongInt(value) => json!({ "i32": value }),
        AMQPValue::LongUInt(value) => json!({ "u32": value }),
        AMQPValue::LongLongInt(value) => json!({ "i64": value }),
        // Text, because JSON has no infinity and not every reader keeps all digits.
        AMQPValue::Float(value) => json!({ "f32": value.to_string() }),
        AMQPValue::Double(value) => json!({ "f64": value.to_string() }),
        AMQPValue::DecimalValue(value) => {
            json!({ "decimal": { "scale": value.scale, "value": value.value } })
        }
        AMQPValue::ShortString(text) => json!({ "short_string": text.as_str() }),
        AMQPValue::LongString(text) => match std::str::from_utf8(text.as_bytes()) {
            Ok(text) => json!({ "string": text }),
            Err(_) => json!({ "string_base64": base64(text.as_bytes()) }),
        },
        AMQPValue::FieldArray(items) => {
            json!({ "list": items.as_slice().iter().map(typed).collect::<Vec<_>>() })
        }
        AMQPValue::Timestamp(seconds) => json!({ "timestamp": seconds }),
        AMQPValue::FieldTable(table) => json!({ "table": object(table) }),
        AMQPValue::ByteArray(bytes) => json!({ "bytes_base64": base64(bytes.as_slice()) }),
        AMQPValue::Void => json!({ "void": null }),
    }
}

fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::message::Properties;
    use super::*;
    use lapin::types::{FieldArray, LongString};

    #[test]
    fn everything_of_a_message_is_written() {
        let mut table = FieldTable::default();
        table.insert("text".into(), AMQPValue::LongString("发票".into()));
        table.insert(
            "bytes".into(),
            AMQPValue::LongString(LongString::from(vec![0xff])),
        );
        table.insert(
            "list".into(),
            AMQPValue::FieldArray(FieldArray::from(vec![
                AMQPValue::Boolean(true),
                AMQPValue::Void,
            ])),
        );
        table.insert("number".into(), AMQPValue::LongLongInt(i64::MIN));
        table.insert("nothing finite".into(), AMQPValue::Double(f64::NAN));
        let properties = Properties {
            reply_to: Some("replies".to_owned()),
            kind: Some("job".to_owned()),
            timestamp: Some(7),
            headers: (&table).into(),
            ..Properties::default()
        };
        let message = Message {
            body: b"\xff{}"[..].into(),
            properties,
        };
        let expected = json!({
            "properties": { "reply_to": "replies", "type": "job", "timestamp": 7 },
            "headers": {
                "text": { "string": "发票" },
                "bytes": { "string_base64": "/w==" },
                "list": { "list": [{ "bool": true }, { "void": null }] },
                "number": { "i64": i64::MIN },
                "nothing finite": { "f64": "NaN" },
            },
            "body_base64": "/3t9",
        });
        assert_eq!(message.to_json(), expected);
    }
}
