//! How many copies are how old, in classes that `--newer-than` and `--older-than` can name.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Each copy is counted once, in the first class that it fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Ages {
    under_1h: u32,
    under_1d: u32,
    under_7d: u32,
    older: u32,
    /// Nobody wrote down when these failed.
    pub(super) unknown: u32,
}

impl Ages {
    /// What the classes with a bound, and the last one, are called in a table.
    pub(super) const NAMES: [&str; 4] = ["< 1h", "< 1d", "< 7d", "older"];

    pub(super) fn add(&mut self, failed_at: Option<Timestamp>, now: Timestamp) {
        let class = match failed_at.map(|at| now.duration_since(at)) {
            None => &mut self.unknown,
            Some(age) if age < HOUR => &mut self.under_1h,
            Some(age) if age < DAY => &mut self.under_1d,
            Some(age) if age < WEEK => &mut self.under_7d,
            Some(_) => &mut self.older,
        };
        *class = class.saturating_add(1);
    }

    /// In the order of [`Ages::NAMES`].
    pub(super) fn known(&self) -> [u32; 4] {
        [self.under_1h, self.under_1d, self.under_7d, self.older]
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            under_1h: self.under_1h.saturating_add(other.under_1h),
            under_1d: self.under_1d.saturating_add(other.under_1d),
            under_7d: self.under_7d.saturating_add(other.under_7d),
            older: self.older.saturating_add(other.older),
            unknown: self.unknown.saturating_add(other.unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_in_the_first_class_that_it_fits() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        for (age, class) in [
            // Another machine's clock may be ahead.
            (-5, "under_1h"),
            (0, "under_1h"),
            (3_599, "under_1h"),
            (3_600, "under_1d"),
            (86_399, "under_1d"),
            (86_400, "under_7d"),
            (604_799, "under_7d"),
            (604_800, "older"),
            (50_000_000, "older"),
        ] {
            let mut ages = Ages::default();
            ages.add(Some(now - SignedDuration::from_secs(age)), now);
            assert_eq!(serde_json::to_value(ages).unwrap()[class], 1, "{age}");
            assert_eq!(ages.known().iter().sum::<u32>(), 1, "{age}");
        }
        let mut ages = Ages::default();
        ages.add(None, now);
        assert_eq!((ages.known(), ages.unknown), ([0; 4], 1));
        assert_eq!(ages.and(ages).unknown, 2);
    }
}
