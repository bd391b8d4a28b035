//! Another worker on the same queues, as far as the real ones can tell: it hears what they say, and
//! says what the test wants.
//!
//! Written against the messages, not the types: what travels between workers of different versions
//! is a contract.

use super::system::{PATIENCE, System};
use invoice_worker::broker::{Consumer, Message, Publisher, SEAL};
use invoice_worker::seal::{SealKind, Sealer};
use serde_json::Value;
use tokio::time::timeout;

/// Behind every real one, whose ids are hexadecimal.
const NAME: &str = "peer";

pub(crate) struct Peer {
    heard: Consumer,
    publisher: Publisher,
    sealer: Sealer,
}

impl Peer {
    pub(crate) async fn of(system: &System) -> Self {
        let heard = system.session.control().await.unwrap();
        Self {
            heard,
            publisher: system.session.publisher(),
            sealer: system.config.sealer(),
        }
    }

    /// The next heartbeat of a real worker.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            let delivery = timeout(PATIENCE, self.heard.next())
                .await
                .expect("a heartbeat in time")
                .expect("the exchange lives");
            let Ok(heartbeat) = serde_json::from_slice::<Value>(&delivery.message.body) else {
                continue;
            };
            if heartbeat["worker"]
                .as_str()
                .is_none_or(|worker| worker == NAME)
            {
                continue;
            }
            return heartbeat;
        }
    }

    /// Hears on until a heartbeat says that the place is closed; answers whose it was.
    pub(crate) async fn hears_closed(&mut self, place: &Value) -> String {
        loop {
            let heartbeat = self.hear().await;
            let is_closed =
                |entry: &Value| entry["place"] == *place && !entry["state"]["closed"].is_null();
            if heartbeat["closed"]
                .as_array()
                .unwrap()
                .iter()
                .any(is_closed)
            {
                return heartbeat["worker"].as_str().unwrap().to_owned();
            }
        }
    }

    /// What only a worker with the key can say.
    pub(crate) async fn announces_sealed(&self, body: impl Into<Vec<u8>>) {
        let body = body.into();
        let seal = self.sealer.seal(SealKind::Heartbeat, &[&body]);
        let mut message = Message::json("invoice.heartbeat", body);
        message.properties.headers.set_text(SEAL, &seal);
        self.publisher.announce(&message).await.unwrap();
    }

    /// Anything at all.
    pub(crate) async fn announces(&self, body: impl Into<Vec<u8>>) {
        self.publisher
            .announce(&Message::json("invoice.heartbeat", body.into()))
            .await
            .unwrap();
    }
}
