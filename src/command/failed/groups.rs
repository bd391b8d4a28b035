//! The copies in the failed queue, counted by stage, code, status and age.

use super::reason::{FailedStatus, Reason};
use crate::command::ages::Ages;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Groups {
    /// The time that ages are counted from.
    pub(super) now: Timestamp,
    by_kind: BTreeMap<(String, String, FailedStatus), FailureGroup>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct FailureGroup {
    pub(super) stage: String,
    pub(super) code: String,
    pub(super) status: FailedStatus,
    pub(super) count: u32,
    /// The times of the first and the last failure, as far as they are known.
    pub(super) oldest: Option<Timestamp>,
    pub(super) newest: Option<Timestamp>,
    pub(super) ages: Ages,
}

impl Groups {
    pub(super) fn at(now: Timestamp) -> Self {
        Self {
            now,
            by_kind: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, reason: &Reason) {
        let key = (reason.stage.clone(), reason.code.clone(), reason.status);
        let group = self.by_kind.entry(key).or_insert_with(|| FailureGroup {
            stage: reason.stage.clone(),
            code: reason.code.clone(),
            status: reason.status,
            count: 0,
            oldest: None,
            newest: None,
            ages: Ages::default(),
        });
        group.count = group.count.saturating_add(1);
        group.oldest = group.oldest.into_iter().chain(reason.at).min();
        group.newest = group.newest.max(reason.at);
        group.ages.add(reason.at, self.now);
    }

    pub(super) fn total(&self) -> u32 {
        self.by_kind
            .values()
            .fold(0, |sum, group| sum.saturating_add(group.count))
    }

    pub(super) fn ages(&self) -> Ages {
        self.by_kind
            .values()
            .fold(Ages::default(), |sum, group| sum.and(group.ages))
    }

    pub(super) fn largest_first(&self) -> Vec<&FailureGroup> {
        let mut groups: Vec<&FailureGroup> = self.by_kind.values().collect();
        // Stable: equal ones stay in the order of stage and code.
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(stage: &str, code: &str, status: FailedStatus, at: Option<i64>) -> Reason {
        let at = at.map(|second| Timestamp::from_second(second).unwrap());
        Reason {
            status,
            stage: stage.into(),
            code: code.into(),
            message: String::new(),
            effort: None,
            at,
        }
    }

    #[test]
    fn stage_code_and_status_make_a_group_and_the_largest_comes_first() {
        let mut groups = Groups::at(Timestamp::UNIX_EPOCH);
        for (stage, code, status, at) in [
            ("verification", "316", FailedStatus::Undetermined, Some(5)),
            ("broker", "delivery_limit", FailedStatus::Unknown, None),
            ("verification", "316", FailedStatus::Undetermined, None),
            ("verification", "316", FailedStatus::Undetermined, Some(3)),
            ("verification", "316", FailedStatus::InvalidJob, Some(9)),
            ("verification", "316", FailedStatus::Undetermined, Some(4)),
        ] {
            groups.add(&reason(stage, code, status, at));
        }
        let second = |group: Option<Timestamp>| group.map(Timestamp::as_second);
        let found: Vec<_> = groups
            .largest_first()
            .into_iter()
            .map(|group| {
                (
                    group.stage.as_str(),
                    group.status,
                    group.count,
                    second(group.oldest),
                    second(group.newest),
                )
            })
            .collect();
        let expected = [
            (
                "verification",
                FailedStatus::Undetermined,
                4,
                Some(3),
                Some(5),
            ),
            ("broker", FailedStatus::Unknown, 1, None, None),
            (
                "verification",
                FailedStatus::InvalidJob,
                1,
                Some(9),
                Some(9),
            ),
        ];
        assert_eq!(found, expected);
        assert_eq!(groups.total(), 6);
    }
}
