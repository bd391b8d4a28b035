//! Another worker on the same queues, as far as the real ones can tell: it hears what they say, and says what the test wants.
//!
//! Written against the messages, not the types: what travels between workers of different versions is a contract.

use super::system::{PATIENCE, System};
use invoice_worker::broker::{Consumer, Message, Publisher};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::time::timeout;

/// Behind every real one, whose ids are hexadecimal: it never probes a pause.
const NAME: &str = "peer";

pub(crate) struct Peer {
    heard: Consumer,
    publisher: Publisher,
    /// What was told last of each place, by its JSON.
    places: BTreeMap<String, Value>,
}

impl Peer {
    pub(crate) async fn of(system: &System) -> Self {
        let heard = system.session.control().await.unwrap();
        Self { heard, publisher: system.session.publisher(), places: BTreeMap::new() }
    }

    /// The next heartbeat of a real worker.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            let delivery = timeout(PATIENCE, self.heard.next()).await.expect("a heartbeat in time").expect("the exchange lives");
            let Ok(heartbeat) = serde_json::from_slice::<Value>(&delivery.message.body) else { continue };
            if heartbeat["worker"].as_str().is_none_or(|worker| worker == NAME) {
                continue;
            }
            for entry in heartbeat["closed"].as_array().unwrap() {
                self.places.insert(entry["place"].to_string(), entry.clone());
            }
            return heartbeat;
        }
    }

    /// Hears on until a heartbeat says that the place is closed; answers whose it was.
    pub(crate) async fn hears_closed(&mut self, place: &Value) -> String {
        loop {
            let heartbeat = self.hear().await;
            let is_closed = |entry: &Value| entry["place"] == *place && !entry["state"]["closed"].is_null();
            if heartbeat["closed"].as_array().unwrap().iter().any(is_closed) {
                return heartbeat["worker"].as_str().unwrap().to_owned();
            }
        }
    }

    /// That its own call opened the place.
    pub(crate) async fn says_open(&self, place: &Value) {
        self.says(place, json!({ "open": { "since": Timestamp::now() } })).await;
    }

    /// That the place may be tried at once: the test's way to pass the time.
    pub(crate) async fn says_due(&self, place: &Value) {
        let mut state = self.last(place)["state"].clone();
        state["closed"]["until"] = json!(Timestamp::now());
        self.says(place, state).await;
    }

    /// Newer than all that was heard of the place.
    async fn says(&self, place: &Value, state: Value) {
        let version = self.last(place)["version"].as_u64().unwrap() + 1;
        let entry = json!({ "place": place, "version": version, "by": NAME, "state": state });
        self.announces(json!({ "v": 1, "worker": NAME, "has_work": true, "draining": false, "closed": [entry] }).to_string()).await;
    }

    /// Anything at all.
    pub(crate) async fn announces(&self, body: impl Into<Vec<u8>>) {
        self.publisher.announce(&Message::json("invoice.heartbeat", body.into())).await.unwrap();
    }

    fn last(&self, place: &Value) -> &Value {
        self.places.get(&place.to_string()).expect("others told of this place")
    }
}
