//! Which delay queue a parked job waits in.

use crate::settings::units::Span;
use std::time::Duration;

/// Of the shortest delay, what a hop may overshoot. A message comes back a few milliseconds late,
/// so without it half an hour would be two waits of ten minutes, and then every shorter one there
/// is.
const SLACK: u32 = 20;

/// The longest delay that does not overshoot `wait`, the shortest if none fits: a job comes back
/// early and is parked again, rather than late. `delays` is strictly increasing.
///
/// # Panics
/// When `delays` is empty, which the configuration refuses.
pub fn hop(delays: &[Span], wait: Duration) -> &Span {
    let wait = wait.saturating_add(delays[0].duration() / SLACK);
    let overshooting = delays.partition_point(|delay| delay.duration() <= wait);
    &delays[overshooting.saturating_sub(1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::units::span;
    use proptest::prelude::*;

    fn ladder() -> Vec<Span> {
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
                hop(&ladder(), span(wait).duration()).as_str(),
                expected,
                "wait of {wait}"
            );
        }
    }

    #[test]
    fn hops_that_take_a_little_longer_do_not_multiply() {
        let ladder = ladder();
        let mut left = span("90m").duration();
        let mut hops = Vec::new();
        while !left.is_zero() {
            let hop = hop(&ladder, left);
            hops.push(hop.as_str().to_owned());
            left = left.saturating_sub(hop.duration() + Duration::from_millis(30));
        }
        assert_eq!(hops, ["1h", "10m", "10m", "10m"]);
    }

    proptest! {
        #[test]
        fn a_hop_overshoots_only_when_even_the_shortest_delay_does(wait in 0u64..200_000) {
            let wait = Duration::from_secs(wait);
            let ladder = ladder();
            let taken = hop(&ladder, wait).duration();
            prop_assert!(taken <= wait + ladder[0].duration() / SLACK || taken == ladder[0].duration());
        }
    }
}
