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
    pub(in crate::dev::simulation) job_deadline: Duration,
    /// The store takes no checkpoints.
    pub(in crate::dev::simulation) unwritable: Option<Range<Duration>>,
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
mod tests {
    use super::*;

    const SCENARIO: &str = "[[scenario]]\nname = 'x'\n";
    const EXPECT: &str = "expect = { paid = 2 }\n";

    fn refused(text: &str) -> String {
        PolicyScenario::parse(text, "bad.toml")
            .expect_err(text)
            .to_string()
    }

    #[test]
    fn an_empty_scenario_is_one_job_that_gets_good_answers() {
        let scenario = PolicyScenario::parse(&format!("{SCENARIO}{EXPECT}"), "one.toml")
            .unwrap()
            .remove(0);
        assert_eq!(
            (
                scenario.jobs.len(),
                scenario.workers,
                scenario.answers.len()
            ),
            (1, 1, 0)
        );
        assert_eq!(
            (
                scenario.jobs[0].id.as_str(),
                scenario.jobs[0].province.as_deref()
            ),
            ("job", Some("浙江"))
        );
        assert_eq!(
            (scenario.job_deadline, scenario.stop_after),
            (DEFAULT_JOB_DEADLINE, LONGEST)
        );
    }

    #[test]
    fn jobs_of_a_crowd_are_numbered_and_come_one_after_the_other() {
        let text = format!(
            "{SCENARIO}{EXPECT}[[scenario.job]]\nid = 'a'\nat = '1m'\nrepeat = 3\nevery = '10s'\nprovince = ''\n"
        );
        let jobs = PolicyScenario::parse(&text, "one.toml")
            .unwrap()
            .remove(0)
            .jobs;
        let told: Vec<_> = jobs
            .iter()
            .map(|job| (job.id.as_str(), job.image.as_str(), job.at.as_secs()))
            .collect();
        assert_eq!(
            told,
            [("a-1", "a-1", 60), ("a-2", "a-2", 70), ("a-3", "a-3", 80)]
        );
        assert!(jobs.iter().all(|job| job.province.is_none()));
    }

    #[test]
    fn an_expectation_of_one_job_goes_before_one_of_many() {
        let text = format!(
            "{SCENARIO}[[scenario.job]]\nid = 'a'\nrepeat = 12\n[scenario.expect]\n\
             ends = {{ '*' = 'waiting', 'a-1*' = 'completed genuine', a-11 = 'invalid_job x' }}"
        );
        let ends = PolicyScenario::parse(&text, "one.toml")
            .unwrap()
            .remove(0)
            .expect
            .ends
            .unwrap();
        let told = ["a-2", "a-1", "a-11", "a-12"].map(|job| ends.of(job).unwrap().as_str());
        assert_eq!(
            told,
            [
                "waiting",
                "completed genuine",
                "invalid_job x",
                "completed genuine"
            ]
        );
    }

    #[test]
    fn a_mistake_is_reported_with_file_and_line() {
        let job = format!("{SCENARIO}{EXPECT}[[scenario.job]]\n");
        let answer = format!("{SCENARIO}{EXPECT}[[scenario.answer]]\nstage = 'verification'\n");
        let expect = format!("{SCENARIO}[scenario.expect]\n");
        for (text, told) in [
            (String::new(), "line 1: there is no [[scenario]]"),
            ("[[scenario]\n".to_owned(), "line 1: "),
            (SCENARIO.to_owned(), "line 1: missing field `expect`"),
            (
                format!("{SCENARIO}{EXPECT}\n{SCENARIO}{EXPECT}"),
                "line 5: there is another scenario \"x\"",
            ),
            (
                format!("{SCENARIO}{EXPECT}workers = 0\n"),
                "line 4: `workers` is between 1 and 16",
            ),
            (
                format!("{SCENARIO}{EXPECT}start = 'monday'\n"),
                "line 4: \"monday\" is not a time",
            ),
            (
                format!("{SCENARIO}{EXPECT}start = '2206-03-02T09:00:00Z'\n"),
                "line 4: \"2206-03-02T09:00:00Z\" is not a time",
            ),
            (
                format!("{SCENARIO}{EXPECT}stop_after = '41d'\n"),
                "line 4: \"41d\" is not between 1s and 960h",
            ),
            (
                format!("{job}id = 'a b'\n"),
                "line 5: \"a b\" is not one word",
            ),
            (
                format!("{job}[[scenario.job]]\n"),
                "line 5: there is another job with the id \"job\"",
            ),
            (
                format!("{job}repeat = 2001\n"),
                "line 5: `repeat` is between 1 and 2000",
            ),
            (
                format!("{job}repeat = 2000\n[[scenario.job]]\nid = 'b'\n"),
                "line 6: more than 2000 jobs",
            ),
            (
                format!("{job}every = '1s'\n"),
                "line 5: `every` is for jobs with `repeat`",
            ),
            (
                format!("{job}repeat = 2000\nevery = '1h'\n"),
                "line 6: the last of these jobs comes after more than 40 days",
            ),
            (
                format!("{job}days_old = 1\nbilling_date = 'unknown'\n"),
                "line 6: give `days_old` or `billing_date`",
            ),
            (
                format!("{job}billing_date = 'monday'\n"),
                "line 5: \"monday\" is neither a date",
            ),
            (
                format!("{job}at = 'soon'\n"),
                "line 5: \"soon\" is not a duration",
            ),
            (format!("{answer}code = ''\n"), "line 6: \"\" is no code"),
            (
                format!("{answer}code = '1'\njob = 'nobody'\n"),
                "line 7: no job has the job \"nobody\"",
            ),
            (
                format!("{answer}code = '1'\nprovince = '天津'\n"),
                "line 7: no job has the province",
            ),
            (
                format!("{answer}code = '1'\ntimes = 0\n"),
                "line 7: given never",
            ),
            (
                format!("{answer}code = '1'\ncalls = [0]\n"),
                "line 7: `calls` is a list of numbers",
            ),
            (
                format!("{answer}code = '1'\ntimes = 1\ncalls = [1]\n"),
                "line 8: give `times` or `calls`",
            ),
            (
                format!("{answer}code = '1'\nfrom = '2m'\nuntil = '2m'\n"),
                "line 8: `until` is not later",
            ),
            (
                format!("{answer}code = '1'\nregistry = 'voided'\n"),
                "line 7: `registry` is for verification OK",
            ),
            (
                format!("{answer}code = '1'\nnothing_read = true\n"),
                "line 7: `nothing_read` is for recognition 200",
            ),
            (
                format!("{answer}code = '1'\nhttp_status = 42\n"),
                "line 7: `http_status` is between",
            ),
            (expect.clone(), "line 3: nothing is expected"),
            (
                format!("{expect}calls = ['0s storage OK']\n"),
                "line 4: \"0s storage OK\" is not like",
            ),
            (
                format!("{expect}calls = [\n  '0s recognition 200',\n  '0s verification'\n]\n"),
                "line 6: \"0s verification\" is not like",
            ),
            (
                format!("{expect}calls = ['0s recognition 200 job']\n"),
                "line 4: ",
            ),
            (
                format!("{expect}downloads = ['OK']\n"),
                "line 4: \"OK\" is not like",
            ),
            (
                format!("{expect}ends = 'completed'\n"),
                "line 4: \"completed\" is no end",
            ),
            (
                format!("{expect}ends = 'completed well'\n"),
                "line 4: \"completed well\" is no end",
            ),
            (
                format!("{expect}ends = {{ nobody = 'waiting' }}\n"),
                "line 4: there is no job \"nobody\"",
            ),
            (
                format!("{SCENARIO}{EXPECT}surprise = 1\n"),
                "line 4: unknown field `surprise`",
            ),
        ] {
            let problem = refused(&text);
            assert!(
                problem.starts_with(&format!("bad.toml, {told}")),
                "{text}\n  {problem}\n  {told}"
            );
        }
    }

    #[test]
    fn a_file_that_is_too_large_or_not_there_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.toml");
        std::fs::write(&path, "#".repeat(1 + (1 << 20))).unwrap();
        let problem = PolicyScenario::read(&path)
            .expect_err("too large")
            .to_string();
        assert!(problem.contains("is longer than 1MiB"), "{problem}");
        let problem = PolicyScenario::read(Path::new("/nowhere/s.toml"))
            .expect_err("no file")
            .to_string();
        assert!(
            problem.starts_with("/nowhere/s.toml: cannot be read"),
            "{problem}"
        );
    }
}
