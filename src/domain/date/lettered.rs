//! Dates that begin with a letter: of other programs, in Chinese numerals, in English.

use crate::domain::amount::{numeral_digits, small_numeral};
use jiff::civil::{Date, DateTime};
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;

/// Forms in which only one order can be meant. `06/03/2020` is none of them.
const ENGLISH: [&str; 7] = [
    "%d-%b-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %d %Y",
    "%B %d %Y",
];
/// No date in words is longer.
const MAX_BYTES: usize = 100;

/// `Wed, 03 Jun 2020 10:15:30 GMT`, as HTTP writes it, and `Wed Jun 03 10:15:30 CST 2020`, as Java
/// does: China's time.
pub(super) fn moment(text: &str, timezone: &TimeZone) -> Option<Date> {
    if !text.is_ascii() {
        return None;
    }
    if let Ok(java) = DateTime::strptime("%a %b %d %H:%M:%S CST %Y", text) {
        return Some(java.date());
    }
    let moment = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(moment.to_zoned(timezone.clone()).date())
}

/// `二〇二〇年六月三日`, `贰零贰零年零陆月零叁日`, `3 Jun 2020`, and a moment in letters.
pub(super) fn day(text: &str, timezone: &TimeZone) -> Option<Date> {
    if text.len() > MAX_BYTES {
        return None;
    }
    in_numerals(text)
        .or_else(|| {
            let read = |form: &&str| Date::strptime(form, text).ok();
            ENGLISH.iter().find_map(read)
        })
        .filter(|day| day.year() >= 1900)
        .or_else(|| moment(text, timezone))
}

/// Year, month and day in Chinese numerals, or some of them.
fn in_numerals(text: &str) -> Option<Date> {
    let text: String = text.chars().filter(|char| !char.is_whitespace()).collect();
    let (year, rest) = text.split_once('年')?;
    let (month, rest) = rest.split_once('月')?;
    let day = rest.strip_suffix(['日', '号', '號'])?;
    let year = year.parse().ok().or_else(|| {
        let digits = numeral_digits(year)?;
        let year = digits.iter().try_fold(0_i64, |year, digit| {
            year.checked_mul(10)?.checked_add(*digit)
        })?;
        (digits.len() == 4).then(|| i16::try_from(year).ok())?
    })?;
    let month = match month {
        "元" | "正" => 1,
        other => number(other)?,
    };
    Date::new(year, month, number(day)?).ok()
}

fn number(text: &str) -> Option<i8> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    i8::try_from(small_numeral(text)?).ok()
}
