//! When a paused stage is tried again.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use std::time::Duration;

/// The waits before each probe. An answer that pauses a stage is not billed, so that asking early
/// costs nothing.
const USUAL: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
];
/// Providers count days by clocks of their own.
const NEXT_DAY: SignedDuration = SignedDuration::from_mins(10);

/// The schedule by which a paused stage is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeSchedule {
    /// In turn, the last again and again.
    pub waits: Vec<Duration>,
    /// At 00:10 of the next day as well: an account that is used up is topped up by a person, or by
    /// a new day.
    pub next_day: bool,
}

impl Default for ProbeSchedule {
    fn default() -> Self {
        Self {
            waits: USUAL.to_vec(),
            next_day: false,
        }
    }
}

impl ProbeSchedule {
    /// When the stage is probed next, after so many failures, the first of which paused it.
    pub fn next(&self, failures: u32, now: Timestamp, timezone: &TimeZone) -> Timestamp {
        let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
        let wait = self.waits.get(index).or(self.waits.last());
        let next = now
            .checked_add(wait.copied().unwrap_or_default())
            .unwrap_or(Timestamp::MAX);
        if self.next_day {
            next.min(next_day(now, timezone))
        } else {
            next
        }
    }
}

/// The next 00:10.
fn next_day(now: Timestamp, timezone: &TimeZone) -> Timestamp {
    let today = now.to_zoned(timezone.clone()).date();
    let begin = |midnight: Zoned| {
        midnight
            .timestamp()
            .saturating_add(NEXT_DAY)
            .unwrap_or(Timestamp::MAX)
    };
    let days = [Ok(today), today.tomorrow()];
    let beginnings = days
        .into_iter()
        .flatten()
        .filter_map(|day| day.to_zoned(timezone.clone()).ok())
        .map(begin);
    beginnings
        .filter(|time| *time > now)
        .min()
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shanghai(next_day: bool, failures: u32, now: &str) -> String {
        let timezone = TimeZone::get("Asia/Shanghai").unwrap();
        let probes = ProbeSchedule {
            next_day,
            ..ProbeSchedule::default()
        };
        probes
            .next(failures, now.parse().unwrap(), &timezone)
            .to_zoned(timezone)
            .strftime("%d %H:%M:%S")
            .to_string()
    }

    #[test]
    fn probes_grow_rare() {
        let times = [1, 2, 3, 4, 5, 6, 7, u32::MAX]
            .map(|failures| shanghai(false, failures, "2026-03-02T09:00:00+08:00"));
        let waits = [
            "09:00:05", "09:00:15", "09:01:00", "09:05:00", "09:15:00", "10:00:00", "10:00:00",
            "10:00:00",
        ];
        assert_eq!(times, waits.map(|time| format!("02 {time}")));
    }

    #[test]
    fn an_account_that_is_used_up_is_asked_when_the_day_begins_too() {
        for (now, expected) in [
            ("2026-03-02T09:00:00+08:00", "02 10:00:00"),
            ("2026-03-02T23:20:00+08:00", "03 00:10:00"),
            ("2026-03-03T00:05:00+08:00", "03 00:10:00"),
            ("2026-03-03T00:10:00+08:00", "03 01:10:00"),
        ] {
            assert_eq!(shanghai(true, 7, now), expected, "{now}");
        }
    }
}
