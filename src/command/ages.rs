//! Ages: how many copies are how old, in classes that `--newer-than` and `--older-than` can name.

use super::terminal::length;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
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
    /// Copies without a time.
    pub(super) unknown: u32,
}

impl Ages {
    /// The headings of the classes in a table.
    pub(super) const NAMES: [&str; 4] = ["<1h", "<1d", "<7d", "older"];

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

    /// The classes in the order of [`Ages::NAMES`].
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

/// The time since `at`, in the two largest units: `3d 4h`, `5m 7s`, `12s`.
pub(super) fn age(at: Timestamp, now: Timestamp) -> String {
    // Another machine's clock may be ahead of ours.
    let age = now.duration_since(at).max(SignedDuration::ZERO);
    length(age.unsigned_abs().as_secs())
}

/// Reads a length of time. A day has 24 hours here, whatever the clocks change.
pub(super) fn parse_age(text: &str) -> Result<SignedDuration, &'static str> {
    let span: Span = text
        .parse()
        .map_err(|_| "not an age; write for instance 90s, 2h or 1d12h")?;
    match span.to_duration(SpanRelativeTo::days_are_24_hours()) {
        Ok(age) if !age.is_negative() => Ok(age),
        Ok(_) => Err("an age is not negative"),
        Err(_) => Err("months and years differ in length; write days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_its_two_largest_units() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        for (seconds, shown) in [
            (-5, "0s"),
            (0, "0s"),
            (12, "12s"),
            (60, "1m"),
            (307, "5m 7s"),
            (7_200, "2h"),
            (7_259, "2h"),
            (90_061, "1d 1h"),
            (86_400 * 13 + 60, "13d"),
        ] {
            let now = at + SignedDuration::from_secs(seconds);
            assert_eq!(age(at, now), shown, "{seconds}");
        }
    }

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
