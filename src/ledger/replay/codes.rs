//! The two policies of a replay, and what they make of each code.

use super::readings::{AnswerReading, DecisionTime, PolicyTrack};
use super::record::RunCall;
use crate::domain::failure::Stage;
use crate::policy::{Decision, Policy, Streak};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// Codes whose readings are kept: strangers may write any.
const MOST_CODES: usize = 1_000;
/// Reasons of a pause that no row of failures is.
const OTHER_PAUSES: [Streak; 3] = [Streak::Unproven, Streak::Network, Streak::Checkpoints];

/// The policy that explains the record, and the one that decides.
#[derive(Debug)]
pub(super) struct TwoPolicies {
    pub(super) in_force: Policy,
    pub(super) tried: Policy,
    pub(super) settings: ReplaySettings,
    codes: RefCell<KnownCodes>,
}

/// The configuration that a decision depends on beside the policy.
#[derive(Clone, Debug)]
pub struct ReplaySettings {
    pub timezone: TimeZone,
    /// `worker.job_deadline`.
    pub job_deadline: Duration,
    /// `verification.auto_rotate`.
    pub auto_rotate: bool,
    /// The ledger was read up to this time.
    pub read_to: Timestamp,
}

type KnownCodes = HashMap<(Stage, Rc<str>), Rc<KnownCode>>;

/// A code in the eyes of the two policies.
#[derive(Debug)]
pub(super) struct KnownCode {
    /// An answer with it may be a good one.
    pub(super) may_be_good: bool,
    pub(super) readings: Vec<AnswerReading>,
}

impl TwoPolicies {
    pub(super) fn new(in_force: Policy, tried: Policy, settings: ReplaySettings) -> Self {
        Self {
            in_force,
            tried,
            settings,
            codes: RefCell::default(),
        }
    }

    pub(super) fn code(&self, call: &RunCall) -> Rc<KnownCode> {
        let key = (call.stage, Rc::clone(&call.code));
        if let Some(known) = self.codes.borrow().get(&key) {
            return Rc::clone(known);
        }
        let at = DecisionTime {
            now: call.at,
            deadline: Timestamp::MAX,
            timezone: &self.settings.timezone,
            streak: None,
        };
        let policies = [&self.in_force, &self.tried];
        let readings = AnswerReading::all(&policies, call.stage, &call.code, &at);
        let track = PolicyTrack::new(&self.in_force, call.at, false);
        let is_good = |reading: &AnswerReading| {
            let decided = track.decide(reading, &at, 0.5).decision;
            matches!(decided, Decision::Continue | Decision::Verdict(None))
        };
        let known = Rc::new(KnownCode {
            may_be_good: readings.iter().any(is_good),
            readings,
        });
        let mut codes = self.codes.borrow_mut();
        if codes.len() < MOST_CODES {
            codes.insert(key, Rc::clone(&known));
        }
        known
    }

    /// The row of failures that this text is the reason of, in either policy's words.
    pub(super) fn streak_of(&self, reason: &str) -> Option<Streak> {
        let mut streaks = Streak::COUNTED.into_iter().chain(OTHER_PAUSES);
        let is_reason = |streak: &Streak| {
            let policies = [&self.in_force, &self.tried];
            policies
                .map(|policy| policy.streak_reason(*streak))
                .contains(&reason)
        };
        streaks.find(is_reason).filter(|_| !reason.is_empty())
    }
}
