//! A job's deadline, which may be as far away as RFC 3339 can say.

use jiff::Timestamp;
use jiff::civil::{Date, time};
use jiff::tz::{Offset, offset};

/// The offset at which a day ends last.
const LAST_DAY_ENDS: Offset = offset(-12);
/// From this year on an offset may move a time beyond what can be computed with.
const FAR: u32 = 9999;

/// `None` if the text is no time. A time later than any that can be computed with becomes the last
/// one of those; a date without a time lasts until it has ended everywhere.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    if is_far(text) {
        return Some(Timestamp::MAX);
    }
    let last_second = text
        .parse::<Date>()
        .ok()
        .filter(|_| text.len() == "2026-11-23".len())?
        .to_datetime(time(23, 59, 59, 0));
    LAST_DAY_ENDS.to_timestamp(last_second).ok()
}

/// Written as RFC 3339 asks, in the last year of four digits or, which it does not allow, in a
/// later one.
fn is_far(text: &str) -> bool {
    let text = text.strip_prefix('+').unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (year, rest) = text.split_at(digits);
    let is_later = digits > 4 || year.parse().is_ok_and(|year: u32| year >= FAR);
    let is_year = (4..=9).contains(&digits) && year.bytes().any(|digit| digit != b'0') && is_later;
    // In a year that can be computed with, the rest is what it would be in any other.
    is_year
        && (format!("2024{rest}").parse::<Timestamp>().is_ok()
            || (rest.len() == 6 && format!("2024{rest}").parse::<Date>().is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_a_time_however_far_away() {
        for (text, expected) in [
            ("2026-11-23T10:00:00+08:00", Some("2026-11-23T02:00:00Z")),
            ("2026-11-23t02:00:00.5z", Some("2026-11-23T02:00:00.5Z")),
            ("2026-12-31T23:59:60Z", Some("2026-12-31T23:59:59Z")),
            ("2026-11-23", Some("2026-11-24T11:59:59Z")),
            ("2026-11-31", None),
            ("2026-11-23T10:00:00", None),
            ("2026-11-23T25:00:00Z", None),
            ("tomorrow", None),
            ("", None),
            ("9999", None),
            ("99999", None),
            ("9999-13-01T00:00:00Z", None),
            ("12345-01-01", Some("MAX")),
            ("0012026-01-01T00:00:00Zx", None),
        ] {
            let expected = expected.map(|time| {
                if time == "MAX" {
                    Timestamp::MAX
                } else {
                    time.parse().unwrap()
                }
            });
            assert_eq!(read(text), expected, "{text}");
        }
        for far in [
            "9999-12-31",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.999999999-12:00",
            "9999-12-31T23:59:60Z",
            "10000-01-01T00:00:00Z",
            "+010000-01-01T00:00:00Z",
            "292277026-12-04T15:30:07Z",
        ] {
            assert!(
                read(far).is_some_and(|time| time >= "9999-12-30T00:00:00Z".parse().unwrap()),
                "{far}: {:?}",
                read(far)
            );
        }
    }
}
