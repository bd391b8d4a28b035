//! A strict rate limit: never more than so many in any one second, wherever the second begins.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// Remembers the moment of every call it let through within the last second.
#[derive(Debug)]
pub(super) struct Window {
    /// 0: no limit.
    limit: usize,
    admitted: VecDeque<Instant>,
}

impl Window {
    pub(super) fn new(per_second: u32) -> Self {
        Self { limit: usize::try_from(per_second).unwrap_or(usize::MAX), admitted: VecDeque::new() }
    }

    /// `now` must not go backwards from call to call. A refused call does not count against the next.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        if self.limit == 0 {
            return true;
        }
        while self.admitted.front().is_some_and(|oldest| now.duration_since(*oldest) >= SECOND) {
            self.admitted.pop_front();
        }
        let free = self.admitted.len() < self.limit;
        if free {
            self.admitted.push_back(now);
        }
        free
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
            let mut window = Window::new(limit);
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
    }

    #[test]
    fn the_call_after_a_full_second_is_let_through() {
        let (mut window, start) = (Window::new(2), Instant::now());
        let offered = [0, 1, 2, 999, 1_000, 1_001, 1_002];
        let admitted: Vec<bool> = offered.iter().map(|millis| window.admit(start + Duration::from_millis(*millis))).collect();
        assert_eq!(admitted, [true, true, false, false, true, true, false]);
    }

    #[test]
    fn zero_is_no_limit() {
        let (mut window, now) = (Window::new(0), Instant::now());
        assert!((0..1_000).all(|_| window.admit(now)));
    }
}
