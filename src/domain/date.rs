//! Dates in every form the two providers send them.

use super::invoice::Day;
use super::reading::Reading;
use super::width::half;
use jiff::civil::{Date, Time};

/// `2020-06-01`, `2020年6月3日`, `2020/06/01`, `2020.6.1`, `20200601`, each also with a time of day behind it, which is left out.
/// Anything else is kept as its text. Empty is `None`.
///
/// A time with an offset is not understood: whose day it names is not ours to guess.
pub fn from_text(text: &str) -> Option<Day> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let plain: String = text.chars().map(half).collect();
    Some(parse(&plain).map_or_else(|| Reading::Text(text.to_owned()), Reading::Value))
}

fn parse(text: &str) -> Option<Date> {
    let text = text.trim();
    let (date, rest) = if text.bytes().take_while(u8::is_ascii_digit).count() == 8 { compact(text)? } else { separated(text)? };
    is_time_of_day(rest).then_some(date)
}

/// `20200601`, and what follows it.
fn compact(text: &str) -> Option<(Date, &str)> {
    let (digits, rest) = text.split_at(8);
    let date = date(&digits[..4], &digits[4..6], &digits[6..])?;
    Some((date, rest))
}

/// Year, month and day between one kind of separator, and what follows them.
fn separated(text: &str) -> Option<(Date, &str)> {
    let (year, rest) = digits(text, 4)?;
    let first = rest.chars().next()?;
    let (second, last) = match first {
        // 日 ends the day, so that a time may follow it without a blank.
        '年' => ('月', Some('日')),
        '-' | '/' | '.' => (first, None),
        _ => return None,
    };
    let (month, rest) = digits(rest.strip_prefix(first)?, 2)?;
    let (day, rest) = digits(rest.strip_prefix(second)?, 2)?;
    let rest = last.map_or(Some(rest), |last| rest.strip_prefix(last))?;
    Some((date(year, month, day)?, rest))
}

/// At most `max` digits with blanks around them; the rest begins with what is not blank.
fn digits(text: &str, max: usize) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(count);
    (1..=max).contains(&count).then(|| (digits, rest.trim_start()))
}

fn date(year: &str, month: &str, day: &str) -> Option<Date> {
    if year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

fn is_time_of_day(rest: &str) -> bool {
    let time = rest.trim_start();
    let time = time.strip_prefix('T').unwrap_or(time);
    let plain = time.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'));
    rest.is_empty() || (plain && time.contains(':') && time.parse::<Time>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_documented_form_is_the_same_day() {
        for text in [
            "2020-06-03",
            "2020年06月03日",
            "2020年6月3日",
            " 2020 年 06 月 03 日 ",
            "２０２０年０６月０３日",
            "2020/06/03",
            "2020.6.3",
            "2020 - 06 - 03",
            "20200603",
            "2020-06-03 12:30:00",
            "2020-06-03T12:30:00",
            "2020-06-03 12:30",
            "2020/6/3 00:00:00.0",
            "2020年06月03日12:30:00",
            "20200603 12:30:00",
        ] {
            assert_eq!(from_text(text), Some(Reading::Value(jiff::civil::date(2020, 6, 3))), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_stays_text() {
        for text in [
            "2020-13-01",
            "2021-02-29",
            "0000-00-00",
            "20-06-03",
            "2020-06",
            "2020年06月",
            "2020年06月03",
            "2020-06/03",
            "202006031",
            "20200603x",
            "2020-06-03 25:00",
            "2020-06-03T",
            "2020-06-03 12",
            "2020-06-03T12:30:00Z",
            "2020-06-03T12:30:00+08:00",
            "no date",
            "二〇二〇年",
            "٢٠٢٠-٠٦-٠٣",
        ] {
            assert_eq!(from_text(text), Some(Reading::Text(text.to_owned())), "{text}");
        }
        assert_eq!(from_text(" \u{3000} "), None);
    }

    proptest! {
        #[test]
        fn every_day_is_read_back(days in 0_i32..80_000) {
            let day = jiff::civil::date(1900, 1, 1).saturating_add(jiff::Span::new().days(days));
            prop_assert_eq!(from_text(&day.to_string()), Some(Reading::Value(day)));
            prop_assert_eq!(from_text(&day.strftime("%Y年%m月%d日").to_string()), Some(Reading::Value(day)));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,20}", dateish in "[0-9年月日/.T: -]{0,20}") {
            let _ = from_text(&text);
            let _ = from_text(&dateish);
        }
    }
}
