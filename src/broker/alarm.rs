//! A broker that is short of memory or disk takes no messages. Nothing is given up for that:
//! publishing waits, and readiness says why.

use crate::telemetry::health::{Health, Trouble};
use tokio::sync::watch;

/// Keeps readiness in step with the broker's alarm, until the session is gone.
pub async fn watch_alarm(health: Health, mut blocked: watch::Receiver<Option<String>>) {
    // Errors mean that the session is gone.
    while let Ok(reason) = blocked
        .wait_for(Option::is_some)
        .await
        .map(|reason| reason.clone().unwrap_or_default())
    {
        health.trouble(
            Trouble::Alarm,
            &format!("the broker takes no messages: {reason}"),
        );
        if blocked.wait_for(Option::is_none).await.is_err() {
            return;
        }
        health.recovered(Trouble::Alarm);
    }
}
