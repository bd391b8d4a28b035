//! The choice of the delay queue in which a parked job waits.

use crate::settings::units::Span;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// The part of the shortest delay by which a wait may be exceeded: one twentieth. A message comes
/// back from a delay queue a few milliseconds late; without this slack half an hour would be two
/// waits of ten minutes and then one in every shorter delay queue.
const SLACK: u32 = 20;

/// The longest delay that does not exceed `wait`, or the shortest one if all do: a job comes back
/// early and is parked again, rather than late. `delays` is strictly increasing.
///
/// # Panics
/// When `delays` is empty, which the configuration refuses.
pub(super) fn next_delay(delays: &[Span], wait: Duration) -> &Span {
    let wait = wait.saturating_add(delays[0].duration() / SLACK);
    let fitting = delays.partition_point(|delay| delay.duration() <= wait);
    &delays[fitting.saturating_sub(1)]
}

/// Finds where a job is that was parked at `from` until `until`: the delay whose queue it is in at `now`,
/// and when it comes back from there. `None` once its wait is over.
///
/// # Panics
/// When `delays` is empty, which the configuration refuses.
pub(super) fn hop_at(
    delays: &[Span],
    from: Timestamp,
    until: Timestamp,
    now: Timestamp,
) -> Option<(&Span, Timestamp)> {
    let between = |begin: Timestamp, end: Timestamp| {
        let length = end.duration_since(begin).max(SignedDuration::ZERO);
        length.unsigned_abs()
    };
    let after = |begin: Timestamp, length: Duration| {
        let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
        begin.saturating_add(length).unwrap_or(Timestamp::MAX)
    };
    // The hops over the longest delay are many where the wait is days.
    let longest = delays[delays.len() - 1].duration();
    let hops = between(from, until.min(now)).as_nanos() / longest.as_nanos().max(1);
    let hops = u32::try_from(hops).unwrap_or(u32::MAX);
    let mut begun = after(from, longest.saturating_mul(hops));
    loop {
        let wait = between(begun, until);
        let delay = next_delay(delays, wait);
        let back = after(begun, delay.duration());
        if now < back {
            return Some((delay, back));
        }
        if back >= until || delay.duration().is_zero() {
            return None;
        }
        begun = back;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::units::span;
    use proptest::prelude::*;

    fn delays() -> Vec<Span> {
        ["5s", "30s", "2m", "10m", "1h"].map(span).to_vec()
    }

    #[test]
    fn the_longest_delay_that_does_not_overshoot_is_taken() {
        for (wait, expected) in [
            ("0s", "5s"),
            ("1s", "5s"),
            ("5s", "5s"),
            ("29s", "5s"),
            ("29800ms", "30s"),
            ("30s", "30s"),
            ("9m", "2m"),
            ("10m", "10m"),
            ("59m", "10m"),
            ("1h", "1h"),
            ("96h", "1h"),
        ] {
            assert_eq!(
                next_delay(&delays(), span(wait).duration()).as_str(),
                expected,
                "wait of {wait}"
            );
        }
    }

    #[test]
    fn waits_that_take_a_little_longer_do_not_multiply() {
        let delays = delays();
        let mut left = span("90m").duration();
        let mut waits = Vec::new();
        while !left.is_zero() {
            let delay = next_delay(&delays, left);
            waits.push(delay.as_str().to_owned());
            left = left.saturating_sub(delay.duration() + Duration::from_millis(30));
        }
        assert_eq!(waits, ["1h", "10m", "10m", "10m"]);
    }

    #[test]
    fn a_job_hops_over_the_delay_queues_until_its_wait_is_over() {
        let delays = delays();
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).unwrap();
        // Seconds of the wait and since it began: the queue, and when it is over.
        for (wait, since, expected) in [
            (5_400, 0, Some(("1h", 3_600))),
            (5_400, 3_599, Some(("1h", 3_600))),
            (5_400, 3_600, Some(("10m", 4_200))),
            (5_400, 5_399, Some(("10m", 5_400))),
            (5_400, 5_400, None),
            (2, 1, Some(("5s", 5))),
            (2, 6, None),
            (0, 0, Some(("5s", 5))),
            (-10, 0, Some(("5s", 5))),
            // Another machine's clock was ahead.
            (60, -3, Some(("30s", 30))),
            (345_600, 345_000, Some(("1h", 345_600))),
            (10_000_000_000, 9_999_999_000, Some(("10m", 9_999_999_600))),
        ] {
            let hop = hop_at(&delays, at(0), at(wait), at(since));
            let found = hop.map(|(delay, back)| (delay.as_str(), back));
            let expected = expected.map(|(delay, back)| (delay, at(back)));
            assert_eq!(found, expected, "{wait} after {since}");
        }
        let (first, last) = (Timestamp::MIN, Timestamp::MAX);
        assert!(hop_at(&delays, first, last, at(0)).is_some());
        assert!(hop_at(&delays, last, first, last).is_none());
    }

    proptest! {
        #[test]
        fn a_hop_overshoots_only_when_even_the_shortest_delay_does(wait in 0u64..200_000) {
            let wait = Duration::from_secs(wait);
            let delays = delays();
            let taken = next_delay(&delays, wait).duration();
            prop_assert!(taken <= wait + delays[0].duration() / SLACK || taken == delays[0].duration());
        }
    }
}
