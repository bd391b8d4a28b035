//! The options that select results: the same for both commands.

use super::kept::KeptResult;
use crate::command::queue_filter::{QueueFilter, is_among};
use crate::domain::result::Status;
use clap::Args;
use jiff::Timestamp;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ResultFilter {
    /// For whom the job was: as it said, else its bucket. This, --status, --verdict, --reply-to and
    /// --job-id can be repeated
    #[arg(long)]
    submitter: Vec<String>,
    #[arg(long, value_parser = status, help = "completed, undetermined or invalid_job")]
    status: Vec<Status>,
    #[arg(long, help = "The verdict: genuine, not_found …")]
    verdict: Vec<String>,
    /// The reply queue that did not take it
    #[arg(long, value_name = "QUEUE")]
    reply_to: Vec<String>,
    #[command(flatten)]
    pub(super) copies: QueueFilter,
}

fn status(text: &str) -> Result<Status, &'static str> {
    [Status::Completed, Status::Undetermined, Status::InvalidJob]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or("one of completed, undetermined, invalid_job")
}

impl ResultFilter {
    /// Selects these jobs as well.
    pub(super) fn or_named(mut self, job_ids: Vec<String>) -> Self {
        self.copies.or_named(job_ids);
        self
    }

    pub(super) fn matches(&self, result: &KeptResult, now: Timestamp) -> bool {
        is_among(&self.submitter, result.submitter.as_ref())
            && is_among(&self.verdict, result.verdict.as_ref())
            && is_among(&self.reply_to, result.reply_to.as_ref())
            && (self.status.is_empty()
                || self
                    .status
                    .iter()
                    .any(|status| status.as_str() == result.status))
            && self
                .copies
                .matches(result.job_id.as_ref(), result.finished, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, FromArgMatches, Parser};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filter: ResultFilter,
    }

    fn filter(arguments: &str) -> Result<ResultFilter, clap::Error> {
        let words = std::iter::once("results").chain(arguments.split_whitespace());
        let matches = Line::command().try_get_matches_from(words)?;
        Ok(Line::from_arg_matches(&matches)?.filter)
    }

    fn result(
        job_id: Option<&str>,
        status: &str,
        verdict: Option<&str>,
        submitter: &str,
        finished: Option<&str>,
    ) -> KeptResult {
        KeptResult {
            job_id: job_id.map(str::to_owned),
            status: status.into(),
            outcome: String::new(),
            verdict: verdict.map(str::to_owned),
            submitter: Some(submitter.into()),
            reply_to: job_id.map(|job_id| format!("replies.{job_id}")),
            finished: finished.map(|at| at.parse().unwrap()),
        }
    }

    #[test]
    fn every_condition_has_to_hold_and_a_repeated_one_is_a_choice() {
        let (early, late) = (Some("2026-11-20T12:00:00Z"), Some("2026-11-22T11:00:00Z"));
        let results = [
            result(Some("a"), "completed", Some("genuine"), "north", late),
            result(Some("b"), "completed", Some("not_found"), "south", early),
            result(Some("c"), "undetermined", None, "north", None),
            result(None, "invalid_job", None, "south", late),
        ];
        for (arguments, expected) in [
            ("", &[0, 1, 2, 3][..]),
            ("--job-id a --job-id c", &[0, 2]),
            ("--submitter north", &[0, 2]),
            ("--submitter north --submitter south", &[0, 1, 2, 3]),
            ("--submitter north --status completed", &[0]),
            ("--status undetermined --status invalid_job", &[2, 3]),
            ("--verdict not_found", &[1]),
            ("--reply-to replies.b", &[1]),
            ("--older-than 1d", &[1]),
            ("--newer-than 1d", &[0, 3]),
            ("--newer-than 1d --submitter north", &[0]),
            ("--verdict forged", &[]),
        ] {
            let filter = filter(arguments).unwrap();
            let now = "2026-11-22T12:00:00Z".parse().unwrap();
            let found: Vec<usize> = (0..results.len())
                .filter(|index| filter.matches(&results[*index], now))
                .collect();
            assert_eq!(found, expected, "{arguments}");
        }
        for arguments in ["--status paid", "--older-than soon", "--limit 0"] {
            assert!(filter(arguments).is_err(), "{arguments}");
        }
    }
}
