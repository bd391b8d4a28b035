//! The rows of `tests/data/policy/codes.md`.

use invoice_worker::domain::failure::{Billed, Stage};
use jiff::SignedDuration;
use std::fmt;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Row {
    pub(super) stage: Stage,
    pub(super) code: String,
    pub(super) given: Given,
    pub(super) life: Vec<Step>,
    pub(super) ends: String,
    pub(super) calls: Option<Calls>,
    text: String,
}

#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) qr_code_found: Option<bool>,
    pub(super) http_status: Option<u16>,
    pub(super) says: Option<String>,
    pub(super) by: Option<String>,
    pub(super) blank_page: bool,
    pub(super) knows_the_bill: bool,
    pub(super) bill: Bill,
    pub(super) turned_for: Option<String>,
    pub(super) deadline: Option<Duration>,
}

#[derive(Debug)]
pub(super) enum Bill {
    DaysOld(i64),
    Undated,
}

impl Default for Bill {
    /// Neither new nor old.
    fn default() -> Self {
        Self::DaysOld(30)
    }
}

#[derive(Debug)]
pub(super) enum Step {
    Retry(usize),
    /// `None`: until the deadline.
    Park {
        first: Duration,
        times: Option<usize>,
    },
    NextDay(usize),
    /// One more call at once: turned upright, or signed anew.
    Again,
    /// Again and again in place for ten minutes: too long to live through here, `flow/waits.rs`
    /// shows one.
    Throttle,
    Pause,
    Last,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Calls {
    pub(super) number: usize,
    /// The store is not paid by the call.
    pub(super) billed: Option<Billed>,
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut stage = None;
    for line in include_str!("../../data/policy/codes.md").lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            let of = |stage: &Stage| heading.to_lowercase().starts_with(stage.as_str());
            stage = [Stage::Storage, Stage::Recognition, Stage::Verification]
                .into_iter()
                .find(of);
        }
        let columns: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [codes, given, life, ends, calls] = columns[..] else {
            continue;
        };
        if !matches!(codes, "code" | "---") {
            let row = |code: &str| Row {
                stage: stage.expect("rows stand under the heading of their stage"),
                code: code.to_owned(),
                given: Given::parse(given),
                life: life.split(" → ").map(step).collect(),
                ends: ends.to_owned(),
                calls: (!calls.is_empty()).then(|| Calls::parse(calls)),
                text: line.to_owned(),
            };
            rows.extend(codes.split(' ').map(row));
        }
    }
    assert!(rows.len() > 150, "{} rows", rows.len());
    rows
}

impl Row {
    /// What the sandbox is told to answer.
    pub(super) fn answer(&self) -> &str {
        self.given.by.as_deref().unwrap_or(&self.code)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} of {}", self.stage, self.code, self.text)
    }
}

impl Given {
    fn parse(cell: &str) -> Self {
        let mut given = Self::default();
        for condition in cell.split(", ").filter(|condition| !condition.is_empty()) {
            let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{condition}"));
            match condition.split_once(' ') {
                None if condition == "q" => given.qr_code_found = Some(true),
                Some(("no", "q")) => given.qr_code_found = Some(false),
                Some(("HTTP", status)) => given.http_status = Some(status.parse().unwrap()),
                Some(("says", message)) => given.says = Some(message.trim_matches('"').to_owned()),
                Some(("by", answer)) => given.by = Some(answer.to_owned()),
                Some(("blank", "page")) => given.blank_page = true,
                Some(("knows", "the bill")) => given.knows_the_bill = true,
                Some(("date", "unknown")) => given.bill = Bill::Undated,
                Some(("turned", code)) => {
                    given.turned_for = Some(code.trim_start_matches("for ").to_owned());
                }
                Some(("deadline", deadline)) => given.deadline = Some(duration(deadline)),
                Some((days, "days old")) => given.bill = Bill::DaysOld(number(days)),
                _ => panic!("what is {condition:?}?"),
            }
        }
        given
    }
}

impl Calls {
    fn parse(cell: &str) -> Self {
        let (number, billed) = cell
            .split_once(' ')
            .map_or((cell, None), |(number, billed)| (number, Some(billed)));
        let billed = billed.map(|billed| match billed {
            "paid" => Billed::Yes,
            "free" => Billed::No,
            "unknown" => Billed::Unknown,
            other => panic!("who pays {other:?}?"),
        });
        Self {
            number: number.parse().unwrap(),
            billed,
        }
    }
}

fn step(text: &str) -> Step {
    let times = |text: &str| {
        text.strip_prefix('×')
            .and_then(|times| times.parse::<usize>().ok())
    };
    match text.split_once(' ') {
        Some(("retry", number)) => Step::Retry(times(number).unwrap()),
        Some(("next_day", number)) => Step::NextDay(times(number).unwrap()),
        Some(("park", delays)) => {
            let delays: Vec<&str> = delays
                .split([',', ' '])
                .filter(|part| !part.is_empty())
                .collect();
            let (before, last) = delays.split_at(delays.len() - 1);
            let times = match last[0] {
                "…" => None,
                // The delay itself stands before its number of times.
                last => Some(times(last).map_or(delays.len(), |times| before.len() - 1 + times)),
            };
            Step::Park {
                first: duration(delays[0]),
                times,
            }
        }
        None if text == "throttle" => Step::Throttle,
        None if text == "pause" => Step::Pause,
        None if matches!(text, "rotate" | "resign") => Step::Again,
        None if matches!(text, "continue" | "verdict" | "fail") => Step::Last,
        _ => panic!("what is {text:?}?"),
    }
}

fn duration(text: &str) -> Duration {
    text.parse::<SignedDuration>()
        .unwrap_or_else(|_| panic!("{text:?} is no duration"))
        .try_into()
        .unwrap()
}
