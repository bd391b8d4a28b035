//! Whether workers with other queues, accounts or seals use the same control exchange: found by
//! listening for a while.

use super::finding::CheckFinding;
use crate::broker::Session;
use crate::cluster::exchange::{ControlMessage, HEARTBEAT_EVERY, read_control_message};
use crate::config::Config;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Every worker publishes a heartbeat within this time.
const LISTENING_TIME: Duration = HEARTBEAT_EVERY.saturating_add(Duration::from_secs(1));
const CONTROL: &str = "broker.control_exchange";

/// No findings where the exchange does not exist yet, or only workers of this fleet publish to it.
pub(super) async fn check(session: &Session, config: &Config) -> Vec<CheckFinding> {
    if config.broker.is_memory() {
        return Vec::new();
    }
    let Ok(mut messages) = session.control().await else {
        return Vec::new();
    };
    let (until, sealer, ours) = (
        Instant::now() + LISTENING_TIME,
        config.sealer(),
        config.fleet_id(),
    );
    let (mut is_shared, mut is_unsealed) = (false, false);
    while let Ok(Some(delivery)) = timeout_at(until, messages.next()).await {
        match read_control_message(&delivery.message, &sealer) {
            ControlMessage::Sealed(heartbeat) => is_shared |= heartbeat.fleet != ours,
            ControlMessage::Unsealed => is_unsealed = true,
            ControlMessage::Resume(_) | ControlMessage::Unreadable => {}
        }
    }
    let exchange = &config.broker.control_exchange;
    let shared = is_shared.then(|| {
        let text = format!("workers with other queues or accounts use {exchange}, too; they do not share the rate with these");
        CheckFinding::warning(CONTROL, text, "give each deployment its own broker.control_exchange")
    });
    let unsealed = is_unsealed.then(|| {
        let text = format!("messages on {exchange} have no valid seal of ours; they are ignored");
        CheckFinding::warning(CONTROL, text, "give workers of one fleet the same seal.key, and others a broker.control_exchange of their own")
    });
    shared.into_iter().chain(unsealed).collect()
}
