//! The copies that a replay or a drop is about: found by one pass through the queue, recognised by
//! the next.
//!
//! So a job that fails again while the queue is being replayed is not replayed again: it is another
//! copy.

use super::groups::Groups;
use super::job::FailedJob;
use jiff::Timestamp;
use std::collections::HashMap;

#[derive(Debug)]
pub(super) struct Plan {
    /// How many copies there are of each mark: a worker that was killed in between may have left two
    /// of one failure.
    open: HashMap<String, u32>,
    left: u32,
    /// Copies past their own deadline.
    pub(super) late: u32,
    pub(super) groups: Groups,
}

impl Plan {
    pub(super) fn at(now: Timestamp) -> Self {
        Self {
            open: HashMap::new(),
            left: 0,
            late: 0,
            groups: Groups::at(now),
        }
    }

    pub(super) fn add(&mut self, job: &FailedJob) {
        *self.open.entry(job.mark()).or_default() += 1;
        self.left += 1;
        self.late += u32::from(job.is_late(self.groups.now));
        self.groups.add(&job.reason);
    }

    pub(super) fn wants(&self, mark: &str) -> bool {
        self.open.contains_key(mark)
    }

    pub(super) fn done(&mut self, mark: &str) {
        let Some(copies) = self.open.get_mut(mark) else {
            return;
        };
        *copies -= 1;
        if *copies == 0 {
            self.open.remove(mark);
        }
        self.left -= 1;
    }

    pub(super) fn left(&self) -> u32 {
        self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{Message, Properties};

    #[test]
    fn each_copy_is_wanted_as_often_as_it_was_found() {
        let job = |body: &'static str| {
            FailedJob::of(&Message {
                body: body.into(),
                properties: Properties::default(),
            })
        };
        let (twice, once, never) = (job("a"), job("b"), job("c"));
        let mut plan = Plan::at(Timestamp::UNIX_EPOCH);
        for job in [&twice, &once, &twice] {
            plan.add(job);
        }
        assert_eq!((plan.left(), plan.groups.total()), (3, 3));
        plan.done(&never.mark());
        plan.done(&twice.mark());
        assert!(
            plan.wants(&twice.mark()) && plan.wants(&once.mark()) && !plan.wants(&never.mark())
        );
        plan.done(&twice.mark());
        assert!(!plan.wants(&twice.mark()));
        plan.done(&twice.mark());
        assert_eq!(plan.left(), 1);
    }
}
