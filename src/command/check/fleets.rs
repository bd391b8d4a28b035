//! Whether workers with other queues, accounts or seals use the same control exchange: found by
//! listening for a while.

use super::Finding;
use crate::broker::Session;
use crate::cluster::exchange::{ControlMessage, HEARTBEAT_EVERY, read_control_message};
use crate::config::Config;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// In which every worker says something.
const LISTENS_FOR: Duration = HEARTBEAT_EVERY.saturating_add(Duration::from_secs(1));
const CONTROL: &str = "broker.control_exchange";

/// Nothing where the exchange is not there yet, or where only workers of this fleet are heard.
pub(super) async fn check(session: &Session, config: &Config) -> Vec<Finding> {
    if config.broker.is_memory() {
        return Vec::new();
    }
    let Ok(mut heard) = session.control().await else {
        return Vec::new();
    };
    let (until, sealer, ours) = (
        Instant::now() + LISTENS_FOR,
        config.sealer(),
        config.fleet_id(),
    );
    let (mut is_shared, mut is_unsealed) = (false, false);
    while let Ok(Some(delivery)) = timeout_at(until, heard.next()).await {
        match read_control_message(&delivery.message, &sealer) {
            ControlMessage::Sealed(heartbeat) => is_shared |= heartbeat.fleet != ours,
            ControlMessage::Unsealed => is_unsealed = true,
            ControlMessage::Unreadable => {}
        }
    }
    let exchange = &config.broker.control_exchange;
    let shared = is_shared.then(|| {
        let text = format!("workers with other queues or accounts use {exchange}, too; they do not share the rate with these");
        Finding::worth(CONTROL, text, "give each deployment its own broker.control_exchange")
    });
    let unsealed = is_unsealed.then(|| {
        let text = format!("messages on {exchange} have no valid seal of ours; they are ignored");
        Finding::worth(CONTROL, text, "give workers of one fleet the same seal.key, and others a broker.control_exchange of their own")
    });
    shared.into_iter().chain(unsealed).collect()
}
