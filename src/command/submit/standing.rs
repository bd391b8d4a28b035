//! How far the submission is: which jobs are submitted, which are answered, and how they ended.

use super::journal::JournalEntry;
use crate::domain::result::Status;
use std::collections::HashMap;

/// How far one job is. Each step includes the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JobStanding {
    Planned,
    Submitted,
    Answered(Status),
}

/// Every job of the command line, by the id of its message.
#[derive(Debug, Default)]
pub(super) struct Standings {
    jobs: HashMap<String, JobStanding>,
    pub(super) submitted: usize,
    pub(super) answered: usize,
    pub(super) completed: usize,
}

impl Standings {
    pub(super) fn plan(&mut self, message_id: String) {
        self.jobs.entry(message_id).or_insert(JobStanding::Planned);
    }

    pub(super) fn planned(&self) -> usize {
        self.jobs.len()
    }

    /// Whether it is the first answer to a job of the command line.
    pub(super) fn is_unanswered(&self, message_id: &str) -> bool {
        matches!(
            self.jobs.get(message_id),
            Some(JobStanding::Planned | JobStanding::Submitted)
        )
    }

    pub(super) fn is_submitted(&self, message_id: &str) -> bool {
        !matches!(self.jobs.get(message_id), None | Some(JobStanding::Planned))
    }

    /// Takes up what happened to a job, and returns whether that is news. What is no longer on the
    /// command line is none.
    pub(super) fn record(&mut self, entry: &JournalEntry) -> bool {
        let (message_id, next) = match entry {
            JournalEntry::Submitted(id) => (id, JobStanding::Submitted),
            JournalEntry::Answered(id, status) => (id, JobStanding::Answered(*status)),
        };
        let Some(standing) = self.jobs.get_mut(message_id) else {
            return false;
        };
        let is_news = match (*standing, next) {
            (JobStanding::Planned, _) => {
                self.submitted += 1;
                true
            }
            (JobStanding::Submitted, JobStanding::Answered(_)) => true,
            (JobStanding::Submitted | JobStanding::Answered(_), _) => false,
        };
        if is_news {
            *standing = next;
            if let JobStanding::Answered(status) = next {
                self.answered += 1;
                self.completed += usize::from(status == Status::Completed);
            }
        }
        is_news
    }

    pub(super) fn is_all_submitted(&self) -> bool {
        self.submitted == self.planned()
    }

    pub(super) fn is_all_answered(&self) -> bool {
        self.answered == self.planned()
    }

    pub(super) fn is_all_completed(&self) -> bool {
        self.completed == self.planned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use JournalEntry::{Answered, Submitted};

    #[test]
    fn each_job_counts_once_whatever_is_told_again() {
        let mut standings = Standings::default();
        for id in ["a", "b", "c"] {
            standings.plan(id.to_owned());
        }
        for (entry, is_news, counts) in [
            (Submitted("a".into()), true, (1, 0, 0)),
            (Submitted("a".into()), false, (1, 0, 0)),
            (Submitted("x".into()), false, (1, 0, 0)),
            (Answered("a".into(), Status::Completed), true, (1, 1, 1)),
            (Answered("a".into(), Status::Completed), false, (1, 1, 1)),
            // The answer can be faster than the confirm.
            (Answered("b".into(), Status::Undetermined), true, (2, 2, 1)),
            (Submitted("b".into()), false, (2, 2, 1)),
            (Answered("c".into(), Status::InvalidJob), true, (3, 3, 1)),
        ] {
            assert_eq!(standings.record(&entry), is_news, "{entry:?}");
            let found = (standings.submitted, standings.answered, standings.completed);
            assert_eq!(found, counts, "{entry:?}");
        }
        assert!(standings.is_all_submitted() && standings.is_all_answered());
        assert!(!standings.is_all_completed());
        assert!(!standings.is_unanswered("x") && !standings.is_submitted("x"));
    }
}
