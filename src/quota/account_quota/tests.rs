use super::*;
use crate::clock::Clock;
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const RATE: u32 = 10;
/// A call takes so long: the rate is what is scarce, not the number of calls at once.
const CALL: Duration = Duration::from_millis(200);

fn quota(weights: [u32; 2]) -> AccountQuota {
    let names = ["a".to_owned(), "b".to_owned()];
    let weights = QueueWeights::new(names.into_iter().zip(weights));
    let members = Membership::new(
        "worker".to_owned(),
        Clock::starting_at("2026-03-02T01:00:00Z".parse().unwrap()),
    );
    let account = AccountName::RECOGNITION;
    AccountQuota::new(account, f64::from(RATE), 1, 16, (members, weights))
}

/// Counts the calls that each of the queues makes in this time; each has so many jobs in hand, which
/// call again and again.
async fn calls(quota: &AccountQuota, jobs: [usize; 2], time: Duration) -> [u32; 2] {
    let of_queue = |(queue, jobs): (&'static str, usize)| async move {
        let of_job = |_| async move {
            let (began, mut made) = (Instant::now(), 0);
            let left = || time.saturating_sub(began.elapsed());
            while !left().is_zero()
                && let Ok(mut slot) = timeout(left(), quota.acquire(Some(queue))).await
            {
                slot.start();
                made += 1;
                sleep(CALL).await;
                slot.end(true).granted();
            }
            made
        };
        join_all((0..jobs).map(of_job)).await.iter().sum()
    };
    let both = join_all(["a", "b"].into_iter().zip(jobs).map(of_queue)).await;
    [both[0], both[1]]
}

#[tokio::test(start_paused = true)]
async fn five_hundred_calls_are_shared_out_by_weight_and_none_is_left_out() {
    for weights in [[1, 1], [3, 1], [9, 1], [1, 4]] {
        let made = calls(&quota(weights), [40, 40], Duration::from_secs(50)).await;
        let all = made[0] + made[1];
        assert!((495..=501).contains(&all), "{weights:?}: {made:?}");
        let due = f64::from(all * weights[0]) / f64::from(weights[0] + weights[1]);
        let apart = (f64::from(made[0]) - due).abs() / due.min(f64::from(all) - due);
        assert!(apart <= 0.05, "{weights:?}: {made:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_alone_has_the_whole_rate_whatever_its_weight_is() {
    let made = calls(&quota([1_000, 1]), [0, 40], Duration::from_secs(50)).await;
    assert!((495..=501).contains(&made[1]), "{made:?}");
    // One that has less work than it may do leaves the rest to the other.
    let made = calls(&quota([1_000, 1]), [1, 40], Duration::from_secs(50)).await;
    let all = made[0] + made[1];
    assert!((495..=501).contains(&all) && made[0] >= 50, "{made:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_takes_neither_a_turn_nor_a_place() {
    let quota = quota([1, 1]);
    let first = quota.acquire(Some("a")).await;
    for queue in ["a", "b"] {
        let gave_up = timeout(Duration::from_millis(10), quota.acquire(Some(queue))).await;
        assert!(gave_up.is_err());
    }
    let began = Instant::now();
    drop(quota.acquire(Some("b")).await);
    drop(first);
    assert!(began.elapsed() <= Duration::from_millis(105));
}
