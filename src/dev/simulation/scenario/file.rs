//! Reads a file into scenarios that need no further checking. Every mistake names file and
//! line.

use super::expect::{Expect, WrittenExpect};
use super::job::{SimulatedJob, WrittenJob};
use super::{answers, job};
use crate::dev::scenario::duration::{self, LONGEST};
use crate::dev::scenario::{Fault, WrittenFault};
use crate::settings::file::read_file;
use crate::settings::located::{FileError, Problem, Source, require};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;
use toml::Spanned;

const MAX_SCENARIOS: usize = 500;
const MAX_WORKERS: usize = 16;
/// A Monday morning, a day like any other.
const DEFAULT_START: &str = "2026-03-02T09:00:00+08:00";
/// 2200, in seconds since the epoch: no wait leaves the calendar, and a year with a figure too many
/// is seen.
const LATEST: i64 = 7_258_118_400;
const DEFAULT_JOB_DEADLINE: Duration = Duration::from_hours(96);

#[derive(Clone, Debug)]
pub struct PolicyScenario {
    pub name: String,
    /// The line in which it begins, from 1.
    pub line: usize,
    pub(in crate::dev::simulation) start: Timestamp,
    pub(in crate::dev::simulation) workers: usize,
    /// `worker.job_deadline`.
    pub job_deadline: Duration,
    /// The store takes no checkpoints.
    pub(in crate::dev::simulation) unwritable: Option<Range<Duration>>,
    /// The store keeps checkpoints, and its answers say that it does not.
    pub(in crate::dev::simulation) unconfirmed: Option<Range<Duration>>,
    /// Since the start: whatever has become of the jobs by then.
    pub(in crate::dev::simulation) stop_after: Duration,
    pub(in crate::dev::simulation) jobs: Vec<SimulatedJob>,
    pub(in crate::dev::simulation) answers: Vec<Fault>,
    pub(in crate::dev::simulation) expect: Expect,
}

impl PolicyScenario {
    pub fn read(path: &Path) -> Result<Vec<Self>, FileError> {
        let text = read_file(path).map_err(FileError::Unreadable)?;
        Self::parse(&text, &path.display().to_string())
    }

    /// `file` is what the text is called in an error.
    pub fn parse(text: &str, file: &str) -> Result<Vec<Self>, FileError> {
        let source = Source::new(text, file);
        parse(source).map_err(|problem| source.error(problem))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    #[serde(default)]
    scenario: Vec<Spanned<WrittenScenario>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenScenario {
    name: Spanned<String>,
    start: Option<Spanned<String>>,
    workers: Option<Spanned<usize>>,
    job_deadline: Option<Spanned<String>>,
    unwritable: Option<[Spanned<String>; 2]>,
    unconfirmed: Option<[Spanned<String>; 2]>,
    stop_after: Option<Spanned<String>>,
    #[serde(default)]
    job: Vec<Spanned<WrittenJob>>,
    #[serde(default, alias = "fault")]
    answer: Vec<Spanned<WrittenFault>>,
    expect: Spanned<WrittenExpect>,
}

fn parse(source: Source<'_>) -> Result<Vec<PolicyScenario>, Problem> {
    let file: WrittenFile = source.parse()?;
    require(!file.scenario.is_empty(), &(0..0), || {
        "there is no [[scenario]] in it".to_owned()
    })?;
    let (mut scenarios, mut names) = (Vec::with_capacity(file.scenario.len()), HashSet::new());
    for written in file.scenario {
        let place = written.span();
        require(scenarios.len() < MAX_SCENARIOS, &place, || {
            format!("more than {MAX_SCENARIOS} scenarios")
        })?;
        let scenario = written.into_inner().lift(source.line(&place))?;
        require(names.insert(scenario.name.clone()), &place, || {
            format!("there is another scenario {:?}", scenario.name)
        })?;
        scenarios.push(scenario);
    }
    Ok(scenarios)
}

impl WrittenScenario {
    fn lift(self, line: usize) -> Result<PolicyScenario, Problem> {
        let name = self.name.get_ref();
        let readable = !name.is_empty() && !name.contains(char::is_control);
        require(readable, &self.name.span(), || {
            "a name is one line of text".to_owned()
        })?;
        let jobs = job::lift(self.job)?;
        let lasting = |written: &Option<Spanned<String>>| {
            written
                .as_ref()
                .map(|written| duration::read(written, &(Duration::from_secs(1)..=LONGEST)))
                .transpose()
        };
        let place = self.expect.span();
        Ok(PolicyScenario {
            line,
            start: start(self.start.as_ref())?,
            workers: workers(self.workers.as_ref())?,
            job_deadline: lasting(&self.job_deadline)?.unwrap_or(DEFAULT_JOB_DEADLINE),
            unwritable: self.unwritable.as_ref().map(times).transpose()?,
            unconfirmed: self.unconfirmed.as_ref().map(times).transpose()?,
            stop_after: lasting(&self.stop_after)?.unwrap_or(LONGEST),
            expect: self.expect.into_inner().lift(&place, &jobs)?,
            answers: answers::lift(self.answer, &jobs)?,
            jobs,
            name: self.name.into_inner(),
        })
    }
}

fn times([from, until]: &[Spanned<String>; 2]) -> Result<Range<Duration>, Problem> {
    let read = |written| duration::read(written, &(Duration::ZERO..=LONGEST));
    Ok(read(from)?..read(until)?)
}

/// The start, between 1970 and [`LATEST`].
fn start(written: Option<&Spanned<String>>) -> Result<Timestamp, Problem> {
    let (text, place) = written.map_or((DEFAULT_START, 0..0), |written| {
        (written.get_ref().as_str(), written.span())
    });
    let parsed = text
        .parse()
        .ok()
        .filter(|start: &Timestamp| (0..LATEST).contains(&start.as_second()));
    parsed.ok_or_else(|| {
        Problem::new(
            &place,
            format!("{text:?} is not a time such as \"{DEFAULT_START}\""),
        )
    })
}

fn workers(written: Option<&Spanned<usize>>) -> Result<usize, Problem> {
    let Some(written) = written else { return Ok(1) };
    let bearable = (1..=MAX_WORKERS).contains(written.get_ref());
    require(bearable, &written.span(), || {
        format!("`workers` is between 1 and {MAX_WORKERS}")
    })?;
    Ok(*written.get_ref())
}

#[cfg(test)]
mod tests;
