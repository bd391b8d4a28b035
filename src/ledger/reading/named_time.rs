//! Times as a person names them: `1d`, `today`, `2026-11`, `2026-11-29`, or RFC 3339.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, ToSpan};
use std::str::FromStr;

const FORMS: &str = "is no time; write for instance 1d, 2h, today, yesterday, 2026-11, 2026-11-29, or \
                     2026-11-29T10:00:00+08:00";

/// A moment, or a day or month, which begins and ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NamedTime {
    /// So long ago. A day has 24 hours here, whatever the clocks change.
    Ago(SignedDuration),
    /// So many days before today.
    DaysAgo(i64),
    Day(Date),
    /// The month that begins with this day.
    Month(Date),
    At(Timestamp),
}

/// The time that is looked at: from one moment on, and up to another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LedgerPeriod {
    /// `None`: from the ledger's beginning.
    pub from: Option<Timestamp>,
    /// The first moment that is not part of it. `None`: to the ledger's end.
    pub until: Option<Timestamp>,
}

impl LedgerPeriod {
    /// From where the one begins to where the other ends.
    pub fn of(
        since: Option<NamedTime>,
        until: Option<NamedTime>,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Self {
        Self {
            from: since.map(|since| since.begins(now, zone)),
            until: until.map(|until| until.ends(now, zone)),
        }
    }

    pub fn contains(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

impl NamedTime {
    /// The first moment of it in this time zone.
    pub fn begins(self, now: Timestamp, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Ago(length) => now.saturating_sub(length).unwrap_or(Timestamp::MIN),
            Self::DaysAgo(days) => first_moment(days_ago(days, now, zone), zone),
            Self::Day(day) | Self::Month(day) => first_moment(day, zone),
            Self::At(at) => at,
        }
    }

    /// The first moment after it in this time zone.
    pub fn ends(self, now: Timestamp, zone: &TimeZone) -> Timestamp {
        let after = |day: Date, length: Span| {
            let next = day.checked_add(length).unwrap_or(Date::MAX);
            first_moment(next, zone)
        };
        match self {
            Self::Ago(_) | Self::At(_) => self.begins(now, zone),
            Self::DaysAgo(days) => after(days_ago(days, now, zone), 1.day()),
            Self::Day(day) => after(day, 1.day()),
            Self::Month(day) => after(day, 1.month()),
        }
    }
}

fn days_ago(days: i64, now: Timestamp, zone: &TimeZone) -> Date {
    let today = now.to_zoned(zone.clone()).date();
    today.saturating_sub(days.days())
}

/// Midnight, or where the clocks leap over it, the moment after.
fn first_moment(day: Date, zone: &TimeZone) -> Timestamp {
    let begins = day.to_zoned(zone.clone());
    begins.map_or(Timestamp::MAX, |begins| begins.timestamp())
}

impl FromStr for NamedTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = match text {
            "today" => Some(Self::DaysAgo(0)),
            "yesterday" => Some(Self::DaysAgo(1)),
            _ => date(text).or_else(|| text.parse().ok().map(Self::At)),
        };
        if let Some(time) = known {
            return Ok(time);
        }
        let span: Span = text.parse().map_err(|_| format!("{text:?} {FORMS}"))?;
        match span.to_duration(SpanRelativeTo::days_are_24_hours()) {
            Ok(length) if !length.is_negative() => Ok(Self::Ago(length)),
            Ok(_) => Err(format!("{text:?} is in the future")),
            Err(_) => Err(format!(
                "{text:?} has months or years, which differ in length: write days, or a month such as 2026-11"
            )),
        }
    }
}

/// `2026-11-29` or `2026-11`.
fn date(text: &str) -> Option<NamedTime> {
    match text.len() {
        10 => text.parse().ok().map(NamedTime::Day),
        7 => format!("{text}-01").parse().ok().map(NamedTime::Month),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-29T17:30:00Z";

    fn bounds(text: &str, now: &str, zone: &str) -> (String, String) {
        let (now, zone) = (now.parse().unwrap(), TimeZone::get(zone).unwrap());
        let time: NamedTime = text.parse().unwrap();
        let [begins, ends] = [time.begins(now, &zone), time.ends(now, &zone)];
        (begins.to_string(), ends.to_string())
    }

    #[test]
    fn a_time_begins_and_ends_in_the_time_zone_of_the_policy() {
        for (text, begins, ends) in [
            // It is 01:30 of the 30th in Shanghai.
            ("today", "2026-11-29T16:00:00Z", "2026-11-30T16:00:00Z"),
            ("yesterday", "2026-11-28T16:00:00Z", "2026-11-29T16:00:00Z"),
            ("2026-11", "2026-10-31T16:00:00Z", "2026-11-30T16:00:00Z"),
            ("2026-12", "2026-11-30T16:00:00Z", "2026-12-31T16:00:00Z"),
            ("2026-02", "2026-01-31T16:00:00Z", "2026-02-28T16:00:00Z"),
            ("2026-11-29", "2026-11-28T16:00:00Z", "2026-11-29T16:00:00Z"),
            ("1d", "2026-11-28T17:30:00Z", "2026-11-28T17:30:00Z"),
            ("1d12h", "2026-11-28T05:30:00Z", "2026-11-28T05:30:00Z"),
            ("90s", "2026-11-29T17:28:30Z", "2026-11-29T17:28:30Z"),
            (
                "2026-11-29T10:00:00+08:00",
                "2026-11-29T02:00:00Z",
                "2026-11-29T02:00:00Z",
            ),
            ("9999-12-31", "9999-12-30T16:00:00Z", "9999-12-30T16:00:00Z"),
        ] {
            let expected = (begins.to_owned(), ends.to_owned());
            assert_eq!(bounds(text, NOW, "Asia/Shanghai"), expected, "{text}");
        }
    }

    #[test]
    fn a_day_is_as_long_as_the_clocks_make_it() {
        // Berlin: 25 hours; Sao Paulo once leapt from 00:00 to 01:00.
        for (zone, day, begins, ends) in [
            (
                "Europe/Berlin",
                "2026-10-25",
                "2026-10-24T22:00:00Z",
                "2026-10-25T23:00:00Z",
            ),
            (
                "America/Sao_Paulo",
                "2018-11-04",
                "2018-11-04T03:00:00Z",
                "2018-11-05T02:00:00Z",
            ),
            (
                "UTC",
                "2026-10-25",
                "2026-10-25T00:00:00Z",
                "2026-10-26T00:00:00Z",
            ),
        ] {
            let expected = (begins.to_owned(), ends.to_owned());
            assert_eq!(bounds(day, NOW, zone), expected, "{zone}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "soon",
            "2026",
            "2026-13",
            "2026-11-31",
            "-1d",
            "1mo",
            "1y",
            "2026-11-29T10:00:00",
            "１ｄ",
            "99999999999d",
        ] {
            let problem = text.parse::<NamedTime>().unwrap_err();
            assert!(problem.contains(text), "{text}: {problem}");
        }
    }

    #[test]
    fn a_period_has_its_beginning_and_not_its_end() {
        let (now, zone) = (NOW.parse().unwrap(), TimeZone::UTC);
        let november: NamedTime = "2026-11".parse().unwrap();
        let period = LedgerPeriod::of(Some(november), Some(november), now, &zone);
        for (at, is_within) in [
            ("2026-10-31T23:59:59.999Z", false),
            ("2026-11-01T00:00:00Z", true),
            ("2026-11-30T23:59:59.999Z", true),
            ("2026-12-01T00:00:00Z", false),
        ] {
            assert_eq!(period.contains(at.parse().unwrap()), is_within, "{at}");
        }
        assert!(LedgerPeriod::default().contains(Timestamp::MIN));
        assert!(LedgerPeriod::default().contains(Timestamp::MAX));
    }
}
