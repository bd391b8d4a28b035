//! Failures in a row that are no single job's fault: then the stage is paused, whatever the rules
//! say about one of them.
//!
//! Which answers count towards which row, and how long a row is, stands in the table.

use super::Stage;
use super::meaning::Meaning;
use super::streak::{Streak, StreakRule, StreakRules};
use crate::domain::account::AccountName;
use crate::domain::failure::Failure;
use crate::domain::scope::Province;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The failures in a row that one worker has met with, by account and row.
#[derive(Clone, Debug, Default)]
pub struct Streaks(BTreeMap<(AccountName, Streak), Row>);

/// Bounded: the list of what was counted ends with the streak.
#[derive(Clone, Debug, Default)]
struct Row {
    /// The number of calls, where each call counts.
    calls: u32,
    /// The images, keys or provinces with their times, where only different ones count.
    subjects: Vec<(String, Timestamp)>,
    /// The code that all of the row have in common.
    code: String,
}

/// The subject of a call, as far as it shows what its failure speaks of.
#[derive(Clone, Debug, Default)]
pub struct Subject<'a> {
    /// The image, or the key of the store.
    pub name: &'a str,
    pub province: Option<&'a Province>,
    /// The address that was read is the job's own: a URL, or a bucket other than the default one.
    /// Its failure says nothing about us.
    pub is_brought: bool,
    /// The image's bytes were sent, not its address.
    pub is_inline: bool,
}

impl Streaks {
    /// A good answer ends what was in a row. What has to come within a time was never in a row.
    pub fn answered(&mut self, account: AccountName) {
        self.end_rows(account, |_| true);
    }

    /// A failure about this subject. Is it one too many?
    pub fn failed(
        &mut self,
        rules: &StreakRules,
        account: AccountName,
        failure: &Failure,
        meaning: Meaning,
        subject: &Subject<'_>,
        now: Timestamp,
    ) -> Option<Streak> {
        let stage = failure.stage;
        let is_outage = meaning.streak == Some(Streak::Outage);
        if subject.is_brought {
            // Nothing was sent, whatever it was to be about: that is our network.
            if is_outage && meaning.may_be_our_network && stage != Stage::Storage {
                return self.count(rules, account, Streak::Outage, failure, subject, now);
            }
            // The other side is there. Of another bucket's store not even that is known.
            if !is_outage && stage != Stage::Storage {
                self.end_rows(account, |streak| streak == Streak::Outage);
            }
            return None;
        }
        // An outage is no answer, so that it ends no other row.
        if !is_outage {
            self.end_rows(account, |streak| Some(streak) != meaning.streak);
        }
        // What was fetched by the provider itself may be the address's fault: it neither counts nor
        // ends the row.
        let streak = meaning
            .streak
            .filter(|streak| *streak != Streak::Refused || subject.is_inline)?;
        self.count(rules, account, streak, failure, subject, now)
    }

    fn end_rows(&mut self, account: AccountName, which: impl Fn(Streak) -> bool) {
        self.0.retain(|(of, streak), _| {
            *of != account || *streak == Streak::Identity || !which(*streak)
        });
    }

    /// One more in the row. Is it long enough?
    fn count(
        &mut self,
        rules: &StreakRules,
        account: AccountName,
        streak: Streak,
        failure: &Failure,
        subject: &Subject<'_>,
        now: Timestamp,
    ) -> Option<Streak> {
        let rule = rules.get(&streak)?;
        let row = self.0.entry((account, streak)).or_default();
        let subject = match streak {
            Streak::Outage | Streak::Malformed => None,
            Streak::Identity => Some(subject.province?.name()),
            Streak::Unlisted => {
                if row.code != failure.code {
                    row.code.clone_from(&failure.code);
                    row.subjects.clear();
                }
                Some(subject.name)
            }
            Streak::Refused
            | Streak::Forbidden
            | Streak::Unproven
            | Streak::Network
            | Streak::Checkpoints => Some(subject.name),
        };
        let length = match subject {
            None => {
                row.calls = row.calls.saturating_add(1);
                row.calls
            }
            Some(subject) => row.add(subject, rule, now),
        };
        (length >= rule.in_a_row).then_some(streak)
    }
}

impl Row {
    /// How many different ones there are, with this one.
    fn add(&mut self, subject: &str, rule: &StreakRule, now: Timestamp) -> u32 {
        if let Some(within) = rule.within {
            self.subjects
                .retain(|(known, time)| known != subject && now.duration_since(*time) <= within);
        }
        let is_full = rule.within.is_none() && self.length() >= rule.in_a_row;
        if !is_full && !self.subjects.iter().any(|(known, _)| known == subject) {
            self.subjects.push((subject.to_owned(), now));
        }
        self.length()
    }

    fn length(&self) -> u32 {
        u32::try_from(self.subjects.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
