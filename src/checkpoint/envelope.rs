//! An object in the store: JSON in an envelope with a version and a seal.

use crate::seal::{SealKind, Sealer};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Objects of another version are treated as absent. Those of version 1 had no seal.
const VERSION: u32 = 2;

#[derive(Deserialize)]
struct Envelope<'a> {
    v: u32,
    #[serde(default)]
    seal: String,
    /// The bytes that are sealed, as they are.
    #[serde(borrow)]
    value: &'a RawValue,
}

/// `json` as it is written to the store under this key.
pub(super) fn sealed(key: &str, json: &[u8], sealer: &Sealer) -> Bytes {
    let seal = sealer.seal(SealKind::Checkpoint, &[key.as_bytes(), json]);
    let head = format!(r#"{{"v":{VERSION},"seal":"{seal}","value":"#);
    Bytes::from([head.as_bytes(), json, b"}"].concat())
}

/// The JSON that was sealed for this key; `None` where the object carries no valid seal.
pub(super) fn unsealed(key: &str, object: &Bytes, sealer: &Sealer) -> Option<Bytes> {
    let Envelope { v, seal, value } = serde_json::from_slice(object).ok()?;
    let json = value.get().as_bytes();
    let accepted =
        v == VERSION && sealer.accepts(SealKind::Checkpoint, &[key.as_bytes(), json], &seal);
    accepted.then(|| object.slice_ref(json))
}

/// Does the object carry a seal, valid or not?
pub(super) fn carries_seal(object: &[u8]) -> bool {
    serde_json::from_slice::<Envelope<'_>>(object)
        .is_ok_and(|envelope| envelope.v == VERSION && !envelope.seal.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::SealKey;

    fn sealer(key: &str) -> Sealer {
        Sealer::new(SealKey::of(key), None)
    }

    const KEY: &str = "checkpoints/recognition/image.json";

    #[test]
    fn an_object_is_read_under_its_own_key_with_the_key_it_was_sealed_with() {
        let json = r#"{"name":"理赔"}"#.as_bytes();
        let object = sealed(KEY, json, &sealer("key"));
        assert_eq!(
            unsealed(KEY, &object, &sealer("key")).as_deref(),
            Some(json)
        );
        assert_eq!(
            unsealed(
                "checkpoints/recognition/another.json",
                &object,
                &sealer("key")
            ),
            None,
            "copied under another key"
        );
        assert_eq!(unsealed(KEY, &object, &sealer("another key")), None);
    }

    #[test]
    fn an_envelope_that_was_changed_or_never_sealed_is_absent() {
        let sealer = sealer("key");
        let object = String::from_utf8(sealed(KEY, br#"{"a":1}"#, &sealer).to_vec()).unwrap();
        let changed = [
            object.replace(r#""a":1"#, r#""a":2"#),
            object.replace(r#"{"a":1}"#, r#"{"a": 1}"#),
            object.replace(r#""v":2"#, r#""v":3"#),
            object.replace(r#""seal":""#, r#""seal":"00"#),
            r#"{"v":1,"value":{"a":1}}"#.to_owned(),
            r#"{"v":2,"value":{"a":1}}"#.to_owned(),
            r#"{"v":2,"seal":"","value":{"a":1}}"#.to_owned(),
            object[..object.len() - 1].to_owned(),
            "<html>It works!</html>".to_owned(),
            String::new(),
        ];
        for object in changed {
            assert_eq!(
                unsealed(KEY, &Bytes::from(object.clone()), &sealer),
                None,
                "{object}"
            );
        }
    }
}
