//! Work beside a job's calls that no job waits for.

use futures_util::future::{Either, select};
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;

/// The longest that a job waits, once its calls are made, for what is read beside them.
const PATIENCE: Duration = Duration::from_secs(1);

/// Does both at once. What is read is given up where it takes too long.
pub(crate) async fn beside<T, Q>(
    calls: impl Future<Output = T>,
    reading: impl Future<Output = Option<Q>>,
) -> (T, Option<Q>) {
    match select(pin!(calls), pin!(reading)).await {
        Either::Left((ended, reading)) => (ended, timeout(PATIENCE, reading).await.ok().flatten()),
        Either::Right((read, calls)) => (calls.await, read),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Instant, sleep};

    #[tokio::test(start_paused = true)]
    async fn no_job_waits_long_for_what_is_read_beside_its_calls() {
        let after = async |milliseconds| {
            sleep(Duration::from_millis(milliseconds)).await;
            milliseconds
        };
        for (calls, reading, took, is_read) in [
            (500, 100, 500, true),
            (500, 500, 500, true),
            (500, 1_400, 1_400, true),
            (500, 9_000, 1_500, false),
        ] {
            let began = Instant::now();
            let reading = async { Some(after(reading).await) };
            let (ended, read) = beside(after(calls), reading).await;
            assert_eq!((ended, read.is_some()), (calls, is_read));
            // The timer is a millisecond late.
            assert!(began.elapsed().as_millis().abs_diff(took) <= 2);
        }
    }
}
