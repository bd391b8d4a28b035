//! When a paused stage is tried again.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// After 1, 5, 15 and then every 60 minutes.
const WAITS: [SignedDuration; 4] =
    [SignedDuration::from_mins(1), SignedDuration::from_mins(5), SignedDuration::from_mins(15), SignedDuration::from_mins(60)];
/// An account that is used up is topped up by a person, or by a new day.
pub const USED_UP: &str = "OUT_OF_QUOTA";
const NEW_DAY: SignedDuration = SignedDuration::from_mins(10);

/// When the stage that was paused by this code is probed next, after so many failures, the first of which paused it.
pub fn next_probe(code: &str, failures: u32, now: Timestamp, timezone: &TimeZone) -> Timestamp {
    if code == USED_UP {
        return after(now, WAITS[3]).min(new_day(now, timezone));
    }
    let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX).min(WAITS.len() - 1);
    after(now, WAITS[index])
}

/// The next 00:10: providers count days by clocks of their own.
fn new_day(now: Timestamp, timezone: &TimeZone) -> Timestamp {
    let today = now.to_zoned(timezone.clone()).date();
    let begin = |midnight: Zoned| after(midnight.timestamp(), NEW_DAY);
    let days = [Ok(today), today.tomorrow()];
    let beginnings = days.into_iter().flatten().filter_map(|day| day.to_zoned(timezone.clone()).ok()).map(begin);
    beginnings.filter(|time| *time > now).min().unwrap_or(Timestamp::MAX)
}

fn after(time: Timestamp, wait: SignedDuration) -> Timestamp {
    time.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shanghai(code: &str, failures: u32, now: &str) -> String {
        let timezone = TimeZone::get("Asia/Shanghai").unwrap();
        let now: Timestamp = now.parse().unwrap();
        next_probe(code, failures, now, &timezone).to_zoned(timezone).strftime("%d %H:%M").to_string()
    }

    #[test]
    fn probes_grow_rare() {
        let times = [1, 2, 3, 4, 5, u32::MAX].map(|failures| shanghai("UNAUTHORIZED", failures, "2026-03-02T09:00:00+08:00"));
        assert_eq!(times, ["02 09:01", "02 09:05", "02 09:15", "02 10:00", "02 10:00", "02 10:00"]);
    }

    #[test]
    fn an_account_that_is_used_up_is_asked_hourly_and_when_the_day_begins() {
        for (now, expected) in [
            ("2026-03-02T09:00:00+08:00", "02 10:00"),
            ("2026-03-02T23:20:00+08:00", "03 00:10"),
            ("2026-03-03T00:05:00+08:00", "03 00:10"),
            ("2026-03-03T00:10:00+08:00", "03 01:10"),
        ] {
            assert_eq!(shanghai("OUT_OF_QUOTA", 7, now), expected, "{now}");
        }
    }
}
