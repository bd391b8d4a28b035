//! One connection to the broker, for commands that are no worker.

use crate::broker::{Broker, BrokerError, Config, Session};
use crate::domain::job::LARGEST_BODY_BYTES;

/// Tries every URL of `broker.urls` once.
pub(super) async fn connect(config: &Config) -> Result<Session, BrokerError> {
    connect_for_bodies(config, LARGEST_BODY_BYTES).await
}

/// The same, for bodies of at most so many bytes: of a larger one no more is read.
pub(super) async fn connect_for_bodies(
    config: &Config,
    most: usize,
) -> Result<Session, BrokerError> {
    let broker = Broker::new(config)?;
    let mut connected = broker.connect_for_bodies(most).await;
    for _ in 1..config.urls.len() {
        if connected.is_ok() {
            break;
        }
        connected = broker.connect_for_bodies(most).await;
    }
    connected
}
