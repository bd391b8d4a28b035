//! The options that select copies: the same for all four commands.

use super::job::FailedJob;
use super::reason::FailedStatus;
use crate::command::queue_filter::{QueueFilter, is_among};
use clap::Args;
use jiff::Timestamp;

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
    #[command(flatten)]
    pub(super) copies: QueueFilter,
}

impl Filter {
    /// Selects these jobs as well.
    pub(super) fn or_named(mut self, job_ids: Vec<String>) -> Self {
        self.copies.or_named(job_ids);
        self
    }

    pub(super) fn matches(&self, job: &FailedJob, now: Timestamp) -> bool {
        let reason = &job.reason;
        is_among(&self.stage, Some(&reason.stage))
            && is_among(&self.code, Some(&reason.code))
            && is_among(&self.status, Some(&reason.status))
            && self.copies.matches(job.job_id.as_ref(), reason.at, now)
    }
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
            queue: None,
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
            [0, 1, 2, 3].map(|found| two.copies.is_satisfied_by(found)),
            [false, false, true, true]
        );
        assert!(!none.copies.is_satisfied_by(u32::MAX));
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
