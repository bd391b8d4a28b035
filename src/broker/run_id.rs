//! The run id: a message that is delivered twice is the same run, a resubmission is another one.

use super::message::Message;
use sha2::{Digest, Sha256};

/// Set by `failed replay`, so that a replayed job is another run.
pub const REPLAY: &str = "invoice-replay";
/// The properties that were not UTF-8, as `correlation_id=b5a5bac5`. They are taken out of the
/// message on arrival, so that the worker never sees them.
pub const UNREADABLE: &str = "invoice-unreadable";
/// A longer mark was not written by the worker and is ignored: it could not be kept when headers
/// have to be left out.
const MAX_REPLAY_BYTES: usize = 256;
const MAX_UNREADABLE_BYTES: usize = 1024;

/// A SHA-256 in hexadecimal digits over the parts of the message that its submitter set. Parking
/// changes none of them, so every copy of a job has the same id.
pub fn run_id(message: &Message) -> String {
    let properties = &message.properties;
    let timestamp = properties.timestamp.map(u64::to_be_bytes);
    let replay = mark(message, REPLAY, MAX_REPLAY_BYTES);
    let mut hash = Sha256::new();
    for field in [
        Some(message.body.as_ref()),
        properties.reply_to.as_deref().map(str::as_bytes),
        properties.correlation_id.as_deref().map(str::as_bytes),
        properties.message_id.as_deref().map(str::as_bytes),
        timestamp.as_ref().map(<[u8; 8]>::as_slice),
        replay.as_deref().map(str::as_bytes),
    ] {
        add(&mut hash, field);
    }
    // Hashed only where present, so that all other ids stay as in earlier versions.
    if let Some(unreadable) = mark(message, UNREADABLE, MAX_UNREADABLE_BYTES) {
        add(&mut hash, Some(unreadable.as_bytes()));
    }
    hex::encode(hash.finalize())
}

/// Whether the run id depends on this header.
pub(super) fn is_of_the_run(message: &Message, name: &str) -> bool {
    [
        (REPLAY, MAX_REPLAY_BYTES),
        (UNREADABLE, MAX_UNREADABLE_BYTES),
    ]
    .into_iter()
    .any(|(marked, longest)| marked == name && mark(message, name, longest).is_some())
}

fn mark(message: &Message, name: &str, longest: usize) -> Option<String> {
    message
        .properties
        .headers
        .text(name)
        .filter(|mark| mark.len() <= longest)
}

/// Hashes presence and length before the content, so that different messages never hash the same
/// bytes and an absent field differs from an empty one.
fn add(hash: &mut Sha256, field: Option<&[u8]>) {
    match field {
        None => hash.update([0]),
        Some(content) => {
            hash.update([1]);
            hash.update((content.len() as u64).to_be_bytes());
            hash.update(content);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::copies::{failed_copy, replay_copy};
    use crate::broker::parked::{ParkedState, parked_copy};
    use crate::broker::{Headers, Properties};
    use crate::seal::{SealKey, Sealer};
    use bytes::Bytes;
    use std::collections::HashSet;

    fn message(change: impl FnOnce(&mut Message)) -> Message {
        let mut message = Message {
            body: Bytes::from_static(b"body"),
            properties: Properties::default(),
        };
        change(&mut message);
        message
    }

    #[test]
    fn the_id_never_changes_between_versions() {
        assert_eq!(
            run_id(&message(|_| {})),
            "fc760bcb7bb3b40637decc642eec96d0b753c75f9860c3a22a537badaf09faaf"
        );
    }

    #[test]
    fn every_field_and_its_absence_makes_another_run() {
        let text = |text: &str| Some(text.to_owned());
        let replay = |value: &str| {
            let mut headers = Headers::default();
            headers.set_text(REPLAY, value);
            headers
        };
        let messages = [
            message(|_| {}),
            message(|m| m.body = Bytes::new()),
            message(|m| m.body = Bytes::from_static(b"bod")),
            message(|m| m.properties.reply_to = text("")),
            message(|m| m.properties.reply_to = text("a")),
            message(|m| m.properties.correlation_id = text("a")),
            message(|m| m.properties.correlation_id = text("")),
            message(|m| m.properties.message_id = text("a")),
            message(|m| m.properties.timestamp = Some(0)),
            message(|m| m.properties.timestamp = Some(1)),
            message(|m| m.properties.headers = replay("")),
            message(|m| m.properties.headers = replay("a")),
            message(|m| {
                m.properties
                    .headers
                    .set_text(UNREADABLE, "correlation_id=b5a5");
            }),
            message(|m| {
                m.properties
                    .headers
                    .set_text(UNREADABLE, "correlation_id=bac5");
            }),
            message(|m| {
                m.properties.reply_to = text("ab");
                m.properties.correlation_id = text("c");
            }),
            message(|m| {
                m.properties.reply_to = text("a");
                m.properties.correlation_id = text("bc");
            }),
        ];
        let ids: HashSet<String> = messages.iter().map(run_id).collect();
        assert_eq!(ids.len(), messages.len());
    }

    #[test]
    fn parking_and_failing_stay_in_the_run_and_a_replay_leaves_it() {
        let job = message(|m| m.properties.message_id = Some("m".to_owned()));
        let state = ParkedState {
            progress: "{}".into(),
            not_before_ms: 5,
            deaths: Some(1),
        };
        assert_eq!(
            run_id(&parked_copy(
                &job,
                &state,
                &Sealer::new(SealKey::of("key"), None)
            )),
            run_id(&job)
        );
        assert_eq!(run_id(&failed_copy(&job, "{}", 1 << 20)), run_id(&job));
        assert_ne!(run_id(&replay_copy(&job, "1")), run_id(&job));
        assert_ne!(
            run_id(&replay_copy(&job, "1")),
            run_id(&replay_copy(&job, "2"))
        );
    }
}
