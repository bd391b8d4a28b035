//! Work beside a job's calls that no job waits for.

use futures_util::future::{Either, select};
use std::pin::pin;
use std::time::Duration;

/// The longest that a job waits, once its calls are made, for what is read beside them.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Does both at once until the calls are made. `None` where the reading has not come to its end by
/// then.
pub(crate) async fn beside<T, Q>(
    calls: impl Future<Output = T>,
    reading: impl Future<Output = Q> + Unpin,
) -> (T, Option<Q>) {
    match select(pin!(calls), reading).await {
        Either::Left((ended, _)) => (ended, None),
        Either::Right((read, calls)) => (calls.await, Some(read)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Instant, sleep};

    #[tokio::test(start_paused = true)]
    async fn the_calls_wait_for_nothing_that_is_done_beside_them() {
        for (calls, reading, is_read) in [(500_u64, 100, true), (500, 9_000, false)] {
            let began = Instant::now();
            let mut reading = pin!(sleep(Duration::from_millis(reading)));
            let ((), read) = beside(sleep(Duration::from_millis(calls)), reading.as_mut()).await;
            assert_eq!(read.is_some(), is_read);
            // The timer is a millisecond late.
            assert!(began.elapsed().as_millis().abs_diff(calls.into()) <= 2);
        }
    }
}
