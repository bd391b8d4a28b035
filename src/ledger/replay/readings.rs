//! Facts about an answer that the rules ask for and the ledger does not have: whether the QR code was found,
//! how old the bill is, the HTTP status, what other jobs met with. Each combination is a reading of
//! the answer; what followed shows which of them may be true.

use super::fits::DecisionRange;
use crate::domain::failure::{Failure, Stage};
use crate::domain::progress::Progress;
use crate::policy::{
    Decision, Facts, Occurrence, Others, Policy, PolicyDecision, ScopeKind, Streak, Transfer,
    UNPROVEN,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::borrow::Cow;

/// More failures than these under a closed scope make no difference: no rule has more waits of
/// different length.
const MOST_FAILURES: u32 = 8;
/// A job that paused its stage so often may be the cause of it.
const PAUSES_OF_A_JOB: usize = 3;

/// One way in which an answer can have come.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AnswerReading {
    pub(super) failure: Failure,
    transfer: Transfer,
    /// The job brought a URL, whose bytes are never sent.
    is_own_url: bool,
    /// The bill's age in days; `None` where it is not known, or no rule asks.
    age_days: Option<i64>,
    /// How often a call failed under each closed scope before this one.
    failures: u32,
    job: HiddenState,
}

/// A fact about the job that the ledger does not show.
#[derive(Clone, Copy, Debug, PartialEq)]
enum HiddenState {
    /// It shows everything that matters.
    Nothing,
    /// The image was known to lie on its side.
    Turned,
    /// The job had paused its stage too often.
    Cause,
    /// The next call had to wait for the rate, or as long as the provider asked for.
    HeldUp,
    /// The job's own deadline came earlier than the ledger shows.
    Hurried(Timestamp),
}

/// The steps that a job has taken under one policy.
#[derive(Clone, Debug)]
pub(super) struct PolicyTrack<'a> {
    pub(super) policy: &'a Policy,
    progress: Progress,
    is_inline: bool,
}

/// The moment of a decision.
#[derive(Clone, Debug)]
pub(super) struct DecisionTime<'a> {
    pub(super) now: Timestamp,
    pub(super) deadline: Timestamp,
    pub(super) timezone: &'a TimeZone,
    /// The failure was one too many in a row.
    pub(super) streak: Option<Streak>,
}

impl AnswerReading {
    /// Every way in which this code can come that the rules of these policies ask about.
    pub(super) fn all(
        policies: &[&Policy],
        stage: Stage,
        code: &str,
        at: &DecisionTime<'_>,
    ) -> Vec<Self> {
        let facts = at.facts(None, Transfer::Inline, 0, 0.5);
        let mut readings: Vec<Self> = Vec::new();
        for Occurrence { failure, facts, .. } in Occurrence::all(policies, stage, code, &facts) {
            let is_by_url = facts.transfer == Transfer::Url;
            let date = facts.billing_date;
            let age = date.map(|date| at.today().since(date).map_or(0, |age| age.get_days()));
            for is_own_url in if is_by_url {
                &[false, true][..]
            } else {
                &[false]
            } {
                let reading = Self {
                    failure: failure.clone(),
                    transfer: facts.transfer,
                    is_own_url: *is_own_url,
                    age_days: age.map(i64::from),
                    failures: 0,
                    job: HiddenState::Nothing,
                };
                if !readings.contains(&reading) {
                    readings.push(reading);
                }
            }
        }
        readings
    }

    /// This reading, where its rule closes a scope, with each number of failures under it.
    pub(super) fn with_failures(&self, is_scoped: bool) -> impl Iterator<Item = Self> {
        let most = if is_scoped { MOST_FAILURES } else { 0 };
        (0..=most).map(|failures| Self {
            failures,
            ..self.clone()
        })
    }

    /// The same answer to a job of which the ledger does not show everything. `decided` is what
    /// follows from the answer alone.
    pub(super) fn of_hidden_state(&self, decided: &Decision, now: Timestamp) -> Vec<Self> {
        let before = match decided {
            Decision::Park { until } => until.checked_sub(SignedDuration::from_millis(1)).ok(),
            Decision::Retry { wait } => now.checked_add(*wait / 2).ok(),
            _ => None,
        };
        let hurried = [Some(now), before].into_iter().flatten();
        let states = [HiddenState::HeldUp, HiddenState::Turned, HiddenState::Cause];
        let states = states.into_iter().chain(hurried.map(HiddenState::Hurried));
        let of_state = |job| Self {
            job,
            ..self.clone()
        };
        states.map(of_state).collect()
    }

    /// Whether recognition succeeded and read nothing.
    pub(super) fn is_nothing_read(&self) -> bool {
        self.failure.nothing_read
    }
}

impl<'a> PolicyTrack<'a> {
    /// A job that has taken no step. With `verification.auto_rotate` its one turned call is the
    /// first.
    pub(super) fn new(policy: &'a Policy, first_seen: Timestamp, auto_rotate: bool) -> Self {
        let mut progress = Progress::new(String::new(), first_seen);
        progress.steps.rotated_for = auto_rotate.then(String::new);
        Self {
            policy,
            progress,
            is_inline: false,
        }
    }

    /// Whether the next call of verification is made with `auto_rotate`.
    pub(super) fn is_turned(&self) -> bool {
        self.progress.steps.rotated_for.is_some()
    }

    /// Whether the answer can be read so after the steps that were taken.
    pub(super) fn allows(&self, reading: &AnswerReading) -> bool {
        !self.is_inline || reading.transfer == Transfer::Inline
    }

    /// Asks the policy, as the worker does. `spread` is what chance drew, from 0 to 1.
    pub(super) fn decide(
        &self,
        reading: &AnswerReading,
        at: &DecisionTime<'_>,
        spread: f64,
    ) -> PolicyDecision {
        let mut progress = Cow::Borrowed(&self.progress);
        if reading.job == HiddenState::Turned && progress.steps.rotated_for.is_none() {
            progress.to_mut().steps.rotated_for = Some("another code".to_owned());
        }
        if reading.job == HiddenState::Cause {
            for _ in 0..PAUSES_OF_A_JOB {
                let stage = reading.failure.stage;
                progress.to_mut().paused(stage, at.now, Some(at.now));
            }
        }
        let facts = at.facts(Some(reading), reading.transfer, reading.failures, spread);
        loop {
            let decided = self.policy.decide(&reading.failure, &progress, &facts);
            if decided.decision != Decision::Inline || !reading.is_own_url {
                return decided;
            }
            progress.to_mut().charge(&decided.rule, decided.step);
        }
    }

    /// The decision about this reading, as chance may draw it.
    pub(super) fn range(&self, reading: &AnswerReading, at: &DecisionTime<'_>) -> DecisionRange {
        let decide = |spread| self.decide(reading, at, spread).decision;
        DecisionRange {
            now: at.now,
            shortest: decide(0.0),
            longest: decide(1.0),
            deadline: at.deadline,
            is_held_up: reading.job == HiddenState::HeldUp,
        }
    }

    /// Takes the step, and charges it as the worker does. There is a decision for each reading that
    /// may be true: each rule keeps its own count.
    pub(super) fn take(&mut self, decided: &[PolicyDecision], code: &str) {
        let mut charged: Vec<(&str, usize)> = Vec::new();
        for decision in decided {
            let step = (decision.rule.as_str(), decision.step);
            if decision.decision.is_charged() && !charged.contains(&step) {
                self.progress.charge(step.0, step.1);
                charged.push(step);
            }
        }
        let Some(decided) = decided.first() else {
            return;
        };
        if decided.streak == Some(Streak::Unproven) {
            self.progress.charge(UNPROVEN, 0);
        }
        match decided.decision {
            Decision::Rotate => self.progress.steps.rotated_for = Some(code.to_owned()),
            Decision::Inline => self.is_inline = true,
            _ => {}
        }
    }
}

impl DecisionTime<'_> {
    fn today(&self) -> jiff::civil::Date {
        self.now.to_zoned(self.timezone.clone()).date()
    }

    fn facts(
        &self,
        reading: Option<&AnswerReading>,
        transfer: Transfer,
        failures: u32,
        spread: f64,
    ) -> Facts {
        let age = reading.and_then(|reading| reading.age_days);
        let deadline = match reading.map(|reading| reading.job) {
            Some(HiddenState::Hurried(deadline)) => deadline,
            _ => self.deadline,
        };
        let scopes = [ScopeKind::Province, ScopeKind::Bill, ScopeKind::Stage];
        Facts {
            now: self.now,
            deadline,
            timezone: self.timezone.clone(),
            billing_date: age.map(|age| self.today().saturating_sub(age.days())),
            transfer,
            spread,
            others: Others {
                streak: self.streak,
                failures: scopes.map(|scope| (scope, failures)).to_vec(),
                ..Others::default()
            },
        }
    }
}
