//! A scenario as it is written in TOML, checked and lifted into the one that runs. What is wrong is
//! told with file and line.

use serde::Deserialize;
use std::path::Path;
use toml::Spanned;

use super::{Answer, Calls, Fault, Recognition, Scenario, Storage, Verification, Whom};
use crate::dev::sandbox::samples;
use crate::domain::failure::Stage;
use crate::settings::file::read_file;
use crate::settings::located::{FileError, Problem, Source, check};
use crate::settings::units::Span;

/// The operations on the store that a fault can be aimed at; `fetch` is a `get` by a presigned
/// address.
const OPERATIONS: [&str; 6] = ["get", "fetch", "head", "put", "delete", "list"];

impl Scenario {
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let text = read_file(path).map_err(FileError::Unreadable)?;
        Self::parse(&text, &path.display().to_string())
    }

    /// `file` is what the text is called in an error.
    pub fn parse(text: &str, file: &str) -> Result<Self, FileError> {
        let source = Source::new(text, file);
        let scenario = source.parse().and_then(Written::lift);
        scenario.map_err(|problem| source.error(problem))
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

impl Written {
    fn lift(self) -> Result<Scenario, Problem> {
        let faults = self.fault.into_iter().map(WrittenFault::lift);
        Ok(Scenario {
            seed: self.seed,
            pictures_apart: self.pictures_apart,
            recognition: self.recognition,
            verification: self.verification,
            storage: self.storage,
            faults: faults.collect::<Result<_, _>>()?,
        })
    }
}

impl WrittenFault {
    fn lift(self) -> Result<Fault, Problem> {
        let stage = *self.stage.get_ref();
        let answer = Answer::parse(stage, self.answer.get_ref(), self.http_status.is_some())
            .map_err(|unknown| Problem::with(&self.answer, unknown.to_string()))?;
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

fn lift_calls(calls: Spanned<WrittenCalls>) -> Result<Calls, Problem> {
    let place = calls.span();
    let wrong = |problem: &str| Err(Problem::new(&place, problem));
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
                "bad.toml, line 3: unknown field `rate`",
            ),
            (
                "[storage]\nlatency = 'soon'".to_owned(),
                "bad.toml, line 2: \"soon\" is not a duration",
            ),
            (
                "[[fault]]\nstage = 'storage'\nanswer = '316'".to_owned(),
                "bad.toml, line 3: storage cannot answer \"316\"",
            ),
            (
                "[[fault]]\nstage = 'verification'\n\nanswer = 'OUT_OF_QOUTA'".to_owned(),
                "bad.toml, line 4: verification cannot answer",
            ),
            (
                "[[fault]]\nstage = 'broker'\nanswer = '1'".to_owned(),
                "bad.toml, line 2: unknown variant `broker`",
            ),
            (
                "[[fault]]\nanswer = '1'".to_owned(),
                "bad.toml, line 1: missing field `stage`",
            ),
            (
                format!("{fault}sample = '99-mars'"),
                "bad.toml, line 4: no sample has this name",
            ),
            (
                format!("{fault}calls = [0]"),
                "bad.toml, line 4: calls are counted from 1",
            ),
            (
                format!("{fault}calls = 'some'"),
                "bad.toml, line 4: calls is \"all\"",
            ),
            (
                format!("{fault}calls = {{ from = 3, to = 2 }}"),
                "bad.toml, line 4: the range of calls ends before it begins",
            ),
            (
                format!("{fault}probability = 1.5"),
                "bad.toml, line 4: probability is between 0 and 1",
            ),
            (format!("{fault}qr = 2"), "bad.toml, line 4: qr is 0 or 1"),
            (
                format!("{fault}http_status = 42"),
                "bad.toml, line 4: http_status",
            ),
            (
                format!("{fault}key = 'a'"),
                "bad.toml, line 4: key is for stage",
            ),
            (
                format!("{fault}after = '2s'\nuntil = '1s'"),
                "bad.toml, line 5: until is not later",
            ),
            ("[[fault]".to_owned(), "bad.toml, line 1: "),
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
