//! The period that an amount is for: a day or a month of the policy's time zone. Pure.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    #[default]
    Day,
    Month,
}

/// One day or month: from `start` on, and before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetWindow {
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Period {
    /// The day or month in which this time lies. A day that a change of the clocks makes shorter or
    /// longer is one day.
    pub fn window(self, at: Timestamp, timezone: &TimeZone) -> BudgetWindow {
        let today = at.to_zoned(timezone.clone()).date();
        let (first, next) = match self {
            Self::Day => (today, today.checked_add(1.day())),
            Self::Month => {
                let first = today.first_of_month();
                (first, first.checked_add(1.month()))
            }
        };
        BudgetWindow {
            start: beginning(first, timezone).unwrap_or(Timestamp::MIN),
            end: next
                .ok()
                .and_then(|next| beginning(next, timezone))
                .unwrap_or(Timestamp::MAX),
        }
    }
}

impl BudgetWindow {
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Day => "day",
            Self::Month => "month",
        })
    }
}

/// The first instant of a day. Where the clocks skip midnight, it is the instant after that.
fn beginning(day: Date, timezone: &TimeZone) -> Option<Timestamp> {
    let midnight = day.to_zoned(timezone.clone()).ok()?;
    Some(midnight.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(period: Period, at: &str, timezone: &str) -> (String, String) {
        let timezone = TimeZone::get(timezone).unwrap();
        let window = period.window(at.parse().unwrap(), &timezone);
        (window.start.to_string(), window.end.to_string())
    }

    #[test]
    fn a_day_and_a_month_begin_at_midnight_of_the_time_zone() {
        let (day, month) = (Period::Day, Period::Month);
        for (period, at, timezone, start, end) in [
            // 08:00 and 07:59 in Shanghai.
            (
                day,
                "2026-11-29T00:00:00Z",
                "Asia/Shanghai",
                "2026-11-28T16:00:00Z",
                "2026-11-29T16:00:00Z",
            ),
            (
                day,
                "2026-11-29T16:00:00Z",
                "Asia/Shanghai",
                "2026-11-29T16:00:00Z",
                "2026-11-30T16:00:00Z",
            ),
            (
                month,
                "2026-11-30T15:59:59Z",
                "Asia/Shanghai",
                "2026-10-31T16:00:00Z",
                "2026-11-30T16:00:00Z",
            ),
            (
                month,
                "2026-11-30T16:00:00Z",
                "Asia/Shanghai",
                "2026-11-30T16:00:00Z",
                "2026-12-31T16:00:00Z",
            ),
            (
                month,
                "2028-02-29T12:00:00Z",
                "UTC",
                "2028-02-01T00:00:00Z",
                "2028-03-01T00:00:00Z",
            ),
            // 23 hours, and 25.
            (
                day,
                "2026-03-29T12:00:00Z",
                "Europe/Berlin",
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                day,
                "2026-10-25T12:00:00Z",
                "Europe/Berlin",
                "2026-10-24T22:00:00Z",
                "2026-10-25T23:00:00Z",
            ),
            // The clocks skip midnight: the day begins at one.
            (
                day,
                "2018-11-04T12:00:00Z",
                "America/Sao_Paulo",
                "2018-11-04T03:00:00Z",
                "2018-11-05T02:00:00Z",
            ),
            // An hour with midnight in it comes twice: the day begins with the first.
            (
                day,
                "2026-10-25T12:00:00Z",
                "Atlantic/Azores",
                "2026-10-25T00:00:00Z",
                "2026-10-26T01:00:00Z",
            ),
            // A day that there never was.
            (
                day,
                "2011-12-30T09:00:00Z",
                "Pacific/Apia",
                "2011-12-29T10:00:00Z",
                "2011-12-30T10:00:00Z",
            ),
        ] {
            assert_eq!(
                window(period, at, timezone),
                (start.to_owned(), end.to_owned()),
                "{period} of {at} in {timezone}"
            );
        }
    }

    proptest! {
        #[test]
        fn windows_follow_one_another_without_a_gap(
            second in 0_i64..4_000_000_000,
            timezone in prop::sample::select(vec![
                "Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Atlantic/Azores", "Australia/Lord_Howe", "UTC",
            ]),
            period in prop::sample::select(vec![Period::Day, Period::Month]),
        ) {
            let timezone = TimeZone::get(timezone).unwrap();
            let at = Timestamp::from_second(second).unwrap();
            let window = period.window(at, &timezone);
            prop_assert!(window.contains(at));
            prop_assert_eq!(period.window(window.start, &timezone), window);
            prop_assert_eq!(period.window(window.end, &timezone).start, window.end);
        }

        #[test]
        fn no_time_is_too_early_or_too_late(second in Timestamp::MIN.as_second()..Timestamp::MAX.as_second()) {
            let at = Timestamp::from_second(second).unwrap();
            for period in [Period::Day, Period::Month] {
                prop_assert!(period.window(at, &TimeZone::UTC).contains(at));
            }
        }
    }
}
