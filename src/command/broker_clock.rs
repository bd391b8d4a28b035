//! The broker's time, where the management API gives it: AMQP itself gives none.

use super::check::broker_time;
use crate::clock::server_clock::ServerClock;
use crate::config::Config;
use crate::provider::{CONNECT_TIMEOUT, http_client};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// Half as often as the worker looks at the clocks.
const ASK_EVERY: Duration = Duration::from_mins(2);

/// Asks once before it returns, and from time to time after that, until the handle is dropped.
pub(super) async fn watch(
    config: &Config,
    clock: Arc<ServerClock>,
) -> anyhow::Result<Option<AbortOnDropHandle<()>>> {
    let broker = config.broker.clone();
    if broker.management_url.is_empty() {
        return Ok(None);
    }
    let http = http_client(CONNECT_TIMEOUT, &config.network()?)?;
    clock.learn(broker_time(&http, &broker).await, Timestamp::now());
    let asking = async move {
        loop {
            sleep(ASK_EVERY).await;
            clock.learn(broker_time(&http, &broker).await, Timestamp::now());
        }
    };
    Ok(Some(AbortOnDropHandle::new(tokio::spawn(asking))))
}
