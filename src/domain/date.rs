//! Dates in every form the two providers send them.

mod clock_time;
mod lettered;

use super::invoice::Day;
use super::reading::Reading;
use super::spelling::{compact, half, is_placeholder};
use clock_time::ClockTime;
use jiff::civil::{Date, DateTime};
use jiff::tz::{self, TimeZone};
use jiff::{Timestamp, ToSpan};

/// Compact forms and moments outside of these years are numbers that mean something else, or stand
/// for "no date".
const YEARS: std::ops::RangeInclusive<i16> = 1990..=2100;
const MILLISECOND_DIGITS: usize = 13;
const SECOND_DIGITS: usize = 10;

/// Labels before a date, and what may stand between label and date.
const LABELS: [&str; 14] = [
    "开票日期",
    "开具日期",
    "入院日期",
    "出院日期",
    "就诊日期",
    "收费日期",
    "打印日期",
    "住院日期",
    "入院时间",
    "出院时间",
    "日期",
    "时间",
    "公元",
    "date",
];
/// A form's own "no date".
const NO_DATES: [&str; 2] = ["0000-00-00", "0001-01-01"];

/// `2020-06-01`, `2020年6月3日`, `2020/06/01`, `2020.6.1`, `20200601`, `二〇二〇年六月三日`, each also with
/// a time of day behind it (`20200601101530`, `2020年6月3日 10时15分`), milliseconds and seconds since
/// 1970, and what HTTP, Java and people write in English (`3 Jun 2020`). Anything else is kept as
/// its text. Empty, a placeholder and `0000-00-00` are `None`.
///
/// A time without an offset is left out: the day is the day. One with an offset is that moment's
/// day in `timezone`.
pub fn from_text(text: &str, timezone: &TimeZone) -> Option<Day> {
    let text = text.trim();
    if is_placeholder(text) || NO_DATES.iter().any(|none| text.starts_with(none)) {
        return None;
    }
    let plain = plain(text);
    let bare = without_label(&plain);
    let day = written(bare, timezone)
        .or_else(|| moment(bare, timezone))
        .or_else(|| lettered::day(bare, timezone));
    Some(day.map_or_else(|| Reading::Text(text.to_owned()), Reading::Value))
}

/// Whether the text is a written date: neither a bare count of seconds, nor a date that stands for
/// "none" (`0001-01-01`).
pub fn names_a_day(text: &str) -> bool {
    written(&plain(text), &TimeZone::UTC).is_some_and(|day| YEARS.contains(&day.year()))
}

/// The day of this moment where bills are printed.
pub fn day_in_china(moment: Timestamp) -> Date {
    moment.to_zoned(tz::offset(8).to_time_zone()).date()
}

/// In half-width characters, with one kind of dash.
fn plain(text: &str) -> String {
    let dash = |character| match character {
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '─' | '﹣' | '﹘' | '−' => '-',
        other => other,
    };
    text.trim().chars().map(half).map(dash).collect()
}

/// Without labels before the date, and without the end of a sentence behind it.
fn without_label(text: &str) -> &str {
    let mut rest = text.trim_end_matches(['。', ';', ',']);
    while let Some(after) = LABELS.iter().find_map(|label| {
        let (head, tail) = rest.split_at_checked(label.len())?;
        head.eq_ignore_ascii_case(label).then_some(tail)
    }) {
        rest = after.trim_start_matches([':', ' ', ')']);
    }
    rest
}

fn written(text: &str, timezone: &TimeZone) -> Option<Date> {
    let text = text.trim();
    let figures = text.bytes().take_while(u8::is_ascii_digit).count();
    let (date, rest) = match figures {
        8 | 10 | 12 | 14 | 17 => run_together(text)?,
        0 => return lettered::moment(text, timezone),
        _ => separated(text)?,
    };
    let is_attached = figures > 8;
    let time = ClockTime::parse(without_weekday(rest), is_attached)?;
    let Some(offset) = time.offset else {
        return Some(date);
    };
    let midnight = date.to_datetime(time.time);
    let civil: DateTime = if time.is_end_of_day {
        midnight.checked_add(1.day()).ok()?
    } else {
        midnight
    };
    let moment = civil.to_zoned(offset.to_time_zone()).ok()?;
    Some(moment.with_time_zone(timezone.clone()).date())
}

/// `20200601`, and a time of day without colons behind it.
fn run_together(text: &str) -> Option<(Date, &str)> {
    let (digits, rest) = text.split_at(8);
    let date = date_of(&digits[..4], &digits[4..6], &digits[6..])?;
    let is_alone = !rest.starts_with(|next: char| next.is_ascii_digit());
    (is_alone || YEARS.contains(&date.year())).then_some((date, rest))
}

/// Year, month and day between one kind of separator, and what follows them.
fn separated(text: &str) -> Option<(Date, &str)> {
    let (year, rest) = digits(text, 4)?;
    let first = rest.chars().next()?;
    let (second, is_lettered) = match first {
        // 日 ends the day, so that a time may follow it without a blank.
        '年' => ('月', true),
        '-' | '/' | '.' | '。' | '、' | '·' | '_' => (first, false),
        _ => return None,
    };
    let (month, rest) = digits(rest.strip_prefix(first)?, 2)?;
    let (day, rest) = digits(rest.strip_prefix(second)?, 2)?;
    let rest = if is_lettered {
        rest.strip_prefix(['日', '号'])?
    } else {
        rest
    };
    Some((date_of(year, month, day)?, rest))
}

/// At most `max` digits with blanks around them; the rest begins with what is not blank.
fn digits(text: &str, max: usize) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(count);
    (1..=max)
        .contains(&count)
        .then(|| (digits, rest.trim_start()))
}

fn date_of(year: &str, month: &str, day: &str) -> Option<Date> {
    if year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// `(星期三)`, `周三`: it adds nothing.
fn without_weekday(rest: &str) -> &str {
    let inner = rest.trim_start().trim_start_matches('(');
    let Some(day) = inner
        .strip_prefix("星期")
        .or_else(|| inner.strip_prefix('周'))
    else {
        return rest;
    };
    day.strip_prefix(['一', '二', '三', '四', '五', '六', '日', '天'])
        .map_or(rest, |after| after.trim_start_matches(')'))
}

/// A count of milliseconds or seconds since 1970.
fn moment(text: &str, timezone: &TimeZone) -> Option<Date> {
    let text = compact(text);
    let number: i64 = text
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())??;
    let moment = match text.len() {
        MILLISECOND_DIGITS => Timestamp::from_millisecond(number),
        SECOND_DIGITS => Timestamp::from_second(number),
        _ => return None,
    };
    Some(moment.ok()?.to_zoned(timezone.clone()).date()).filter(|day| YEARS.contains(&day.year()))
}

#[cfg(test)]
mod tests;
