//! Waiting for what nobody tells of.

use super::system::PATIENCE;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Often enough to meet a call of a few tenths of a second in the air.
const AGAIN: Duration = Duration::from_millis(10);

/// Looks again and again; fails, by the name of what it waits for, where it is in vain.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_so().await {
            sleep(AGAIN).await;
        }
    };
    timeout(PATIENCE, looking)
        .await
        .unwrap_or_else(|_| panic!("{what} never came about"));
}
