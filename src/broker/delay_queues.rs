//! The choice of the delay queue in which a parked job waits.

use crate::settings::units::Span;
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
