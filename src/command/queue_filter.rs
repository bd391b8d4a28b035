//! The options that every command over a queue of copies has: jobs by name, by age, and how many.

use super::ages::parse_age;
use clap::Args;
use jiff::{SignedDuration, Timestamp};

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct QueueFilter {
    /// The job's id, the whole of it
    #[arg(long)]
    job_id: Vec<String>,
    /// Ended longer ago than this: 2h, 1d, 1d12h
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    older_than: Option<SignedDuration>,
    /// Ended since then
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    newer_than: Option<SignedDuration>,
    /// At most so many, those first that were first in the queue
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

impl QueueFilter {
    /// Selects these jobs as well.
    pub(super) fn or_named(&mut self, job_ids: Vec<String>) {
        self.job_id.extend(job_ids);
    }

    /// True where the jobs are named one by one, which is consent to what is done with them.
    pub(super) fn names_jobs(&self) -> bool {
        !self.job_id.is_empty()
    }

    /// Whether a copy of this job, which ended at this time, is meant. A copy of unknown age is
    /// neither older nor newer than anything.
    pub(super) fn matches(
        &self,
        job_id: Option<&String>,
        ended: Option<Timestamp>,
        now: Timestamp,
    ) -> bool {
        let age = ended.map(|at| now.duration_since(at));
        is_among(&self.job_id, job_id)
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

/// Whether this is one of those that are wanted; without any, all are.
pub(super) fn is_among<T: PartialEq>(wanted: &[T], is: Option<&T>) -> bool {
    wanted.is_empty() || is.is_some_and(|is| wanted.contains(is))
}
