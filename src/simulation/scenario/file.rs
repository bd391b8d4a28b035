//! From a file to scenarios that need no further checking. What is wrong is told with file and line.

use super::answer::{MAX_ANSWERS, WrittenAnswer};
use super::expect::WrittenExpect;
use super::job::WrittenJob;
use super::{LONGEST, Scenario, duration, job};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

const MAX_FILE_BYTES: u64 = 1 << 20;
const MAX_SCENARIOS: usize = 500;
const MAX_WORKERS: usize = 16;
/// A Monday morning, a day like any other.
const DEFAULT_START: &str = "2026-03-02T09:00:00+08:00";
const DEFAULT_JOB_DEADLINE: Duration = Duration::from_hours(96);

#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// Lines count from 1.
    #[error("{file}, line {line}: {problem}")]
    Wrong { file: String, line: usize, problem: String },
}

impl Scenario {
    pub fn read(path: &Path) -> Result<Vec<Self>, ScenarioError> {
        let unreadable = |source| ScenarioError::Unreadable { path: path.to_owned(), source };
        let mut text = String::new();
        let file = File::open(path).map_err(unreadable)?;
        // One more than allowed, so that too long is seen.
        file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
        Self::parse(&text, &path.display().to_string())
    }

    /// `file` is what the text is called in an error.
    pub fn parse(text: &str, file: &str) -> Result<Vec<Self>, ScenarioError> {
        let wrong = |Problem { offset, problem }| ScenarioError::Wrong { file: file.to_owned(), line: line(text, offset), problem };
        parse(text).map_err(wrong)
    }
}

/// What is wrong, at this byte of the text.
#[derive(Debug)]
pub(super) struct Problem {
    offset: usize,
    problem: String,
}

impl Problem {
    pub(super) fn new(place: &Range<usize>, problem: String) -> Self {
        Self { offset: place.start, problem }
    }
}

pub(super) fn require(holds: bool, place: &Range<usize>, problem: impl FnOnce() -> String) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err(Problem::new(place, problem())) }
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
    stop_after: Option<Spanned<String>>,
    #[serde(default)]
    job: Vec<Spanned<WrittenJob>>,
    #[serde(default)]
    answer: Vec<Spanned<WrittenAnswer>>,
    expect: Spanned<WrittenExpect>,
}

fn parse(text: &str) -> Result<Vec<Scenario>, Problem> {
    require(text.len() as u64 <= MAX_FILE_BYTES, &(0..0), || format!("the file is larger than {MAX_FILE_BYTES} bytes"))?;
    let told = |error: toml::de::Error| Problem::new(&error.span().unwrap_or(0..0), error.message().replace('\n', ", "));
    let file: WrittenFile = toml::from_str(text).map_err(told)?;
    require(!file.scenario.is_empty(), &(0..0), || "there is no [[scenario]] in it".to_owned())?;
    let (mut scenarios, mut names) = (Vec::with_capacity(file.scenario.len()), HashSet::new());
    for written in file.scenario {
        let place = written.span();
        require(scenarios.len() < MAX_SCENARIOS, &place, || format!("more than {MAX_SCENARIOS} scenarios"))?;
        let scenario = written.into_inner().lift(line(text, place.start))?;
        require(names.insert(scenario.name.clone()), &place, || format!("there is another scenario {:?}", scenario.name))?;
        scenarios.push(scenario);
    }
    Ok(scenarios)
}

impl WrittenScenario {
    fn lift(self, line: usize) -> Result<Scenario, Problem> {
        let name = self.name.get_ref();
        let readable = !name.is_empty() && !name.contains(char::is_control);
        require(readable, &self.name.span(), || "a name is one line of text".to_owned())?;
        let jobs = job::lift(self.job)?;
        let mut answers = Vec::with_capacity(self.answer.len());
        for answer in self.answer {
            require(answers.len() < MAX_ANSWERS, &answer.span(), || format!("more than {MAX_ANSWERS} answers"))?;
            answers.push(answer.into_inner().lift(&jobs)?);
        }
        let lasting = |written: &Option<Spanned<String>>| {
            written.as_ref().map(|written| duration::read(written, &(Duration::from_secs(1)..=LONGEST))).transpose()
        };
        let place = self.expect.span();
        Ok(Scenario {
            line,
            start: start(self.start.as_ref())?,
            workers: workers(self.workers.as_ref())?,
            job_deadline: lasting(&self.job_deadline)?.unwrap_or(DEFAULT_JOB_DEADLINE),
            stop_after: lasting(&self.stop_after)?.unwrap_or(LONGEST),
            expect: self.expect.into_inner().lift(&place, &jobs)?,
            jobs,
            answers,
            name: self.name.into_inner(),
        })
    }
}

/// Between 1970 and 9000, so that no wait leaves the calendar.
fn start(written: Option<&Spanned<String>>) -> Result<Timestamp, Problem> {
    let (text, place) = written.map_or((DEFAULT_START, 0..0), |written| (written.get_ref().as_str(), written.span()));
    let latest = Timestamp::MAX.as_second() / 10 * 9;
    let parsed = text.parse().ok().filter(|start: &Timestamp| (0..latest).contains(&start.as_second()));
    parsed.ok_or_else(|| Problem::new(&place, format!("{text:?} is not a time such as \"{DEFAULT_START}\"")))
}

fn workers(written: Option<&Spanned<usize>>) -> Result<usize, Problem> {
    let Some(written) = written else { return Ok(1) };
    let bearable = (1..=MAX_WORKERS).contains(written.get_ref());
    require(bearable, &written.span(), || format!("`workers` is between 1 and {MAX_WORKERS}"))?;
    Ok(*written.get_ref())
}

/// From 1.
fn line(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}
