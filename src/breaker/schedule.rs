//! When a paused stage is tried again. Pure.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// After 5 and 15 seconds, then after 1, 5, 15 and every 60 minutes: what pauses a stage is
/// answered without being paid for.
const WAITS: [SignedDuration; 6] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_secs(15),
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(15),
    SignedDuration::from_mins(60),
];
/// An account that is used up is topped up by a person, or by a new day.
pub const USED_UP: &str = "OUT_OF_QUOTA";
const NEW_DAY: SignedDuration = SignedDuration::from_mins(10);

/// Each stage gets at most one control call in this time.
const CONTROL_CALL_EVERY: SignedDuration = SignedDuration::from_mins(10);

/// When the stage that was paused by this code is probed next, after so many failures, the first of
/// which paused it.
pub fn next_probe(code: &str, failures: u32, now: Timestamp, timezone: &TimeZone) -> Timestamp {
    let index = usize::try_from(failures.saturating_sub(1))
        .unwrap_or(usize::MAX)
        .min(WAITS.len() - 1);
    let next = after(now, WAITS[index]);
    if code == USED_UP {
        next.min(new_day(now, timezone))
    } else {
        next
    }
}

/// A control call may be paid for each time: then one in ten minutes is enough.
pub(super) fn next_control_call(
    code: &str,
    failures: u32,
    now: Timestamp,
    timezone: &TimeZone,
) -> Timestamp {
    next_probe(code, failures, now, timezone).max(after(now, CONTROL_CALL_EVERY))
}

/// The next 00:10: providers count days by clocks of their own.
fn new_day(now: Timestamp, timezone: &TimeZone) -> Timestamp {
    let today = now.to_zoned(timezone.clone()).date();
    let begin = |midnight: Zoned| after(midnight.timestamp(), NEW_DAY);
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

fn after(time: Timestamp, wait: SignedDuration) -> Timestamp {
    time.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shanghai(code: &str, failures: u32, now: &str) -> String {
        let timezone = TimeZone::get("Asia/Shanghai").unwrap();
        let now: Timestamp = now.parse().unwrap();
        next_probe(code, failures, now, &timezone)
            .to_zoned(timezone)
            .strftime("%d %H:%M:%S")
            .to_string()
    }

    #[test]
    fn probes_grow_rare() {
        let times = [1, 2, 3, 4, 5, 6, 7, u32::MAX]
            .map(|failures| shanghai("UNAUTHORIZED", failures, "2026-03-02T09:00:00+08:00"));
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
            assert_eq!(shanghai("OUT_OF_QUOTA", 7, now), expected, "{now}");
        }
    }
}
