//! The options that select copies: the same for all four commands.

use super::job::FailedJob;
use super::reason::FailedStatus;
use crate::command::ages::parse_age;
use clap::Args;
use jiff::{SignedDuration, Timestamp};

/// The stages at which a job can fail, and the words for copies without the worker's reason.
const STAGES: [&str; 8] = [
    "job",
    "image",
    "storage",
    "recognition",
    "verification",
    "worker",
    "broker",
    "unknown",
];

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Filter {
    /// The stage at which it failed; `broker` where the broker itself took the job away. This, --code,
    /// --status and --job-id can be repeated
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(STAGES))]
    stage: Vec<String>,
    #[arg(
        long,
        help = "A provider's code or one of ours: 316, OUT_OF_QUOTA, job.malformed, delivery_limit …"
    )]
    code: Vec<String>,
    /// The status that the submitter got
    #[arg(long, value_enum)]
    status: Vec<FailedStatus>,
    /// The job's id, the whole of it
    #[arg(long)]
    pub(super) job_id: Vec<String>,
    /// Failed longer ago than this: 2h, 1d, 1d12h
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    older_than: Option<SignedDuration>,
    /// Failed since then
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    newer_than: Option<SignedDuration>,
    /// At most so many, those first that were first in the queue
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

impl Filter {
    /// Selects these jobs as well.
    pub(super) fn or_named(mut self, job_ids: Vec<String>) -> Self {
        self.job_id.extend(job_ids);
        self
    }

    /// True where the jobs are named one by one, which is consent to what is done with them.
    pub(super) fn names_jobs(&self) -> bool {
        !self.job_id.is_empty()
    }

    /// A copy of unknown age is neither older nor newer than anything.
    pub(super) fn matches(&self, job: &FailedJob, now: Timestamp) -> bool {
        let reason = &job.reason;
        let age = reason.at.map(|at| now.duration_since(at));
        is_among(&self.stage, |stage| *stage == reason.stage)
            && is_among(&self.code, |code| *code == reason.code)
            && is_among(&self.status, |status| *status == reason.status)
            && is_among(&self.job_id, |id| job.job_id.as_ref() == Some(id))
            && self
                .older_than
                .is_none_or(|bound| age.is_some_and(|age| age > bound))
            && self
                .newer_than
                .is_none_or(|bound| age.is_some_and(|age| age < bound))
    }

    pub(super) fn is_satisfied_by(&self, found: u32) -> bool {
        self.limit.is_some_and(|limit| found >= limit)
    }
}

fn is_among<T>(wanted: &[T], is_it: impl FnMut(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(is_it)
}

#[cfg(test)]
mod tests {
    use super::super::reason::Reason;
    use super::*;
    use clap::{CommandFactory, FromArgMatches, Parser};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filter: Filter,
    }

    fn filter(arguments: &str) -> Result<Filter, clap::Error> {
        let matches = Line::command()
            .try_get_matches_from(std::iter::once("failed").chain(arguments.split_whitespace()))?;
        Ok(Line::from_arg_matches(&matches)?.filter)
    }

    const NOW: &str = "2026-11-22T12:00:00Z";

    fn job(
        stage: &str,
        code: &str,
        status: FailedStatus,
        job_id: Option<&str>,
        at: Option<&str>,
    ) -> FailedJob {
        let reason = Reason {
            status,
            stage: stage.to_owned(),
            code: code.to_owned(),
            message: String::new(),
            effort: None,
            at: at.map(|at| at.parse().unwrap()),
        };
        FailedJob {
            job_id: job_id.map(str::to_owned),
            run: String::new(),
            deadline: None,
            reason,
            is_truncated: false,
        }
    }

    #[test]
    fn every_condition_has_to_hold_and_a_repeated_one_is_a_choice() {
        let jobs = [
            job(
                "verification",
                "316",
                FailedStatus::Undetermined,
                Some("a"),
                Some("2026-11-22T11:00:00Z"),
            ),
            job(
                "verification",
                "317",
                FailedStatus::Undetermined,
                Some("b"),
                Some("2026-11-22T06:00:00Z"),
            ),
            job(
                "job",
                "job.malformed",
                FailedStatus::InvalidJob,
                None,
                Some("2026-11-20T12:00:00Z"),
            ),
            job(
                "broker",
                "delivery_limit",
                FailedStatus::Unknown,
                Some("c"),
                None,
            ),
        ];
        for (arguments, expected) in [
            ("", &[0, 1, 2, 3][..]),
            ("--stage verification", &[0, 1]),
            ("--stage verification --stage broker", &[0, 1, 3]),
            ("--code 316", &[0]),
            ("--code 316 --code 317", &[0, 1]),
            ("--code 31", &[]),
            ("--status invalid_job", &[2]),
            ("--status unknown --status undetermined", &[0, 1, 3]),
            ("--job-id c --job-id a", &[0, 3]),
            ("--job-id c --code 316", &[]),
            ("--older-than 2h", &[1, 2]),
            ("--older-than 1h", &[1, 2]),
            ("--newer-than 1d", &[0, 1]),
            ("--newer-than 3w", &[0, 1, 2]),
            ("--older-than 2h --newer-than 1d", &[1]),
        ] {
            let filter = filter(arguments).unwrap();
            let now = NOW.parse().unwrap();
            let found: Vec<usize> = (0..jobs.len())
                .filter(|index| filter.matches(&jobs[*index], now))
                .collect();
            assert_eq!(found, expected, "{arguments}");
        }
    }

    #[test]
    fn the_limit_counts_what_was_found() {
        let (none, two) = (filter("").unwrap(), filter("--limit 2").unwrap());
        assert_eq!(
            [0, 1, 2, 3].map(|found| two.is_satisfied_by(found)),
            [false, false, true, true]
        );
        assert!(!none.is_satisfied_by(u32::MAX));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let wrong = [
            "--older-than soon",
            "--older-than -1h",
            "--newer-than 2months",
            "--limit 0",
            "--stage verfication",
            "--status paid",
        ];
        for arguments in wrong {
            assert!(filter(arguments).is_err(), "{arguments}");
        }
    }
}
