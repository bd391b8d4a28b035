//! What the policy says where no failure is decided: reasons, meanings, probes and labels.

use super::code_labels::{CodeLabel, code_labels};
use super::meaning::Meaning;
use super::probes::ProbeSchedule;
use super::streak::{Streak, StreakRules};
use super::{Policy, PolicyDecision, Rule, Step};
use crate::domain::account::AccountId;
use crate::domain::failure::{Billed, Failure, Stage};
use crate::domain::registry_words::RegistryWords;
use jiff::SignedDuration;
use std::sync::Arc;

/// A day that has an hour more, and some of the next one, over which returns are spread.
const NEXT_DAY: SignedDuration = SignedDuration::from_hours(27);

impl Policy {
    /// In the order in which they are tried.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Every code that is named, once for each stage.
    pub fn code_labels(&self) -> Vec<CodeLabel<'_>> {
        code_labels(&self.rules)
    }

    /// The words in which the registry says what has happened to a bill.
    pub fn registry_words(&self) -> &Arc<RegistryWords> {
        &self.registry_words
    }

    /// Why it was decided so, in the policy's words.
    pub fn reason_of(&self, decided: &PolicyDecision) -> &str {
        match decided.streak {
            Some(streak) => self.streak_reason(streak),
            None => self.reason(&decided.rule).unwrap_or_default(),
        }
    }

    /// The answer's meaning, as far as the failure alone tells which rule is about it.
    pub fn meaning(&self, failure: &Failure) -> Meaning {
        self.rule_about(failure)
            .map_or_else(Meaning::default, |rule| {
                rule.meaning(&failure.code, failure.http_status)
            })
    }

    /// The rows of failures that are counted.
    pub fn streaks(&self) -> &Arc<StreakRules> {
        &self.streaks
    }

    /// Why a stage is paused for this, for people.
    pub fn streak_reason(&self, streak: Streak) -> &str {
        match streak {
            Streak::Unproven => {
                "the stage has never worked in this process, and the answer may be about this worker's own configuration"
            }
            Streak::Checkpoints => "checkpoints cannot be read and written",
            Streak::Network => "this worker does not reach the other side; other workers may",
            counted => self
                .streaks
                .get(&counted)
                .map_or("", |rule| rule.reason.as_str()),
        }
    }

    /// When a stage that is paused, and answers so to its probe, is probed again.
    pub fn probes(&self, failure: &Failure) -> ProbeSchedule {
        let usual = ProbeSchedule::default();
        let Some(rule) = self.rule_about(failure) else {
            return usual;
        };
        let (code, status) = (&failure.code, failure.http_status);
        ProbeSchedule {
            waits: rule
                .first(code, status, |entry| entry.probes.clone())
                .unwrap_or(usual.waits),
            next_day: rule
                .first(code, status, |entry| entry.probe_next_day)
                .unwrap_or(usual.next_day),
        }
    }

    /// The first rule that is about this answer, as far as the answer alone tells.
    pub fn rule_about(&self, failure: &Failure) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.may_apply(failure))
    }

    /// Whether an answer with this code to a call with the account is paid for, where no failure
    /// was decided: the success codes.
    pub fn billed(&self, account: AccountId, code: &str) -> Billed {
        let answer = Failure::new(account.stage, code, "").of_vendor(account.vendor);
        self.rule_about(&answer)
            .map_or(Billed::Unknown, |rule| rule.billed.of(None))
    }

    /// Whether a failed call is paid for, as far as its answer alone tells.
    pub fn billed_failure(&self, failure: &Failure) -> Billed {
        self.rule_about(failure)
            .map_or(Billed::Unknown, |rule| rule.billed.of(failure.http_status))
    }

    /// Why the rule of this id is as it is.
    pub fn reason(&self, rule: &str) -> Option<&str> {
        self.rules
            .iter()
            .find(|known| known.id == rule)
            .map(|known| known.reason.as_str())
    }

    /// The code as a metric label: a name of our own or one that the policy knows, else `other`, so
    /// that strangers cannot grow the metrics.
    pub fn label<'a>(&self, stage: Stage, code: &'a str) -> &'a str {
        match stage {
            Stage::Job | Stage::Image | Stage::Worker => code,
            Stage::Storage | Stage::Recognition | Stage::Verification
                if self.names(stage, code) =>
            {
                code
            }
            Stage::Storage | Stage::Recognition | Stage::Verification => "other",
        }
    }

    /// No worker closes a scope for longer. What another worker tells is bounded by it.
    pub fn longest_wait(&self) -> SignedDuration {
        let waits = self
            .rules
            .iter()
            .flat_map(|rule| &rule.steps)
            .map(|step| match step {
                Step::Park { delays, .. } => {
                    delays.iter().max().map_or(SignedDuration::ZERO, |delay| {
                        SignedDuration::try_from(*delay).unwrap_or(SignedDuration::MAX)
                    })
                }
                Step::NextDay { .. } => NEXT_DAY,
                Step::Continue
                | Step::Verdict(_)
                | Step::Fail { .. }
                | Step::Retry { .. }
                | Step::Rotate
                | Step::Throttle
                | Step::Resign
                | Step::Inline
                | Step::Pause => SignedDuration::ZERO,
            });
        waits.max().unwrap_or(SignedDuration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_for_the_next_day_is_the_builtin_policys_longest_and_an_override_may_be_longer() {
        assert_eq!(Policy::builtin().longest_wait(), NEXT_DAY);
        let rule = "[[rule]]\nstage = \"verification\"\ncode = [\"316\"]\ndo = [{ action = \"park\", delays = [\"1h\", \"40h\"], attempts = 3 }, \
                    { action = \"fail\" }]\nscope = \"province\"\nbilled = \"yes\"\nreason = \"longer\"\n";
        assert_eq!(
            Policy::with_overrides(rule, "the test's rules")
                .unwrap()
                .longest_wait(),
            SignedDuration::from_hours(40)
        );
    }
}
