//! From a failure to a decision.

use super::merge::table_name;
use super::{
    Billed, Decision, Facts, Failure, Meaning, Policy, PolicyDecision, Progress, Rule, ScopeKind,
    Stage, Step, Streak, Transfer, codes,
};
use crate::waits;
use jiff::{SignedDuration, Timestamp, Zoned};
use std::time::Duration;

/// Some time past midnight, because the provider's clock is not ours; spread, because every waiting
/// job has the same idea.
const NEXT_DAY_FROM: SignedDuration = SignedDuration::from_mins(10);
const NEXT_DAY_WINDOW: Duration = Duration::from_mins(110);
/// A job that paused its stage so often while others were answered is the cause of it.
const MAX_PAUSES: u32 = 3;
/// Under this name is counted how often a job was handed back by a worker whose stage had not
/// worked yet. So often it costs the job nothing; after that its rule decides.
pub const UNPROVEN: &str = "unproven";
const MAX_UNPROVEN: u32 = 3;

impl PolicyDecision {
    /// As many were refused, and so was the control call: it is us, whatever the rule says.
    #[must_use]
    pub fn paused_for(self, streak: Streak) -> Self {
        Self {
            decision: Decision::Pause,
            closes: None,
            streak: Some(streak),
            ..self
        }
    }

    /// The rule says pause, and the store answers about other objects: it is this one.
    #[must_use]
    pub fn of_the_object(self) -> Self {
        Self {
            decision: Decision::Fail {
                invalid_job: Some("image.forbidden".to_owned()),
            },
            ..self
        }
    }

    /// May one object of the default bucket be the reason to pause the storage stage?
    pub fn may_be_one_object(&self) -> bool {
        let by_rule = self.decision == Decision::Pause && self.streak.is_none();
        (by_rule && self.meaning.is_about_bucket)
            || self.suspicion.is_some_and(Streak::needs_a_control_read)
    }

    /// Decided without the table; nothing is charged for it that a rule would count.
    pub fn without_rule(decision: Decision) -> Self {
        Self {
            rule: "none".into(),
            step: 0,
            decision,
            scope: ScopeKind::None,
            cut_short: false,
            closes: None,
            streak: None,
            suspicion: None,
            is_the_job: false,
            billed: Billed::No,
            meaning: Meaning::default(),
        }
    }
}

impl Policy {
    /// Decides what this failure means for this job, now: the first matching rule, first step of it
    /// that is not used up.
    ///
    /// A failure that no rule catches has no answer: it is not retried blindly.
    pub fn decide(&self, failure: &Failure, progress: &Progress, facts: &Facts) -> PolicyDecision {
        let Some(rule) = self
            .rules
            .iter()
            .find(|rule| rule.applies(failure, progress, facts))
        else {
            let decision = Decision::Fail { invalid_job: None };
            let unlisted = PolicyDecision::without_rule(decision);
            return PolicyDecision {
                rule: format!("{}/unlisted", table_name(failure.vendor, failure.stage)),
                billed: Billed::Unknown,
                ..unlisted
            };
        };
        let (step, decision, cut_short) = rule.next(progress, facts);
        let meaning = rule.meaning(&failure.code, failure.http_status);
        // An address that the job brought may fail in ways that close a stage, without the stage
        // having failed for any other job.
        let is_the_address = facts.others.is_brought
            && (meaning.is_about_address || failure.stage == Stage::Storage);
        let decided = PolicyDecision {
            rule: rule.id.clone(),
            step,
            closes: rule.closes(&decision, facts).filter(|_| !is_the_address),
            decision,
            scope: rule.scope,
            cut_short,
            streak: None,
            suspicion: None,
            is_the_job: false,
            billed: rule.billed.of(failure.http_status),
            meaning,
        };
        paused(decided, failure.stage, progress, facts)
    }

    /// Is the code named in the policy, by any vendor's rules, itself or by its class of HTTP
    /// statuses? Others share the metric label `other`.
    pub fn names(&self, stage: Stage, code: &str) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|rule| rule.stage == stage && rule.names(code))
    }

    /// Is the answer's code named in the rules about its vendor?
    pub fn names_answer(&self, failure: &Failure) -> bool {
        let Failure {
            vendor,
            stage,
            code,
            ..
        } = failure;
        let mut rules = self.rules.iter();
        rules.any(|rule| rule.catches(*vendor, *stage, code) && rule.names(code))
    }
}

/// One failure too many in a row concerns every job: a pause, whatever the rule says. A job that
/// was paused often while others went on is itself the cause: its rule decides, and where that says
/// pause it fails.
fn paused(
    decided: PolicyDecision,
    stage: Stage,
    progress: &Progress,
    facts: &Facts,
) -> PolicyDecision {
    let is_the_job = progress.pauses(stage) >= MAX_PAUSES;
    let is_verdict = matches!(decided.decision, Decision::Continue | Decision::Verdict(_));
    let only_this_worker = facts.others.only_this_worker.filter(|streak| match streak {
        Streak::Unproven => progress.used(UNPROVEN, 0) < MAX_UNPROVEN,
        // What passes at once is tried again in place.
        _ => matches!(
            decided.decision,
            Decision::Park { .. } | Decision::Fail { .. }
        ),
    });
    let suspicion = facts
        .others
        .suspicion
        .filter(|_| !is_the_job && !is_verdict);
    let decided = PolicyDecision {
        suspicion,
        ..decided
    };
    match facts.others.streak.or(only_this_worker) {
        Some(streak) if !is_the_job && !is_verdict => PolicyDecision {
            decision: Decision::Pause,
            closes: None,
            streak: Some(streak),
            ..decided
        },
        _ if is_the_job && decided.decision == Decision::Pause => PolicyDecision {
            decision: Decision::Fail { invalid_job: None },
            is_the_job: true,
            ..decided
        },
        _ => decided,
    }
}

/// The result of a step when its turn comes.
enum Turn {
    Take(Decision),
    /// Used up, or not for this job: the next step's turn.
    Skip,
    /// It would end after the deadline: the rule is cut short.
    TooLate,
}

impl Rule {
    fn names(&self, code: &str) -> bool {
        let mut patterns = self.codes.iter();
        patterns.any(|pattern| !codes::is_open(pattern) && codes::catches(pattern, code))
    }

    /// The step to take, and whether it is one that the deadline left.
    fn next(&self, progress: &Progress, facts: &Facts) -> (usize, Decision, bool) {
        let last = self.steps.len().saturating_sub(1);
        let end = self
            .steps
            .last()
            .map_or(Decision::Fail { invalid_job: None }, finally);
        for (index, step) in self.steps.iter().enumerate().take(last) {
            match self.turn(index, step, progress, facts) {
                Turn::Take(decision) => return (index, decision, false),
                Turn::Skip => {}
                Turn::TooLate => return (last, cut_short(end), true),
            }
        }
        (last, end, false)
    }

    fn turn(&self, index: usize, step: &Step, progress: &Progress, facts: &Facts) -> Turn {
        let used = progress.used(&self.id, index);
        let once = |decision| {
            if used == 0 {
                at(facts, facts.now, decision)
            } else {
                Turn::Skip
            }
        };
        match step {
            Step::Retry { attempts, backoff } if used < *attempts && !self.parked(progress) => {
                let retry = used.saturating_add(1);
                at(
                    facts,
                    after(facts.now, *backoff),
                    Decision::Retry {
                        wait: waits::growing(*backoff, retry, facts.spread),
                    },
                )
            }
            Step::Park { delays, attempts } if attempts.is_none_or(|attempts| used < attempts) => {
                // Its scope may be further on than the job itself, or, where no worker remembers,
                // less far.
                let until = after(facts.now, delay(delays, used))
                    .max(self.opens(facts).unwrap_or(Timestamp::MIN));
                at(facts, until, Decision::Park { until })
            }
            Step::NextDay { attempts } if used < *attempts => {
                let until = next_day(facts);
                at(facts, until, Decision::Park { until })
            }
            // Once for each image: a job may turn out to be about another.
            Step::Rotate if progress.steps.rotated_for.is_none() => {
                at(facts, facts.now, Decision::Rotate)
            }
            Step::Inline if facts.transfer == Transfer::Url => once(Decision::Inline),
            Step::Resign => once(Decision::Resign),
            Step::Retry { .. }
            | Step::Park { .. }
            | Step::NextDay { .. }
            | Step::Rotate
            | Step::Inline => Turn::Skip,
            Step::Continue
            | Step::Verdict(_)
            | Step::Fail { .. }
            | Step::Throttle
            | Step::Pause => Turn::Take(finally(step)),
        }
    }

    /// When the scope of a job that is not tried again in place opens for the next one.
    fn closes(&self, decision: &Decision, facts: &Facts) -> Option<Timestamp> {
        match decision {
            Decision::Park { .. } | Decision::Fail { .. } | Decision::Verdict(_) => {
                self.opens(facts)
            }
            Decision::Continue
            | Decision::Retry { .. }
            | Decision::Rotate
            | Decision::Throttle
            | Decision::Resign
            | Decision::Inline
            | Decision::Pause => None,
        }
    }

    /// The scope has steps of its own: as many waits as calls failed under it, the last of them
    /// again and again.
    fn opens(&self, facts: &Facts) -> Option<Timestamp> {
        // It is this job, not the stage, where others were answered meanwhile.
        if self.scope == ScopeKind::None
            || (self.scope == ScopeKind::Stage && facts.others.answered)
        {
            return None;
        }
        let mut failures = facts
            .others
            .failures
            .iter()
            .find(|(scope, _)| *scope == self.scope)
            .map_or(0, |(_, failures)| *failures);
        let mut opens = None;
        for step in &self.steps {
            let (attempts, time) = match step {
                Step::Park { delays, attempts } => (
                    attempts.unwrap_or(u32::MAX),
                    after(facts.now, delay(delays, failures)),
                ),
                Step::NextDay { attempts } => (*attempts, next_day(facts)),
                _ => continue,
            };
            opens = Some(time);
            if failures < attempts {
                break;
            }
            failures -= attempts;
        }
        opens
    }

    /// In-place retries are for what passes at once; a job that had to be parked has shown that
    /// this does not.
    fn parked(&self, progress: &Progress) -> bool {
        let parks = |step: &Step| matches!(step, Step::Park { .. } | Step::NextDay { .. });
        self.steps
            .iter()
            .enumerate()
            .any(|(index, step)| parks(step) && progress.used(&self.id, index) > 0)
    }
}

/// A last step. Parsing lets only final ones be last.
fn finally(step: &Step) -> Decision {
    match step {
        Step::Continue => Decision::Continue,
        Step::Verdict(verdict) => Decision::Verdict(*verdict),
        Step::Fail { invalid_job } => Decision::Fail {
            invalid_job: invalid_job.clone(),
        },
        Step::Throttle => Decision::Throttle,
        Step::Pause => Decision::Pause,
        Step::Retry { .. }
        | Step::Park { .. }
        | Step::NextDay { .. }
        | Step::Rotate
        | Step::Resign
        | Step::Inline => Decision::Fail { invalid_job: None },
    }
}

/// The last step of a rule whose steps before it the deadline did not leave the time for.
///
/// Those steps were to make sure of the verdict, so without them there is none: a bill of today
/// that the registry does not know yet must not be called `not_found` because the job is in a
/// hurry.
fn cut_short(end: Decision) -> Decision {
    match end {
        Decision::Verdict(_) => Decision::Fail { invalid_job: None },
        Decision::Continue
        | Decision::Fail { .. }
        | Decision::Retry { .. }
        | Decision::Park { .. }
        | Decision::Rotate
        | Decision::Throttle
        | Decision::Resign
        | Decision::Inline
        | Decision::Pause => end,
    }
}

/// The decision, if its next attempt starts no later than the deadline.
fn at(facts: &Facts, time: Timestamp, decision: Decision) -> Turn {
    if time <= facts.deadline {
        Turn::Take(decision)
    } else {
        Turn::TooLate
    }
}

/// `delays` in turn, the last again and again.
fn delay(delays: &[Duration], used: u32) -> Duration {
    let index = usize::try_from(used)
        .unwrap_or(usize::MAX)
        .min(delays.len().saturating_sub(1));
    delays.get(index).copied().unwrap_or_default()
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

fn next_day(facts: &Facts) -> Timestamp {
    let today = facts.now.to_zoned(facts.timezone.clone()).date();
    let midnight = today
        .tomorrow()
        .and_then(|tomorrow| tomorrow.to_zoned(facts.timezone.clone()));
    let from = midnight
        .and_then(|midnight: Zoned| midnight.timestamp().checked_add(NEXT_DAY_FROM))
        .unwrap_or(Timestamp::MAX);
    let spread = if facts.spread.is_finite() {
        facts.spread.clamp(0.0, 1.0)
    } else {
        0.0
    };
    after(from, NEXT_DAY_WINDOW.mul_f64(spread))
}
