//! `recognition.sign_payload`: whether the signature covers the body.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use url::Url;

const AUTO: &str = "auto";

/// Whether the signature covers the body, or says `UNSIGNED-PAYLOAD`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignPayload {
    /// TLS protects the body from being changed on its way, so over `https://` it is not hashed for
    /// the signature once more; over `http://` it is.
    #[default]
    Auto,
    Always,
    Never,
}

impl SignPayload {
    /// Whether the body of a request to this URL is signed.
    pub fn signs(self, url: &Url) -> bool {
        match self {
            Self::Auto => url.scheme() != "https",
            Self::Always => true,
            Self::Never => false,
        }
    }
}

impl From<bool> for SignPayload {
    fn from(signs: bool) -> Self {
        if signs { Self::Always } else { Self::Never }
    }
}

impl JsonSchema for SignPayload {
    fn schema_name() -> Cow<'static, str> {
        "SignPayload".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [AUTO, true, false] })
    }
}

impl Serialize for SignPayload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str(AUTO),
            Self::Always => serializer.serialize_bool(true),
            Self::Never => serializer.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for SignPayload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// `"auto"`, or a boolean; environment variables write the boolean as text.
struct Written;

impl Visitor<'_> for Written {
    type Value = SignPayload;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"auto\", true or false")
    }

    fn visit_bool<E: Error>(self, signs: bool) -> Result<SignPayload, E> {
        Ok(signs.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SignPayload, E> {
        match text {
            AUTO => Ok(SignPayload::Auto),
            "true" => Ok(SignPayload::Always),
            "false" => Ok(SignPayload::Never),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json, to_value};

    #[test]
    fn a_body_is_signed_where_nothing_else_protects_it() {
        for (sign_payload, over_tls, in_clear) in [
            (SignPayload::Auto, false, true),
            (SignPayload::Always, true, true),
            (SignPayload::Never, false, false),
        ] {
            let signs = |url: &str| sign_payload.signs(&url.parse().unwrap());
            assert_eq!(
                [
                    signs("https://gateway.example/ocr"),
                    signs("http://[::1]/ocr")
                ],
                [over_tls, in_clear],
                "{sign_payload:?}"
            );
        }
    }

    #[test]
    fn it_is_written_as_a_word_or_a_boolean() {
        for (written, expected) in [
            (json!("auto"), Some(SignPayload::Auto)),
            (json!(true), Some(SignPayload::Always)),
            (json!(false), Some(SignPayload::Never)),
            (json!("true"), Some(SignPayload::Always)),
            (json!("false"), Some(SignPayload::Never)),
            (json!("Auto"), None),
            (json!(1), None),
            (Value::Null, None),
        ] {
            let read = from_value::<SignPayload>(written.clone()).ok();
            assert_eq!(read, expected, "{written}");
            if let Some(read) = read.filter(|_| !matches!(written.as_str(), Some("true" | "false")))
            {
                assert_eq!(to_value(read).unwrap(), written);
            }
        }
    }
}
