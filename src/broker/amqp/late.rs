//! Publisher confirms that are later than `broker.publish_timeout`.
//!
//! A late confirm is late, not lost: the broker has the message, or will have it, and a second one
//! beside it would be two. So it is waited for as long as the connection lives, which the
//! heartbeats decide; this only says so, once, and once when the last of them has come.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::{Instant, timeout};

#[derive(Debug)]
pub(super) struct LateConfirms {
    bound: Duration,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    confirms: usize,
    since: Option<Instant>,
}

impl LateConfirms {
    pub(super) fn new(bound: Duration) -> Self {
        Self {
            bound,
            waiting: Mutex::default(),
        }
    }

    /// Waits for as long as it takes; `when_late` is called once, when it has taken too long.
    pub(super) async fn wait<T>(
        &self,
        confirming: impl Future<Output = T>,
        when_late: impl FnOnce(),
    ) -> T {
        tokio::pin!(confirming);
        if let Ok(confirmed) = timeout(self.bound, &mut confirming).await {
            return confirmed;
        }
        when_late();
        let _late = self.begin();
        confirming.await
    }

    fn begin(&self) -> LateConfirm<'_> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.confirms += 1;
        if waiting.confirms == 1 {
            waiting.since = Some(Instant::now());
            tracing::warn!(
                publish_timeout_ms = self.bound.as_millis(),
                "a publisher confirm is late; it is waited for while the connection lives"
            );
        }
        LateConfirm(self)
    }
}

/// One that is waited for.
struct LateConfirm<'a>(&'a LateConfirms);

impl Drop for LateConfirm<'_> {
    fn drop(&mut self) {
        let mut waiting = self
            .0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        waiting.confirms -= 1;
        if waiting.confirms == 0 {
            let late_ms = waiting
                .since
                .take()
                .map(|since| since.elapsed().as_millis());
            tracing::info!(late_ms, "no publisher confirm is late any more");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn what_is_late_is_waited_for_and_noticed_once() {
        let confirms = LateConfirms::new(Duration::from_secs(10));
        for (takes, late) in [(9, 0), (11, 1), (3_600, 1)] {
            let noticed = Cell::new(0);
            let confirming = async {
                sleep(Duration::from_secs(takes)).await;
                takes
            };
            assert_eq!(
                confirms
                    .wait(confirming, || noticed.set(noticed.get() + 1))
                    .await,
                takes
            );
            assert_eq!(noticed.get(), late, "{takes} s");
        }
        assert_eq!(confirms.waiting.lock().unwrap().confirms, 0);
    }
}
