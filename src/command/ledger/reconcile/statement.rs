//! A provider's statement: the calls that it bills, by an id, a time and a price. Pure, and bounded
//! in memory.

use crate::command::ledger::csv::CsvReader;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use rust_decimal::Decimal;
use std::io::{self, BufRead};

/// A statement of so many calls takes some 150 MiB.
const MOST_ROWS: usize = 1_000_000;
/// Marks around an amount.
const CURRENCY_MARKS: [char; 6] = ['¥', '￥', '元', '$', '€', ','];
const TIME_FORMS: [&str; 5] = [
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M",
];

/// Which columns of the statement have what: by the name in the first row, or by number from 1.
#[derive(Clone, Debug, Default)]
pub(super) struct StatementColumns {
    pub(super) id: String,
    pub(super) time: Option<String>,
    pub(super) price: Option<String>,
}

/// A call that the provider bills.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StatementRow {
    /// The line of the file.
    pub(super) line: usize,
    pub(super) id: Box<str>,
    pub(super) time: Option<Timestamp>,
    pub(super) price: Option<Decimal>,
}

/// The reason why a statement cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum StatementError {
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    #[error("has no column {name:?}; the first row has {}", .known.join(", "))]
    NoColumn { name: String, known: Vec<String> },
    #[error("line {line}, column {column:?}: {text:?} is no {what}")]
    NoValue {
        line: usize,
        column: String,
        text: String,
        what: &'static str,
    },
    #[error(
        "has more than {} rows: hold its parts against the ledger one by one",
        MOST_ROWS
    )]
    TooLong,
}

pub(super) fn read(
    input: impl BufRead,
    delimiter: char,
    columns: &StatementColumns,
    zone: &TimeZone,
) -> Result<Vec<StatementRow>, StatementError> {
    let mut reader = CsvReader::new(input, delimiter);
    let (_, heading) = reader.next()?.unwrap_or_default();
    let id = column(&columns.id, &heading)?;
    let at = |name: &Option<String>| name.as_ref().map(|name| column(name, &heading)).transpose();
    let (time, price) = (at(&columns.time)?, at(&columns.price)?);
    let mut rows = Vec::new();
    while let Some((line, cells)) = reader.next()? {
        let cell = |index: usize| cells.get(index).map_or("", |cell| cell.trim());
        let no_value = |index: usize, what: &'static str| StatementError::NoValue {
            line,
            column: heading.get(index).cloned().unwrap_or_default(),
            text: cell(index).chars().take(40).collect(),
            what,
        };
        // A sum at the end has no id.
        if cell(id).is_empty() {
            continue;
        }
        let time = time.map(|index| {
            let time = moment(cell(index), zone);
            time.ok_or_else(|| no_value(index, "time"))
        });
        let price = price.map(|index| {
            let price = amount(cell(index));
            price.ok_or_else(|| no_value(index, "amount"))
        });
        if rows.len() == MOST_ROWS {
            return Err(StatementError::TooLong);
        }
        rows.push(StatementRow {
            line,
            id: cell(id).into(),
            time: time.transpose()?,
            price: price.transpose()?,
        });
    }
    Ok(rows)
}

fn column(name: &str, heading: &[String]) -> Result<usize, StatementError> {
    let named = heading.iter().position(|cell| cell.trim() == name);
    let numbered = || {
        let number = name.parse::<usize>().ok()?;
        (1..=heading.len()).contains(&number).then(|| number - 1)
    };
    named
        .or_else(numbered)
        .ok_or_else(|| StatementError::NoColumn {
            name: name.to_owned(),
            known: heading
                .iter()
                .take(40)
                .map(|cell| cell.trim().to_owned())
                .collect(),
        })
}

/// RFC 3339, a local time in the usual forms, or seconds or milliseconds since 1970.
fn moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.len() {
            10 => Timestamp::from_second(text.parse().ok()?).ok(),
            13 => Timestamp::from_millisecond(text.parse().ok()?).ok(),
            14 => local(DateTime::strptime("%Y%m%d%H%M%S", text).ok()?, zone),
            _ => None,
        };
    }
    let mut forms = TIME_FORMS.iter();
    let time = forms.find_map(|form| DateTime::strptime(form, text).ok())?;
    local(time, zone)
}

fn local(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    time.to_zoned(zone.clone())
        .ok()
        .map(|time| time.timestamp())
}

fn amount(text: &str) -> Option<Decimal> {
    let bare: String = text
        .chars()
        .filter(|character| !character.is_whitespace() && !CURRENCY_MARKS.contains(character))
        .collect();
    Decimal::from_str_exact(&bare).ok()
}

/// The days of the statement, from the beginning of the first to the end of the last.
pub(super) fn days(rows: &[StatementRow], zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let times = || rows.iter().filter_map(|row| row.time);
    let first = times().min()?.to_zoned(zone.clone());
    let last = times().max()?.to_zoned(zone.clone());
    let after = last.tomorrow().ok()?;
    let begin = |day: Zoned| Some(day.start_of_day().ok()?.timestamp());
    Some((begin(first)?, begin(after)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("Asia/Shanghai").unwrap()
    }

    fn columns(time: &str, price: &str) -> StatementColumns {
        StatementColumns {
            id: "request id".to_owned(),
            time: Some(time.to_owned()),
            price: Some(price.to_owned()),
        }
    }

    fn problem(text: &str, columns: &StatementColumns) -> String {
        read(text.as_bytes(), ',', columns, &zone())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_statement_is_read_by_the_names_or_numbers_of_its_columns() {
        let text = "time,request id,price\n2026-11-29 10:00:00,q1,¥0.25\n2026-11-29 23:59:59,q2,\"1,000.50\"\n,,合计\n";
        for columns in [columns("time", "price"), columns("1", "3")] {
            let rows = read(text.as_bytes(), ',', &columns, &zone()).unwrap();
            let told = rows.iter().map(|row| {
                let (time, price) = (row.time.unwrap(), row.price.unwrap());
                format!("{} {} {time} {price}", row.line, row.id)
            });
            assert_eq!(
                told.collect::<Vec<_>>(),
                [
                    "2 q1 2026-11-29T02:00:00Z 0.25",
                    "3 q2 2026-11-29T15:59:59Z 1000.50"
                ]
            );
            let days = days(&rows, &zone()).unwrap();
            assert_eq!(days.0.to_string(), "2026-11-28T16:00:00Z");
            assert_eq!(days.1.to_string(), "2026-11-29T16:00:00Z");
        }
        assert_eq!(days(&[], &zone()), None);
    }

    #[test]
    fn the_last_day_of_a_statement_ends_at_midnight_also_where_clocks_change() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        for (last, end) in [
            ("2026-03-28 23:30:00", "2026-03-28T23:00:00Z"),
            ("2026-03-29 12:00:00", "2026-03-29T22:00:00Z"),
            ("2026-10-25 00:30:00", "2026-10-25T23:00:00Z"),
        ] {
            let row = StatementRow {
                line: 2,
                id: "q1".into(),
                time: moment(last, &berlin),
                price: None,
            };
            let days = days(&[row], &berlin).unwrap();
            assert_eq!(days.1, end.parse().unwrap(), "{last}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line_and_column() {
        let columns = columns("time", "price");
        assert_eq!(
            problem("when,request id\n", &columns),
            "has no column \"time\"; the first row has when, request id"
        );
        let told = problem("time,request id,price\nsoon,q1,1\n", &columns);
        assert_eq!(told, "line 2, column \"time\": \"soon\" is no time");
        let told = problem(
            "time,request id,price\n2026-11-29 10:00:00,q1,much\n",
            &columns,
        );
        assert_eq!(told, "line 2, column \"price\": \"much\" is no amount");
        assert!(problem("", &columns).starts_with("has no column"));
    }

    #[test]
    fn times_are_local_unless_they_say_otherwise() {
        for (text, at) in [
            ("2026-11-29T10:00:00+00:00", Some("2026-11-29T10:00:00Z")),
            ("2026-11-29 10:00:00.250", Some("2026-11-29T02:00:00.25Z")),
            ("2026-11-29T10:00:00", Some("2026-11-29T02:00:00Z")),
            ("2026/11/29 10:00", Some("2026-11-29T02:00:00Z")),
            ("2026/1/9 9:05:00", Some("2026-01-09T01:05:00Z")),
            ("20261129100000", Some("2026-11-29T02:00:00Z")),
            ("1795946400", Some("2026-11-29T10:00:00Z")),
            ("1795946400250", Some("2026-11-29T10:00:00.25Z")),
            ("2026-11-31 10:00:00", None),
            ("10:00", None),
            ("", None),
            ("12345", None),
        ] {
            let at = at.map(|at| at.parse().unwrap());
            assert_eq!(moment(text, &zone()), at, "{text}");
        }
    }

    #[test]
    fn amounts_are_exact() {
        for (text, expected) in [
            ("0.25", Some("0.25")),
            ("-0.25", Some("-0.25")),
            ("￥ 1,234.5 元", Some("1234.5")),
            ("", None),
            ("1e3", None),
        ] {
            let expected = expected.map(|amount| amount.parse().unwrap());
            assert_eq!(amount(text), expected, "{text}");
        }
    }
}
