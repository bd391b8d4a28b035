//! Replays one run: the policy decides about each recorded answer, and as long as it asks for a call
//! that was made, that call's answer is the next one.

use super::codes::{KnownCode, ReplaySettings, TwoPolicies};
use super::fits::Followed;
use super::outcome::{ReplayEnd, RunReplay, UnknownReason};
use super::readings::{AnswerReading, DecisionTime, PolicyTrack};
use super::record::{RunCall, RunEntry, RunRecord};
use crate::domain::failure::Stage;
use crate::domain::result::Status;
use crate::policy::{Decision, Policy, PolicyDecision, ScopeKind};
use crate::waits;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Chance draws the middle where a wait is not the recorded one.
const MIDDLE: f64 = 0.5;

/// Replays runs under another policy than the one in force, or under that one.
#[derive(Debug)]
pub struct PolicyReplay(TwoPolicies);

impl PolicyReplay {
    /// `in_force` is what the recorded decisions are explained with, and `tried` is what decides.
    pub fn new(in_force: Policy, tried: Policy, settings: ReplaySettings) -> Self {
        Self(TwoPolicies::new(in_force, tried, settings))
    }

    /// Replays this run.
    pub fn replay<'a>(&self, run: &'a RunRecord) -> RunReplay<'a> {
        let entries = run.entries.iter().enumerate();
        let calls = entries.filter_map(|(place, entry)| Some((place, entry.as_call()?)));
        let track = |policy| PolicyTrack::new(policy, run.first_seen, self.0.settings.auto_rotate);
        let walk = RunWalk {
            policies: &self.0,
            run,
            calls: calls.collect(),
            lens: track(&self.0.in_force),
            tried: track(&self.0.tried),
            shift: SignedDuration::ZERO,
            unexplained: 0,
        };
        walk.walk()
    }
}

struct RunWalk<'r, 'a> {
    policies: &'r TwoPolicies,
    run: &'a RunRecord,
    /// The calls, each with its place among the entries.
    calls: Vec<(usize, &'a RunCall)>,
    /// The steps as they were taken, as far as the policy in force explains them.
    lens: PolicyTrack<'r>,
    tried: PolicyTrack<'r>,
    /// How much later than recorded everything happens.
    shift: SignedDuration,
    /// Answers after which the policy in force would have gone on in another way.
    unexplained: u32,
}

/// The sequel of a call.
enum AfterCall {
    Call(usize),
    End(ReplayEnd),
}

impl<'r, 'a> RunWalk<'r, 'a> {
    fn walk(mut self) -> RunReplay<'a> {
        let (mut made, mut next) = (Vec::new(), 0);
        let end = loop {
            let Some(followed) = self.followed(next) else {
                break self.recorded_end();
            };
            made.push(followed.call);
            match self.step(next, &followed) {
                AfterCall::Call(call) => next = call,
                AfterCall::End(end) => break end,
            }
        };
        // Calls of dead workers count as far as the run came.
        let is_cut = next + 1 < self.calls.len();
        let reached = made.last().filter(|_| is_cut).map(|last| last.ended());
        let lost = self.run.lost.iter();
        made.extend(lost.filter(|call| reached.is_none_or(|reached| call.at <= reached)));
        RunReplay {
            calls: made,
            end,
            unexplained: self.unexplained,
            held_up: self.held_up(),
        }
    }

    /// The waits that no answer of the run's own was the reason of.
    fn held_up(&self) -> usize {
        let waits = self.run.entries.len() - self.calls.len();
        let followed = (0..self.calls.len()).filter_map(|index| self.followed(index));
        waits
            - followed
                .filter(|followed| followed.own_wait().is_some())
                .count()
    }

    fn followed(&self, index: usize) -> Option<Followed<'a>> {
        let run = self.run;
        let (place, call) = *self.calls.get(index)?;
        let next = self.calls.get(index + 1);
        let until = next.map_or(run.entries.len(), |(place, _)| *place);
        Some(Followed {
            call,
            waits: &run.entries[place + 1..until],
            next: next.map(|(_, call)| *call),
            answer: run.answer.as_ref().filter(|_| next.is_none()),
        })
    }

    fn step(&mut self, index: usize, followed: &Followed<'a>) -> AfterCall {
        let code = self.policies.code(followed.call);
        if code.may_be_good && !self.is_nothing_read(followed) {
            return self.follow(index);
        }
        let recorded = self.time(index, followed);
        let readings = self.readings(followed, &code, &recorded);
        let now = self.later(recorded.now);
        let at = DecisionTime { now, ..recorded };
        let tried = readings
            .iter()
            .map(|reading| self.tried.decide(reading, &at, MIDDLE));
        let tried: Vec<PolicyDecision> = tried.collect();
        let fits = |reading: &AnswerReading| followed.fits(&self.tried.range(reading, &at));
        let fitting = readings.iter().filter(|reading| fits(reading)).count();
        let Some(decided) = tried.first() else {
            return self.follow(index);
        };
        if fitting == readings.len() {
            self.tried.take(&tried, &followed.call.code);
            self.follow(index)
        } else if fitting == 0 && tried.iter().all(|other| other.decision == decided.decision) {
            self.tried.take(&tried, &followed.call.code);
            self.instead(index, followed, &decided.decision, now)
        } else {
            self.unknown(followed.call.stage, UnknownReason::Facts)
        }
    }

    /// How the answer can be read, in the light of what followed it. Takes the step that was taken.
    fn readings(
        &mut self,
        followed: &Followed<'a>,
        code: &KnownCode,
        at: &DecisionTime<'_>,
    ) -> Vec<AnswerReading> {
        let nothing_read = self.is_nothing_read(followed);
        let (lens, tried) = (&self.lens, &self.tried);
        let known = code.readings.iter().filter(|reading| {
            let is_known = followed.call.stage != Stage::Recognition
                || !code.may_be_good
                || reading.is_nothing_read() == nothing_read;
            is_known && lens.allows(reading)
        });
        let is_scoped = |reading: &AnswerReading| {
            let decided = [lens, tried].map(|track| track.decide(reading, at, MIDDLE));
            decided
                .iter()
                .any(|decided| decided.scope != ScopeKind::None)
        };
        let told: Vec<AnswerReading> = known
            .flat_map(|reading| reading.with_failures(is_scoped(reading)))
            .collect();
        let hidden = || {
            let states = told.iter().flat_map(|reading| {
                let decided = lens.decide(reading, at, MIDDLE).decision;
                reading.of_hidden_state(&decided, at.now)
            });
            states.collect::<Vec<_>>()
        };
        let explained = |readings: Vec<AnswerReading>, says_why: bool| {
            let fits = |reading: &AnswerReading| {
                let own = followed.own_wait().filter(|_| says_why);
                let decided = lens.decide(reading, at, MIDDLE);
                followed.fits(&lens.range(reading, at))
                    && own.is_none_or(|own| *own.reason == *lens.policy.reason_of(&decided))
            };
            readings.into_iter().filter(fits).collect::<Vec<_>>()
        };
        let mut readings = explained(told.clone(), true);
        if readings.is_empty() {
            readings = explained(hidden(), true);
        }
        if readings.is_empty() {
            readings = explained(told.clone(), false);
        }
        if readings.is_empty() {
            self.unexplained += 1;
            return told;
        }
        let decided = readings
            .iter()
            .map(|reading| lens.decide(reading, at, MIDDLE));
        let decided: Vec<PolicyDecision> = decided.collect();
        self.lens.take(&decided, &followed.call.code);
        readings
    }

    /// Recognition's good code, which its rule says is no good answer.
    fn is_nothing_read(&self, followed: &Followed<'_>) -> bool {
        let call = followed.call;
        let answer = self.run.answer.as_ref();
        let error = answer.and_then(|answer| answer.error.as_ref());
        let is_error =
            error.is_some_and(|(stage, code)| *stage == call.stage && *code == call.code);
        let is_asked_again = followed.own_wait().is_some() || followed.same_again().is_some();
        call.stage == Stage::Recognition && (is_asked_again || is_error)
    }

    /// When the recorded answer was decided about, and the deadline as the next wait says it, or the
    /// last one before.
    fn time(&self, index: usize, followed: &Followed<'_>) -> DecisionTime<'r> {
        let (policies, run) = (self.policies, self.run);
        let deadline = |entry: &RunEntry| entry.as_wait().and_then(|wait| wait.deadline);
        let (before, after) = run.entries.split_at(self.calls[index].0);
        let told = after.iter().find_map(deadline);
        let told = told.or_else(|| before.iter().rev().find_map(deadline));
        let usual = || {
            run.first_seen
                .saturating_add(policies.settings.job_deadline)
        };
        let own = followed.own_wait();
        DecisionTime {
            now: followed.call.ended(),
            deadline: told.unwrap_or_else(|| usual().unwrap_or(Timestamp::MAX)),
            timezone: &policies.settings.timezone,
            streak: own.and_then(|own| policies.streak_of(&own.reason)),
        }
    }

    /// A moment of the record as it is in the replay.
    fn later(&self, at: Timestamp) -> Timestamp {
        at.saturating_add(self.shift).unwrap_or(Timestamp::MAX)
    }

    /// Everything goes on as it was recorded.
    fn follow(&self, index: usize) -> AfterCall {
        if index + 1 < self.calls.len() {
            AfterCall::Call(index + 1)
        } else {
            AfterCall::End(self.recorded_end())
        }
    }

    fn recorded_end(&self) -> ReplayEnd {
        let answer = self.run.answer.as_ref();
        answer.map_or(ReplayEnd::Waiting, |answer| {
            self.answered(answer.label(), self.later(answer.at))
        })
    }

    /// The policy decides otherwise, now.
    fn instead(
        &mut self,
        index: usize,
        followed: &Followed<'a>,
        decided: &Decision,
        now: Timestamp,
    ) -> AfterCall {
        let stage = followed.call.stage;
        let wait = match decided {
            Decision::Retry { wait } => signed(*wait),
            Decision::Park { until } => until.duration_since(now),
            Decision::Rotate | Decision::Resign | Decision::Inline => SignedDuration::ZERO,
            Decision::Throttle => signed(waits::throttled(MIDDLE)),
            Decision::Pause => return self.unknown(stage, UnknownReason::Pause),
            Decision::Continue | Decision::Verdict(None) => return self.follow(index),
            Decision::Fail { invalid_job: None } if stage == Stage::Recognition => {
                return self.without_recognition(index, followed, now);
            }
            Decision::Fail { invalid_job: None } => {
                return self.ends(failed(stage, &followed.call.code), now);
            }
            Decision::Fail {
                invalid_job: Some(code),
            } => {
                let status = Status::InvalidJob.as_str();
                return self.ends(format!("{status} {code}"), now);
            }
            Decision::Verdict(Some(verdict)) => {
                let status = Status::Completed.as_str();
                return self.ends(format!("{status} {}", verdict.as_str()), now);
            }
        };
        let late = followed.held_up(matches!(decided, Decision::Park { .. }));
        let at = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        self.ask_again(index, followed, at, late)
    }

    /// The policy asks for another call of the same stage, at this time.
    /// It is made so much later as something else held it up in the record.
    fn ask_again(
        &mut self,
        index: usize,
        followed: &Followed<'a>,
        at: Timestamp,
        late: SignedDuration,
    ) -> AfterCall {
        let stage = followed.call.stage;
        if let Some(next) = followed.same_again() {
            // The recorded answer is about a picture that lay in another way.
            if stage == Stage::Verification && self.tried.is_turned() != self.lens.is_turned() {
                return self.unknown(stage, UnknownReason::NeverAsked);
            }
            let at = at.saturating_add(late).unwrap_or(Timestamp::MAX);
            self.shift = at.duration_since(next.at);
            return AfterCall::Call(index + 1);
        }
        match followed.answer.filter(|_| !followed.ended_it()) {
            // By then what ended the run in the record ends it here.
            Some(answer) if at >= answer.at => self.ends(answer.label(), at),
            None if self.run.answer.is_none() && at > self.policies.settings.read_to => {
                AfterCall::End(ReplayEnd::Waiting)
            }
            Some(_) | None => self.unknown(stage, UnknownReason::NeverAsked),
        }
    }

    /// Recognition ends without an answer. A job that wants verification goes on to it.
    fn without_recognition(
        &mut self,
        index: usize,
        followed: &Followed<'a>,
        now: Timestamp,
    ) -> AfterCall {
        let mut later = (index + 1..self.calls.len()).map(|later| (later, self.calls[later].1));
        let verification = later.find(|(_, call)| call.stage == Stage::Verification);
        if let Some((later, call)) = verification {
            let before = self.followed(later - 1);
            let begins = before.map_or(call.at, |before| match before.waits {
                [] => before.call.ended(),
                _ => call.at,
            });
            self.shift = now.duration_since(begins);
            return AfterCall::Call(later);
        }
        match &self.run.answer {
            // What the registry says was known already.
            Some(answer) if answer.is_verified() => self.ends(answer.label(), now),
            Some(_) => self.ends(failed(Stage::Recognition, &followed.call.code), now),
            // Whether it wants verification is not in the ledger.
            None => self.unknown(Stage::Verification, UnknownReason::NeverAsked),
        }
    }

    fn ends(&self, label: String, at: Timestamp) -> AfterCall {
        AfterCall::End(self.answered(label, at))
    }

    fn answered(&self, label: String, at: Timestamp) -> ReplayEnd {
        let took = at.duration_since(self.run.first_seen);
        ReplayEnd::Answered { label, took }
    }

    /// One more call of this stage would be made, and its answer is not known.
    fn unknown(&self, stage: Stage, reason: UnknownReason) -> AfterCall {
        let mut calls = self.calls.iter().rev();
        let last = calls.find(|(_, call)| call.stage == stage);
        AfterCall::End(ReplayEnd::Unknown {
            reason,
            price: last.and_then(|(_, call)| call.price.clone()),
        })
    }
}

fn failed(stage: Stage, code: &str) -> String {
    format!("{} {stage} {code}", Status::Undetermined.as_str())
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
