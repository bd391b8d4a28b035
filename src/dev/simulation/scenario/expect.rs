//! What is expected of a scenario.

use super::job::{SimulatedJob, position};
use crate::dev::scenario::duration::{self, LONGEST};
use crate::dev::scenario::fits;
use crate::domain::failure::Stage;
use crate::domain::result::{Status, Verdict};
use crate::settings::located::{Problem, require};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;

/// Only what is given is compared.
#[derive(Clone, Debug)]
pub(crate) struct Expect {
    pub(crate) calls: Option<Vec<ExpectedCall>>,
    pub(crate) downloads: Option<Downloads>,
    pub(crate) paid: Option<u32>,
    /// The end as it is written: `completed genuine`.
    pub(crate) ends: Option<ByJob<String>>,
    pub(crate) answered_at: Option<ByJob<Duration>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpectedCall {
    pub(crate) at: Duration,
    pub(crate) stage: Stage,
    pub(crate) code: String,
    /// Its place among the scenario's jobs.
    pub(crate) job: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Downloads {
    Number(usize),
    /// The downloads in their order.
    Each(Vec<ExpectedCall>),
}

/// Something about jobs: by pattern, the closest first.
#[derive(Clone, Debug)]
pub(crate) struct ByJob<T>(Vec<(String, T)>);

impl<T> ByJob<T> {
    /// `None`: nothing is expected of this job.
    pub(crate) fn of(&self, job: &str) -> Option<&T> {
        self.0
            .iter()
            .find(|(pattern, _)| fits(pattern, job))
            .map(|(_, value)| value)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenExpect {
    calls: Option<Vec<Spanned<String>>>,
    downloads: Option<Spanned<WrittenDownloads>>,
    paid: Option<u32>,
    ends: Option<Spanned<WrittenByJob>>,
    answered_at: Option<Spanned<WrittenByJob>>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "`downloads` is a number or a list like [\"0s SlowDown\", \"2s OK\"]"
)]
enum WrittenDownloads {
    Number(usize),
    Each(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected text, or a table of texts by job")]
enum WrittenByJob {
    One(String),
    Each(BTreeMap<String, String>),
}

impl WrittenExpect {
    pub(super) fn lift(
        self,
        place: &Range<usize>,
        jobs: &[SimulatedJob],
    ) -> Result<Expect, Problem> {
        let calls = self
            .calls
            .map(|calls| {
                calls
                    .iter()
                    .map(|call| paid_call(call, jobs))
                    .collect::<Result<Vec<_>, _>>()
            })
            .transpose()?;
        let expect = Expect {
            calls: calls.map(in_order),
            downloads: self
                .downloads
                .map(|written| downloads(written, jobs))
                .transpose()?,
            paid: self.paid,
            ends: self
                .ends
                .map(|written| of(written, jobs, ending))
                .transpose()?,
            answered_at: self
                .answered_at
                .map(|written| of(written, jobs, moment))
                .transpose()?,
        };
        let Expect {
            calls,
            downloads,
            paid,
            ends,
            answered_at,
        } = &expect;
        let nothing = calls.is_none()
            && downloads.is_none()
            && paid.is_none()
            && ends.is_none()
            && answered_at.is_none();
        require(!nothing, place, || {
            "nothing is expected, so nothing can fail".to_owned()
        })?;
        Ok(expect)
    }
}

/// `10m30s verification 317 job`; the job only where there are several.
fn paid_call(written: &Spanned<String>, jobs: &[SimulatedJob]) -> Result<ExpectedCall, Problem> {
    let form = "\"10m30s verification 317\", with the job's id behind it if there are several jobs";
    let (at, rest) = call(written.get_ref(), jobs, form)
        .map_err(|problem| Problem::new(&written.span(), problem))?;
    let paid = [Stage::Recognition, Stage::Verification]
        .into_iter()
        .find(|stage| rest.words.first() == Some(&stage.as_str()));
    match (paid, &rest.words[..]) {
        (Some(stage), [_, code]) => Ok(ExpectedCall {
            at,
            stage,
            code: (*code).to_owned(),
            job: rest.job,
        }),
        _ => Err(Problem::new(
            &written.span(),
            format!("{:?} is not like {form}", written.get_ref()),
        )),
    }
}

fn downloads(
    written: Spanned<WrittenDownloads>,
    jobs: &[SimulatedJob],
) -> Result<Downloads, Problem> {
    let place = written.span();
    let each = match written.into_inner() {
        WrittenDownloads::Number(number) => return Ok(Downloads::Number(number)),
        WrittenDownloads::Each(each) => each,
    };
    let form = "\"2s SlowDown\", with the job's id behind it if there are several jobs";
    let download = |text: String| match call(&text, jobs, form)? {
        (at, CallWords { words, job }) if words.len() == 1 => Ok(ExpectedCall {
            at,
            stage: Stage::Storage,
            code: words[0].to_owned(),
            job,
        }),
        _ => Err(format!("{text:?} is not like {form}")),
    };
    let downloads: Result<Vec<_>, String> = each.into_iter().map(download).collect();
    downloads
        .map(|downloads| Downloads::Each(in_order(downloads)))
        .map_err(|problem| Problem::new(&place, problem))
}

/// The words between the time and the job.
struct CallWords<'a> {
    words: Vec<&'a str>,
    job: usize,
}

fn call<'a>(
    text: &'a str,
    jobs: &[SimulatedJob],
    form: &str,
) -> Result<(Duration, CallWords<'a>), String> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let not_like_that = || format!("{text:?} is not like {form}");
    if words.is_empty() {
        return Err(not_like_that());
    }
    let at = duration::parse(words.remove(0)).ok_or_else(not_like_that)?;
    let job = if jobs.len() == 1 {
        0
    } else {
        let id = words.pop().ok_or_else(not_like_that)?;
        position(jobs, id).ok_or_else(|| format!("{text:?} does not end with the id of a job"))?
    };
    Ok((at, CallWords { words, job }))
}

/// Orders by time; calls at the same moment have no order but that of the jobs.
fn in_order(mut calls: Vec<ExpectedCall>) -> Vec<ExpectedCall> {
    calls.sort_by_key(|call| (call.at, call.job));
    calls
}

fn of<T>(
    written: Spanned<WrittenByJob>,
    jobs: &[SimulatedJob],
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<ByJob<T>, Problem> {
    let place = written.span();
    let each = match written.into_inner() {
        WrittenByJob::One(text) => BTreeMap::from([("*".to_owned(), text)]),
        WrittenByJob::Each(each) => each,
    };
    let mut values = Vec::with_capacity(each.len());
    for (pattern, text) in each {
        require(
            jobs.iter().any(|job| fits(&pattern, &job.id)),
            &place,
            || format!("there is no job {pattern:?}"),
        )?;
        let value = read(&text).map_err(|problem| Problem::new(&place, problem))?;
        values.push((pattern, value));
    }
    // A whole id before a pattern, a longer pattern before a shorter one.
    values.sort_by_key(|(pattern, _)| (pattern.ends_with('*'), std::cmp::Reverse(pattern.len())));
    Ok(ByJob(values))
}

fn moment(text: &str) -> Result<Duration, String> {
    duration::parse(text)
        .filter(|at| *at <= LONGEST)
        .ok_or_else(|| format!("{text:?} is not a duration of at most 40 days"))
}

fn ending(text: &str) -> Result<String, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let verdicts = [
        Verdict::Genuine,
        Verdict::Voided,
        Verdict::RedLettered,
        Verdict::Mismatch,
        Verdict::NotFound,
        Verdict::Invalid,
        Verdict::NotUsable,
        Verdict::Recognized,
    ];
    let sound = match words[..] {
        ["waiting"] => true,
        [status, verdict] if status == Status::Completed.as_str() => {
            verdicts.iter().any(|known| known.as_str() == verdict)
        }
        [status, _code] => status == Status::InvalidJob.as_str(),
        [status, _stage, _code] => status == Status::Undetermined.as_str(),
        _ => false,
    };
    let like = "\"completed genuine\", \"undetermined verification 317\", \"invalid_job image.not_found\" or \"waiting\"";
    if sound {
        Ok(words.join(" "))
    } else {
        Err(format!("{text:?} is no end like {like}"))
    }
}
