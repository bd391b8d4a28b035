//! Several workers that share the rate, and take turns.

use super::*;

/// Four workers share the rate and make `count` calls each. Returns the milliseconds between the calls
/// of all of them, from the third call of each worker on.
async fn gaps_of_four_workers(rate: f64, count: usize) -> Vec<i64> {
    let clock = WallClock::starting_at(midnight());
    let limiters: Vec<_> = (0..4).map(|_| Limiter::new(rate, 1)).collect();
    let of_each = limiters
        .iter()
        .zip(0..)
        .map(|(limiter, rank)| calls_of(limiter, share(4, rank), clock, count));
    let mut all: Vec<i64> = futures_util::future::join_all(of_each)
        .await
        .into_iter()
        .flat_map(|calls| calls.into_iter().skip(2))
        .collect();
    all.sort_unstable();
    all.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_several_workers_interleave() {
    for (rate, count, at_the_beginning, expected) in
        [(10.0, 50, 8, 90..=110), (1.0, 30, 4, 900..=1_100)]
    {
        let gaps = gaps_of_four_workers(rate, count).await;
        // At the beginning and at the end not all workers call.
        let steady = &gaps[at_the_beginning..gaps.len() - 4];
        assert!(
            steady.iter().all(|gap| expected.contains(gap)),
            "{rate} a second: {steady:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_that_shrinks_or_grows_takes_effect_at_the_next_call() {
    let (limiter, clock) = (Limiter::new(10.0, 1), WallClock::starting_at(midnight()));
    assert_eq!(calls_of(&limiter, Share::WHOLE, clock, 4).await.len(), 4);
    let shared = calls_of(&limiter, share(2, 0), clock, 6).await;
    assert!(
        shared
            .windows(2)
            .all(|pair| (197..=204).contains(&(pair[1] - pair[0]))),
        "{shared:?}"
    );
    assert!((4.9..5.1).contains(&limiter.rate_per_second(RateShare {
        share: share(2, 0),
        ..alone()
    })));
    let again = calls_of(&limiter, Share::WHOLE, clock, 6).await;
    assert!(
        again
            .windows(2)
            .all(|pair| (97..=102).contains(&(pair[1] - pair[0]))),
        "{again:?}"
    );
    assert!(
        again[0] - shared[5] <= 101,
        "the first call of the larger share does not wait for the old period: {again:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_has_not_called_for_a_while_calls_at_once() {
    let (limiter, clock) = (Limiter::new(10.0, 1), WallClock::starting_at(midnight()));
    tokio::time::sleep(Duration::from_millis(12_345)).await;
    assert_eq!(calls_of(&limiter, share(4, 2), clock, 1).await, [12_345]);
}

#[tokio::test(start_paused = true)]
async fn a_share_that_changes_all_the_time_starves_no_call_and_grants_nothing_extra() {
    for (rate, burst) in [(0.1, 1), (2.0, 1), (10.0, 5)] {
        let (limiter, began, clock) = (
            Limiter::new(rate, burst),
            Instant::now(),
            WallClock::starting_at(midnight()),
        );
        // A peer has work in the first half of every twelve seconds, and in the first half of every
        // fifth of a second.
        let flips = || {
            let seconds = began.elapsed().as_millis();
            share(
                if (seconds / 100) % 2 == 0 || (seconds / 6_000) % 2 == 0 {
                    2
                } else {
                    1
                },
                0,
            )
        };
        let mut calls = 0_u32;
        while began.elapsed() < Duration::from_hours(1) {
            limiter
                .acquire(|| RateShare {
                    share: flips(),
                    of_others: 1.0,
                    now: clock.now(),
                })
                .await;
            calls += 1;
        }
        // Three quarters of the time the share is half of the rate.
        let due = 3_600.0 * rate * (0.75 * 0.5 + 0.25);
        let part = f64::from(calls) / due;
        assert!(
            (0.75..=1.15).contains(&part),
            "{rate}, {burst}: {part:.2} of what is due"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn several_workers_lose_no_call_at_any_rate() {
    for (rate, calls) in [(2.0, 119), (50.0, 2_985), (150.0, 8_955), (1_000.0, 59_700)] {
        let clock = WallClock::starting_at(midnight());
        let of_one = |rank| {
            let limiter = Limiter::new(rate, 1);
            async move {
                let (start, mut made) = (Instant::now(), 0);
                while start.elapsed() < Duration::from_mins(1) {
                    limiter
                        .acquire(|| RateShare {
                            share: share(3, rank),
                            of_others: 1.0,
                            now: clock.now(),
                        })
                        .await;
                    made += 1;
                }
                made
            }
        };
        let made: i32 = futures_util::future::join_all((0..3).map(of_one))
            .await
            .into_iter()
            .sum();
        assert!(
            (calls - calls / 200..=calls + 10).contains(&made),
            "{rate}: {made} in a minute, {calls} are due"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_with_a_lower_learned_rate_leaves_out_turns() {
    let (limiter, clock) = (Limiter::new(10.0, 1), WallClock::starting_at(midnight()));
    for _ in 0..10_000 {
        limiter.acquire(alone).await;
        limiter.granted();
        if limiter.rate_per_second(alone()) > 7.0 {
            limiter.lower(Instant::now());
        }
    }
    let due = limiter.rate_per_second(RateShare {
        share: share(2, 0),
        ..alone()
    });
    let shared = calls_of(&limiter, share(2, 0), clock, 201).await;
    let made = 200_000.0 / f64::from(i32::try_from(shared[200] - shared[0]).unwrap());
    assert!((0.98..=1.005).contains(&(made / due)), "{made} of {due}");
}

#[tokio::test(start_paused = true)]
async fn the_lower_rate_of_a_peer_limits_a_worker_until_the_peer_is_gone() {
    let (limiter, clock) = (Limiter::new(10.0, 1), WallClock::starting_at(midnight()));
    let began = Instant::now();
    let mut rates = Vec::new();
    // For ten seconds, another worker reports half of the rate.
    for second in 1..=40 {
        let mut calls = 0;
        while began.elapsed() < Duration::from_secs(second) {
            let of_others = if began.elapsed() < Duration::from_secs(10) {
                0.5
            } else {
                1.0
            };
            limiter
                .acquire(|| RateShare {
                    share: share(2, 0),
                    of_others,
                    now: clock.now(),
                })
                .await;
            limiter.granted();
            calls += 1;
        }
        rates.push(calls);
    }
    assert!(
        rates[2..10].iter().all(|calls| (2..=3).contains(calls)),
        "the rate of the peer holds: {rates:?}"
    );
    assert!(
        rates[10..13].iter().all(|calls| (2..=4).contains(calls)),
        "the rate rises in steps: {rates:?}"
    );
    assert!(
        rates[36..].iter().all(|calls| (4..=6).contains(calls)),
        "the whole share is used again: {rates:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_does_not_use_its_rate_up_does_not_lower_that_of_others() {
    let limiter = Limiter::new(10.0, 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    limiter.lower(Instant::now());
    assert!(
        (limiter.used_up_part() - 1.0).abs() < 1e-9,
        "no call has waited"
    );
    acquired_at(&limiter, 10).await;
    assert!(limiter.used_up_part() < 1.0);
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        limiter.acquire(alone).await;
    }
    assert!(
        (limiter.used_up_part() - 1.0).abs() < 1e-9,
        "calls that find a free place do not use the rate up"
    );
    assert!(
        limiter.rate_per_second(alone()) < 10.0,
        "the learned rate is kept"
    );
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        acquired_at(&limiter, 2).await;
        assert!(
            (limiter.used_up_part() - 1.0).abs() < 1e-9,
            "two calls at once now and then do not use the rate up"
        );
    }
}
