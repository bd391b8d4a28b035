//! A scenario as it is written in TOML, checked and lifted into the one that runs. What is wrong is
//! told with file and line.

use serde::Deserialize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

use super::{Answer, Calls, Fault, Recognition, Scenario, Storage, Verification, Whom};
use crate::dev::sandbox::samples;
use crate::domain::failure::Stage;
use crate::settings::units::Span;

/// The operations on the store that a fault can be aimed at; `fetch` is a `get` by a presigned
/// address.
const OPERATIONS: [&str; 6] = ["get", "fetch", "head", "put", "delete", "list"];

#[derive(Debug, thiserror::Error)]
pub enum BadScenario {
    #[error("{}: {source}", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    /// Lines count from 1.
    #[error("{name}:{line}: {problem}")]
    Wrong {
        name: String,
        line: usize,
        problem: String,
    },
}

impl Scenario {
    pub fn read(path: &Path) -> Result<Self, BadScenario> {
        let text = std::fs::read_to_string(path).map_err(|source| BadScenario::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// `name` is what the text is called in an error.
    pub fn parse(text: &str, name: &str) -> Result<Self, BadScenario> {
        let wrong = |at: usize, problem: &str| BadScenario::Wrong {
            name: name.to_owned(),
            line: text[..text.floor_char_boundary(at)].matches('\n').count() + 1,
            problem: problem.to_owned(),
        };
        let written: Written = toml::from_str(text).map_err(|error| {
            wrong(
                error.span().unwrap_or_default().start,
                &error.message().replace('\n', ", "),
            )
        })?;
        let mut faults = Vec::with_capacity(written.fault.len());
        for fault in written.fault {
            faults.push(
                fault
                    .lift()
                    .map_err(|Slip { at, problem }| wrong(at.start, &problem))?,
            );
        }
        let Written {
            seed,
            pictures_apart,
            recognition,
            verification,
            storage,
            ..
        } = written;
        Ok(Self {
            seed,
            pictures_apart,
            recognition,
            verification,
            storage,
            faults,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    pictures_apart: bool,
    #[serde(default)]
    recognition: Recognition,
    #[serde(default)]
    verification: Verification,
    #[serde(default)]
    storage: Storage,
    #[serde(default)]
    fault: Vec<WrittenFault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFault {
    stage: Spanned<Stage>,
    answer: Spanned<String>,
    sample: Option<Spanned<String>>,
    note_no: Option<String>,
    province: Option<String>,
    key: Option<Spanned<String>>,
    operation: Option<Spanned<String>>,
    auto_rotate: Option<Spanned<bool>>,
    calls: Option<Spanned<WrittenCalls>>,
    after: Option<Span>,
    until: Option<Spanned<Span>>,
    probability: Option<Spanned<f64>>,
    http_status: Option<Spanned<u16>>,
    message: Option<String>,
    retry_after: Option<Span>,
    qr: Option<Spanned<u8>>,
    delay: Option<Span>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "calls is \"all\", a list as in [1, 2], or a range as in { from = 2, to = 5 } counted from 1"
)]
enum WrittenCalls {
    Word(String),
    These(Vec<u32>),
    Between(WrittenRange),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRange {
    #[serde(default = "first")]
    from: u32,
    #[serde(default = "last")]
    to: u32,
}

/// What is wrong, and where in the text.
struct Slip {
    at: Range<usize>,
    problem: String,
}

impl WrittenFault {
    fn lift(self) -> Result<Fault, Slip> {
        let stage = *self.stage.get_ref();
        let answer = Answer::parse(stage, self.answer.get_ref(), self.http_status.is_some())
            .map_err(|unknown| Slip {
                at: self.answer.span(),
                problem: unknown.to_string(),
            })?;
        check(self.sample.as_ref(), "no sample has this name", |name| {
            name == "*"
                || samples::all()
                    .iter()
                    .any(|sample| super::fault::fits(name, sample.name))
        })?;
        check(
            self.operation.as_ref(),
            "operation is one of get, fetch, head, put, delete, list, *",
            |name| name == "*" || OPERATIONS.contains(&name.as_str()),
        )?;
        check(
            self.operation.as_ref(),
            "operation is for stage = \"storage\"",
            |_| stage == Stage::Storage,
        )?;
        check(
            self.key.as_ref(),
            "key is for stage = \"storage\"; others have sample and note_no",
            |_| stage == Stage::Storage,
        )?;
        check(
            self.auto_rotate.as_ref(),
            "auto_rotate is for stage = \"verification\"",
            |_| stage == Stage::Verification,
        )?;
        check(
            self.qr.as_ref(),
            "qr is 0 or 1, for stage = \"verification\"",
            |qr| *qr < 2 && stage == Stage::Verification,
        )?;
        check(
            self.probability.as_ref(),
            "probability is between 0 and 1",
            |share| (0.0..=1.0).contains(share),
        )?;
        check(
            self.http_status.as_ref(),
            "http_status is between 200 and 599",
            |status| (200..600).contains(status),
        )?;
        let after = self.after.map(|span| span.duration()).unwrap_or_default();
        check(
            self.until.as_ref(),
            "until is not later than after",
            |until| until.duration() > after,
        )?;
        Ok(Fault {
            whom: Whom {
                sample: self.sample.map(Spanned::into_inner),
                note_no: self.note_no,
                province: self.province,
                key: self.key.map(Spanned::into_inner),
                operation: self.operation.map(Spanned::into_inner),
                auto_rotate: self.auto_rotate.map(Spanned::into_inner),
            },
            calls: self.calls.map_or(Ok(Calls::All), lift_calls)?,
            after,
            until: self.until.map(|until| until.into_inner().duration()),
            probability: self.probability.map_or(1.0, Spanned::into_inner),
            http_status: self.http_status.map(Spanned::into_inner),
            message: self.message,
            retry_after: self.retry_after.map(|span| span.duration()),
            qr: self.qr.map(|qr| qr.into_inner() == 1),
            delay: self.delay.map(|span| span.duration()).unwrap_or_default(),
            ..Fault::of(stage, answer)
        })
    }
}

fn check<T>(
    value: Option<&Spanned<T>>,
    problem: &str,
    holds: impl Fn(&T) -> bool,
) -> Result<(), Slip> {
    match value {
        Some(value) if !holds(value.get_ref()) => Err(Slip {
            at: value.span(),
            problem: problem.to_owned(),
        }),
        _ => Ok(()),
    }
}

fn lift_calls(calls: Spanned<WrittenCalls>) -> Result<Calls, Slip> {
    let at = calls.span();
    let wrong = |problem: &str| {
        Err(Slip {
            at,
            problem: problem.to_owned(),
        })
    };
    match calls.into_inner() {
        WrittenCalls::Word(word) if word == "all" => Ok(Calls::All),
        WrittenCalls::Word(_) => wrong("calls is \"all\", a list or a range"),
        WrittenCalls::These(numbers) if numbers.is_empty() || numbers.contains(&0) => {
            wrong("calls are counted from 1")
        }
        WrittenCalls::These(numbers) => Ok(Calls::These(numbers)),
        WrittenCalls::Between(WrittenRange { from: 0, .. }) => wrong("calls are counted from 1"),
        WrittenCalls::Between(WrittenRange { from, to }) if to < from => {
            wrong("the range of calls ends before it begins")
        }
        WrittenCalls::Between(WrittenRange { from, to }) => Ok(Calls::Between(from, to)),
    }
}

fn first() -> u32 {
    1
}

fn last() -> u32 {
    u32::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn refused(text: &str) -> String {
        Scenario::parse(text, "bad.toml").unwrap_err().to_string()
    }

    #[test]
    fn the_example_is_a_scenario() {
        let scenario = Scenario::parse(
            include_str!("../../../../tests/data/scenarios/example.toml"),
            "example.toml",
        )
        .unwrap();
        assert!(scenario.faults.len() > 10);
    }

    #[test]
    fn an_empty_file_is_a_sandbox_without_faults() {
        let scenario = Scenario::parse("", "empty.toml").unwrap();
        assert!(scenario.faults.is_empty());
        assert_eq!(
            (
                scenario.recognition.rate_per_second,
                scenario.storage.access_key_id.as_str()
            ),
            (10, "sandbox")
        );
    }

    #[test]
    fn every_part_of_a_fault_is_read() {
        let scenario = Scenario::parse(
            "[[fault]]\nstage = 'verification'\nanswer = '300'\nsample = '01-*'\ncalls = { from = 2 }\nafter = '1s'\nuntil = '3s'\nqr = 0\n\
             probability = 0.5\nretry_after = '2s'\nmessage = 'm'\nhttp_status = 400\ndelay = '10ms'",
            "one.toml",
        )
        .unwrap();
        let fault = &scenario.faults[0];
        assert_eq!(
            (fault.calls.clone(), fault.qr, fault.http_status),
            (Calls::Between(2, u32::MAX), Some(false), Some(400))
        );
        assert_eq!(
            (fault.after, fault.until),
            (Duration::from_secs(1), Some(Duration::from_secs(3)))
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_line() {
        let fault = "[[fault]]\nstage = 'verification'\nanswer = '316'\n";
        let table = [
            (
                "seed = 1\n[recognition]\nrate = 3".to_owned(),
                "bad.toml:3: unknown field `rate`",
            ),
            (
                "[storage]\nlatency = 'soon'".to_owned(),
                "bad.toml:2: \"soon\" is not a duration",
            ),
            (
                "[[fault]]\nstage = 'storage'\nanswer = '316'".to_owned(),
                "bad.toml:3: storage cannot answer \"316\"",
            ),
            (
                "[[fault]]\nstage = 'verification'\n\nanswer = 'OUT_OF_QOUTA'".to_owned(),
                "bad.toml:4: verification cannot answer",
            ),
            (
                "[[fault]]\nstage = 'broker'\nanswer = '1'".to_owned(),
                "bad.toml:2: unknown variant `broker`",
            ),
            (
                "[[fault]]\nanswer = '1'".to_owned(),
                "bad.toml:1: missing field `stage`",
            ),
            (
                format!("{fault}sample = '99-mars'"),
                "bad.toml:4: no sample has this name",
            ),
            (
                format!("{fault}calls = [0]"),
                "bad.toml:4: calls are counted from 1",
            ),
            (
                format!("{fault}calls = 'some'"),
                "bad.toml:4: calls is \"all\"",
            ),
            (
                format!("{fault}calls = {{ from = 3, to = 2 }}"),
                "bad.toml:4: the range of calls ends before it begins",
            ),
            (
                format!("{fault}probability = 1.5"),
                "bad.toml:4: probability is between 0 and 1",
            ),
            (format!("{fault}qr = 2"), "bad.toml:4: qr is 0 or 1"),
            (
                format!("{fault}http_status = 42"),
                "bad.toml:4: http_status",
            ),
            (format!("{fault}key = 'a'"), "bad.toml:4: key is for stage"),
            (
                format!("{fault}after = '2s'\nuntil = '1s'"),
                "bad.toml:5: until is not later",
            ),
            ("[[fault]".to_owned(), "bad.toml:1: "),
        ];
        for (text, expected) in table {
            let problem = refused(&text);
            assert!(
                problem.starts_with(expected),
                "{text}\n  {problem}\n  {expected}"
            );
        }
    }

    #[test]
    fn a_missing_file_is_told_by_its_path() {
        assert!(
            Scenario::read(Path::new("/nowhere/s.toml"))
                .unwrap_err()
                .to_string()
                .starts_with("/nowhere/s.toml: ")
        );
    }
}
