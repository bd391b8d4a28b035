//! The account's rate, as strictly as the real providers may count it.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) enum RateWindow {
    Unlimited,
    /// Never more than so many in any one second, wherever the second begins.
    Sliding {
        limit: usize,
        /// The moment of every call that was let through within the last second.
        admitted: VecDeque<Instant>,
    },
    /// A bucket of so many calls that refills one by one.
    Bucket {
        period: Duration,
        burst: u32,
        /// When it is full again.
        full: Option<Instant>,
    },
}

impl RateWindow {
    /// A rate of 0 is no limit. Without a `burst` the second is strict.
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        match (per_second, burst) {
            (0, _) => Self::Unlimited,
            (limit, 0) => Self::Sliding {
                limit: usize::try_from(limit).unwrap_or(usize::MAX),
                admitted: VecDeque::new(),
            },
            (per_second, burst) => Self::Bucket {
                period: SECOND / per_second,
                burst,
                full: None,
            },
        }
    }

    /// `now` must not go backwards from call to call. A refused call does not count against the
    /// next.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        match self {
            Self::Unlimited => true,
            Self::Sliding { limit, admitted } => {
                while admitted
                    .front()
                    .is_some_and(|oldest| now.duration_since(*oldest) >= SECOND)
                {
                    admitted.pop_front();
                }
                let free = admitted.len() < *limit;
                if free {
                    admitted.push_back(now);
                }
                free
            }
            Self::Bucket {
                period,
                burst,
                full,
            } => {
                let after = full.map_or(now, |full| full.max(now)) + *period;
                let free = after <= now + *period * *burst;
                if free {
                    *full = Some(after);
                }
                free
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_second_ever_holds_more_than_the_limit(limit in 1_u32..20, gaps in prop::collection::vec(0_u64..200, 1..300)) {
            let start = Instant::now();
            let mut window = RateWindow::new(limit, 0);
            let mut at = Duration::ZERO;
            let mut admitted = Vec::new();
            for gap in gaps {
                at += Duration::from_millis(gap);
                if window.admit(start + at) {
                    admitted.push(at);
                }
            }
            for first in &admitted {
                let within = admitted.iter().filter(|other| (*first..*first + SECOND).contains(*other)).count();
                prop_assert!(within <= limit as usize);
            }
        }

        #[test]
        fn a_bucket_lets_through_its_rate_and_its_burst_and_no_more(
            rate in 1_u32..20,
            burst in 1_u32..5,
            gaps in prop::collection::vec(0_u64..200, 1..300),
        ) {
            let (mut window, start) = (RateWindow::new(rate, burst), Instant::now());
            let mut at = 0;
            let mut admitted = Vec::new();
            for gap in gaps {
                at += gap;
                if window.admit(start + Duration::from_millis(at)) {
                    admitted.push(at);
                }
            }
            for first in 0..admitted.len() {
                for last in first..admitted.len() {
                    let thousandths = (admitted[last] - admitted[first]) * u64::from(rate) + 1_000 * u64::from(burst);
                    prop_assert!(1_000 * (last - first + 1) as u64 <= thousandths);
                }
            }
        }
    }

    #[test]
    fn the_call_after_a_full_second_is_let_through() {
        let (mut window, start) = (RateWindow::new(2, 0), Instant::now());
        let offered = [0, 1, 2, 999, 1_000, 1_001, 1_002];
        let admitted: Vec<bool> = offered
            .iter()
            .map(|millis| window.admit(start + Duration::from_millis(*millis)))
            .collect();
        assert_eq!(admitted, [true, true, false, false, true, true, false]);
    }

    #[test]
    fn zero_is_no_limit() {
        let (mut window, now) = (RateWindow::new(0, 0), Instant::now());
        assert!((0..1_000).all(|_| window.admit(now)));
    }

    #[test]
    fn an_empty_bucket_refills_one_by_one() {
        let (mut window, start) = (RateWindow::new(10, 2), Instant::now());
        let offered = [0, 1, 2, 99, 100, 101, 199, 200, 600, 601, 602];
        let admitted: Vec<bool> = offered
            .iter()
            .map(|millis| window.admit(start + Duration::from_millis(*millis)))
            .collect();
        assert_eq!(
            admitted,
            [
                true, true, false, false, true, false, false, true, true, true, false
            ]
        );
    }
}
