//! Publisher confirms that are later than `broker.publish_timeout`.
//!
//! A late confirm is not lost: the broker has the message, or will have it, and publishing again
//! would make two of it. So the wait goes on as long as the connection lives, which the heartbeats
//! decide. A warning is logged when the first confirm is late, and a line when the last one came.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

#[derive(Debug)]
pub(super) struct LateConfirms {
    bound: Duration,
    awaited: Mutex<Awaited>,
}

#[derive(Debug, Default)]
struct Awaited {
    confirms: usize,
    since: Option<Instant>,
}

impl LateConfirms {
    pub(super) fn new(bound: Duration) -> Self {
        Self {
            bound,
            awaited: Mutex::default(),
        }
    }

    /// Waits for as long as it takes; `when_late` is called once, after the bound.
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
        let mut awaited = self.awaited();
        awaited.confirms += 1;
        if awaited.confirms == 1 {
            awaited.since = Some(Instant::now());
            tracing::warn!(
                publish_timeout_ms = self.bound.as_millis(),
                "a publisher confirm is late; it is waited for while the connection lives"
            );
        }
        LateConfirm(self)
    }

    fn awaited(&self) -> MutexGuard<'_, Awaited> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A confirm that is late and still awaited.
struct LateConfirm<'a>(&'a LateConfirms);

impl Drop for LateConfirm<'_> {
    fn drop(&mut self) {
        let mut awaited = self.0.awaited();
        awaited.confirms -= 1;
        if awaited.confirms == 0 {
            let late_ms = awaited
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
    async fn a_late_confirm_is_awaited_and_noticed_once() {
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
        assert_eq!(confirms.awaited.lock().unwrap().confirms, 0);
    }
}
