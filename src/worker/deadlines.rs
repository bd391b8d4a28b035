//! The deadlines of the jobs in hand: the nearest one is a metric.

use crate::telemetry::metric;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How many jobs in hand have each deadline.
#[derive(Debug, Default)]
pub(super) struct Deadlines(Mutex<BTreeMap<Timestamp, usize>>);

/// One job's deadline, which counts until this is dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct HeldDeadline<'a> {
    deadlines: &'a Deadlines,
    deadline: Timestamp,
}

impl Deadlines {
    pub(super) fn hold(&self, deadline: Timestamp) -> HeldDeadline<'_> {
        self.change(|held| *held.entry(deadline).or_insert(0) += 1);
        HeldDeadline {
            deadlines: self,
            deadline,
        }
    }

    /// Returns the nearest deadline after the change, and tells the metric.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<Timestamp, usize>)) -> Option<Timestamp> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut held);
        let nearest = held.keys().next().copied();
        metric::nearest_deadline(nearest);
        nearest
    }
}

impl Drop for HeldDeadline<'_> {
    fn drop(&mut self) {
        let deadline = self.deadline;
        self.deadlines.change(|held| {
            let jobs = held.remove(&deadline).unwrap_or(0);
            if jobs > 1 {
                held.insert(deadline, jobs - 1);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_deadline_is_that_of_a_job_that_is_still_in_hand() {
        let deadlines = Deadlines::default();
        let nearest = || deadlines.change(|_| ());
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(nearest(), None);
        let (late, soon, too) = (
            deadlines.hold(at(900)),
            deadlines.hold(at(100)),
            deadlines.hold(at(100)),
        );
        assert_eq!(nearest(), Some(at(100)));
        drop(soon);
        assert_eq!(nearest(), Some(at(100)), "another job has the same one");
        drop(too);
        assert_eq!(nearest(), Some(at(900)));
        drop(late);
        assert_eq!(nearest(), None);
    }
}
