//! A fault as it is written in TOML, checked and lifted into the one that is played.

use super::answer::{RegistryAnswer, ScriptedAnswer, WireFault};
use super::duration::{self, LONGEST};
use super::fault::{CallNumbers, Concerned, Fault};
use crate::domain::failure::Stage;
use crate::settings::located::{Problem, check, require};
use serde::Deserialize;
use std::time::Duration;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::dev) struct WrittenFault {
    pub(in crate::dev) stage: Spanned<String>,
    #[serde(alias = "code")]
    pub(in crate::dev) answer: Spanned<String>,
    pub(in crate::dev) sample: Option<Spanned<String>>,
    pub(in crate::dev) note_no: Option<Spanned<String>>,
    pub(in crate::dev) province: Option<Spanned<String>>,
    key: Option<Spanned<String>>,
    pub(in crate::dev) operation: Option<Spanned<String>>,
    pub(in crate::dev) job: Option<Spanned<String>>,
    pub(in crate::dev) image: Option<Spanned<String>>,
    auto_rotate: Option<Spanned<bool>>,
    calls: Option<Spanned<WrittenCalls>>,
    times: Option<Spanned<u32>>,
    #[serde(alias = "from")]
    after: Option<Spanned<String>>,
    until: Option<Spanned<String>>,
    probability: Option<Spanned<f64>>,
    pub(in crate::dev) http_status: Option<Spanned<u16>>,
    message: Option<String>,
    retry_after: Option<Spanned<String>>,
    qr: Option<Spanned<WrittenFlag>>,
    nothing_read: Option<Spanned<bool>>,
    registry: Option<Spanned<RegistryAnswer>>,
    #[serde(alias = "takes")]
    pub(in crate::dev) delay: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "`calls` is \"all\", a list as in [1, 2], or a range as in { from = 2, to = 5 }, counted from 1"
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

fn first() -> u32 {
    1
}

fn last() -> u32 {
    u32::MAX
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "`qr` is 0 or 1, or false or true")]
enum WrittenFlag {
    Word(bool),
    Number(u8),
}

/// The words that one side cannot play, each with the reason.
pub(in crate::dev) struct Unplayable {
    pub(in crate::dev) keys: &'static [(&'static str, &'static str)],
    pub(in crate::dev) answer: fn(Stage, WireFault) -> Option<&'static str>,
}

impl WrittenFault {
    pub(in crate::dev) fn lift(self, unplayable: &Unplayable) -> Result<Fault, Problem> {
        let stage = self.stage()?;
        let answer = ScriptedAnswer::parse(stage, self.answer.get_ref());
        self.can_be_played(stage, &answer, unplayable)?;
        self.belongs(stage, &answer)?;
        let read = |written: &Option<Spanned<String>>| {
            let read = |written| duration::read(written, &(Duration::ZERO..=LONGEST));
            written.as_ref().map(read).transpose()
        };
        let (after, until) = (read(&self.after)?.unwrap_or_default(), read(&self.until)?);
        check(
            self.until.as_ref(),
            "`until` is not later than the time from which it is given",
            |_| until.is_none_or(|until| after < until),
        )?;
        Ok(Fault {
            after,
            until,
            retry_after: read(&self.retry_after)?,
            delay: read(&self.delay)?.unwrap_or_default(),
            calls: call_numbers(self.times, self.calls)?,
            concerned: Concerned {
                sample: self.sample.map(Spanned::into_inner),
                note_no: self.note_no.map(Spanned::into_inner),
                province: self.province.map(Spanned::into_inner),
                key: self.key.map(Spanned::into_inner),
                operation: self.operation.map(Spanned::into_inner),
                job: self.job.map(Spanned::into_inner),
                image: self.image.map(Spanned::into_inner),
                auto_rotate: self.auto_rotate.map(Spanned::into_inner),
            },
            probability: self.probability.map_or(1.0, Spanned::into_inner),
            http_status: self.http_status.map(Spanned::into_inner),
            message: self.message,
            qr: self.qr.map(|qr| match qr.into_inner() {
                WrittenFlag::Word(found) => found,
                WrittenFlag::Number(found) => found == 1,
            }),
            nothing_read: self.nothing_read.is_some_and(Spanned::into_inner),
            registry: self.registry.map(Spanned::into_inner),
            ..Fault::new(stage, self.answer.get_ref())
        })
    }

    pub(in crate::dev) fn stage(&self) -> Result<Stage, Problem> {
        let name = self.stage.get_ref();
        let stages = [Stage::Storage, Stage::Recognition, Stage::Verification];
        let found = stages.into_iter().find(|stage| stage.as_str() == name);
        found.ok_or_else(|| {
            let known = "there are storage, recognition and verification";
            Problem::with(&self.stage, format!("there is no stage {name:?}; {known}"))
        })
    }

    fn can_be_played(
        &self,
        stage: Stage,
        answer: &ScriptedAnswer,
        unplayable: &Unplayable,
    ) -> Result<(), Problem> {
        let text = |written: &Option<Spanned<String>>| written.as_ref().map(Spanned::span);
        let given = [
            ("sample", text(&self.sample)),
            ("key", text(&self.key)),
            ("operation", text(&self.operation)),
            ("job", text(&self.job)),
            ("image", text(&self.image)),
            ("probability", self.probability.as_ref().map(Spanned::span)),
        ];
        for (key, place) in given {
            let reason = unplayable.keys.iter().find(|(refused, _)| *refused == key);
            if let (Some(place), Some((_, reason))) = (place, reason) {
                return Err(Problem::new(&place, format!("`{key}` {reason}")));
            }
        }
        let reason = match answer {
            ScriptedAnswer::Broken(fault) => (unplayable.answer)(stage, *fault),
            ScriptedAnswer::Genuine
            | ScriptedAnswer::Code(_)
            | ScriptedAnswer::Named(_)
            | ScriptedAnswer::Http(_) => None,
        };
        reason.map_or(Ok(()), |reason| {
            let problem = format!("{:?} {reason}", self.answer.get_ref());
            Err(Problem::with(&self.answer, problem))
        })
    }

    fn belongs(&self, stage: Stage, answer: &ScriptedAnswer) -> Result<(), Problem> {
        let is_good = *answer == ScriptedAnswer::Genuine;
        let is_storage = stage == Stage::Storage;
        let is_verification = stage == Stage::Verification;
        check(self.key.as_ref(), "`key` is for storage", |_| is_storage)?;
        let problem = "`operation` is for storage";
        check(self.operation.as_ref(), problem, |_| is_storage)?;
        let problem = "`auto_rotate` is for verification";
        check(self.auto_rotate.as_ref(), problem, |_| is_verification)?;
        let problem = "`qr` is 0 or 1, for verification";
        check(self.qr.as_ref(), problem, |qr| {
            is_verification && !matches!(qr, WrittenFlag::Number(2..))
        })?;
        let problem = "`registry` is for verification OK";
        check(self.registry.as_ref(), problem, |_| {
            is_verification && is_good
        })?;
        let problem = "`nothing_read` is for recognition 200";
        check(self.nothing_read.as_ref(), problem, |_| {
            stage == Stage::Recognition && is_good
        })?;
        let problem = "`http_status` is between 200 and 599";
        check(self.http_status.as_ref(), problem, |status| {
            (200..600).contains(status)
        })?;
        let problem = "`probability` is between 0 and 1";
        check(self.probability.as_ref(), problem, |share| {
            (0.0..=1.0).contains(share)
        })
    }
}

fn call_numbers(
    times: Option<Spanned<u32>>,
    calls: Option<Spanned<WrittenCalls>>,
) -> Result<CallNumbers, Problem> {
    let calls = match (times, calls) {
        (None, None) => return Ok(CallNumbers::All),
        (Some(times), None) => {
            require(*times.get_ref() > 0, &times.span(), || {
                "given never: leave it out instead".to_owned()
            })?;
            return Ok(CallNumbers::Times(times.into_inner()));
        }
        (Some(_), Some(calls)) => {
            return Err(Problem::with(&calls, "give `times` or `calls`, not both"));
        }
        (None, Some(calls)) => calls,
    };
    let place = calls.span();
    let wrong = |problem: &str| Err(Problem::new(&place, problem));
    match calls.into_inner() {
        WrittenCalls::Word(word) if word == "all" => Ok(CallNumbers::All),
        WrittenCalls::Word(_) => wrong("`calls` is \"all\", a list or a range"),
        WrittenCalls::These(numbers) if numbers.is_empty() || numbers.contains(&0) => {
            wrong("`calls` is a list of numbers, counted from 1")
        }
        WrittenCalls::These(numbers) => Ok(CallNumbers::These(numbers)),
        WrittenCalls::Between(WrittenRange { from: 0, .. }) => wrong("`calls` are counted from 1"),
        WrittenCalls::Between(WrittenRange { from, to }) if to < from => {
            wrong("the range of calls ends before it begins")
        }
        WrittenCalls::Between(WrittenRange { from, to }) => Ok(CallNumbers::Between(from, to)),
    }
}
