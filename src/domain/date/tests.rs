use super::*;
use proptest::prelude::*;

fn shanghai() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}

fn day(text: &str) -> Option<Day> {
    from_text(text, &shanghai())
}

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
        assert_eq!(
            day(text),
            Some(Reading::Value(jiff::civil::date(2020, 6, 3))),
            "{text}"
        );
    }
}

#[test]
fn a_time_behind_the_date_is_that_day() {
    for text in [
        "20260603101530",
        "202606031015",
        "2026060310",
        "20260603101530123",
        "20260603T101530",
        "20260603T101530Z",
        "2026年06月03日 10时15分",
        "2026年06月03日10时15分30秒",
        "2026年6月3日 10时",
        "2026年6月3日 10点15分",
        "2026年6月3号 下午3:15",
        "2026年06月03日 星期三 10:15",
        "2026年06月03日（星期三）",
        "2026/6/3 10:15:30 AM",
        "2026-06-03 10:15:30,123",
        "2026-06-03 24:00:00",
        "2026-06-03 23:59:60",
        "2026-06-03, 10:15",
        "2026-06-03T23:30:00+08:00",
        "2026-06-03 23:30:00 +0800 CST",
        "2026-06-03T23:30:00+08:00[Asia/Shanghai]",
        "2026-06-03T10:15:30Z",
        "2026-06-03T10:15:30.123456789Z",
        "2026-06-03 10:15 UTC",
        "2026-06-03 10:15 GMT+8",
        "2026-06-02T16:00:00Z",
        "2026-06-03T00:30:00+09",
        "2026-06-02T24:00:00Z",
        "2026-06-03+08:00",
        "2026-06-03Z",
        "1780452930000",
        "1780452930",
        "Wed, 03 Jun 2026 10:15:30 GMT",
        "Wed Jun 03 10:15:30 CST 2026",
    ] {
        let expected = if text == "2026-06-03T00:30:00+09" {
            jiff::civil::date(2026, 6, 2)
        } else {
            jiff::civil::date(2026, 6, 3)
        };
        assert_eq!(day(text), Some(Reading::Value(expected)), "{text}");
    }
    assert_eq!(
        from_text("2026-06-03T01:00:00+08:00", &TimeZone::UTC),
        Some(Reading::Value(jiff::civil::date(2026, 6, 2)))
    );
}

#[test]
fn a_value_that_is_no_date_stays_text() {
    for text in [
        "2020-13-01",
        "2021-02-29",
        "20-06-03",
        "2020-06",
        "2020年06月",
        "2020年06月03",
        "2020-06/03",
        "202006031",
        "20200603x",
        "2020-06-03 25:00",
        "2020-06-03 24:01",
        "2020-06-03 10:61",
        "2020-06-03T",
        "2020-06-03 12",
        "2020-06-03 10:15 +25:00",
        "2020-06-03 10:15 somewhere",
        "20201303101530",
        "17120102030405",
        "9999999999999",
        "no date",
        "二〇二〇年",
        "٢٠٢٠-٠٦-٠٣",
        "2020-06-0\u{fffd}",
    ] {
        assert_eq!(day(text), Some(Reading::Text(text.to_owned())), "{text}");
    }
    assert_eq!(day(" \u{3000} "), None);
}

#[test]
fn dates_of_every_kind_are_read_as_a_person_does() {
    for line in include_str!("../../../tests/data/readings/dates.txt").lines() {
        let (text, expected) = line.split_once('\t').unwrap();
        let read = match day(text) {
            None => "nothing".to_owned(),
            Some(Reading::Value(date)) => date.to_string(),
            Some(Reading::Text(_)) => "text".to_owned(),
        };
        assert_eq!(read, expected, "{text}");
    }
}

#[test]
fn a_day_that_was_written_is_distinguished_from_a_number() {
    for text in [
        "2026-06-03",
        "20260603",
        "20260603101530",
        "2026年06月03日 10时15分",
        "2026-06-03T10:15:30Z",
    ] {
        assert!(names_a_day(text), "{text}");
    }
    for text in [
        "1780452930000",
        "1780452930",
        "1031123456",
        "0001-01-01T00:00:00",
        "1900-01-01",
        "开票日期：2026-06-03",
        "二〇二六年六月三日",
        "2",
        "",
    ] {
        assert!(!names_a_day(text), "{text}");
    }
}

proptest! {
    #[test]
    fn every_day_is_read_back(days in 0_i32..80_000) {
        let date = jiff::civil::date(1900, 1, 1).saturating_add(jiff::Span::new().days(days));
        prop_assert_eq!(day(&date.to_string()), Some(Reading::Value(date)));
        prop_assert_eq!(day(&date.strftime("%Y年%m月%d日").to_string()), Some(Reading::Value(date)));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,20}", dateish in "[0-9年月日/.T: +Z时-]{0,24}") {
        let _ = day(&text);
        let _ = day(&dateish);
    }
}
