//! What workers tell each other on the control exchange: that they are alive, whether they have work, and all that is closed.

use super::breaker::Told;
use super::failure::{Stage, cut};
use super::fleet::MAX_ID_BYTES;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const KIND: &str = "invoice.heartbeat";
const VERSION: u32 = 1;
/// Several times what a full one takes.
const MAX_BYTES: usize = 1 << 20;

/// The whole state each time, so that one that is lost is made up for by the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    v: u32,
    pub worker: String,
    pub has_work: bool,
    pub draining: bool,
    #[serde(default)]
    pub closed: Vec<Told>,
    /// What a provider grants of the configured rate, as this worker has learned: where it is not all of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub granted: BTreeMap<Stage, f64>,
}

impl Heartbeat {
    pub fn new(worker: &str, has_work: bool, draining: bool, closed: Vec<Told>) -> Self {
        Self { v: VERSION, worker: cut(worker, MAX_ID_BYTES).to_owned(), has_work, draining, closed, granted: BTreeMap::new() }
    }

    pub fn to_json(&self) -> Vec<u8> {
        // Cannot fail: plain text and numbers.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// `None` for what another version, or nobody of ours, sent.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let heartbeat: Self = (bytes.len() <= MAX_BYTES).then(|| serde_json::from_slice(bytes).ok())??;
        let sound = heartbeat.v == VERSION && !heartbeat.worker.is_empty() && heartbeat.worker.len() <= MAX_ID_BYTES;
        sound.then_some(heartbeat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_told_is_heard() {
        let told = Heartbeat::new("worker", true, false, Vec::new());
        assert_eq!(Heartbeat::parse(&told.to_json()), Some(told));
    }

    #[test]
    fn other_versions_and_strangers_are_not_heard() {
        for text in [
            "",
            "null",
            r#"{"v":2,"worker":"w","has_work":true,"draining":false,"closed":[]}"#,
            r#"{"v":1,"worker":"","has_work":true,"draining":false,"closed":[]}"#,
            r#"{"v":1,"worker":"w","has_work":true,"draining":false,"closed":[{"place":{"moon":"x"}}]}"#,
        ] {
            assert_eq!(Heartbeat::parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Heartbeat::parse(&bytes);
        }
    }
}
