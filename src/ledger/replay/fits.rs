//! Whether what followed a call is what a decision makes follow.

use super::record::{RunAnswer, RunCall, RunEntry, RunWait};
use crate::domain::failure::Stage;
use crate::domain::result::{Status, Verdict};
use crate::policy::Decision;
use crate::retry::{HELD_UP, NOT_ASKED};
use crate::waits;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// A call's duration is rounded, and a decision takes a moment.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// One of the run's calls, with what followed it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Followed<'a> {
    pub(super) call: &'a RunCall,
    /// The waits before the next call.
    pub(super) waits: &'a [RunEntry],
    pub(super) next: Option<&'a RunCall>,
    /// The run's answer, where no call came before it.
    pub(super) answer: Option<&'a RunAnswer>,
}

/// A decision as it can turn out: the shortest wait that chance may draw, and the longest.
#[derive(Clone, Debug)]
pub(super) struct DecisionRange {
    pub(super) now: Timestamp,
    pub(super) shortest: Decision,
    pub(super) longest: Decision,
    /// No attempt is started after it.
    pub(super) deadline: Timestamp,
    /// Something beside the policy may have made the next call wait longer.
    pub(super) is_held_up: bool,
}

impl<'a> Followed<'a> {
    /// The wait that this very answer was the reason of.
    pub(super) fn own_wait(&self) -> Option<&'a RunWait> {
        let RunEntry::Wait(wait) = self.waits.first()? else {
            return None;
        };
        let is_own = wait.stage == self.call.stage
            && wait.code == self.call.code
            && !wait.reason.starts_with(NOT_ASKED);
        is_own.then_some(&**wait)
    }

    /// The next call, where it is one of the same stage.
    pub(super) fn same_again(&self) -> Option<&'a RunCall> {
        self.next.filter(|next| next.stage == self.call.stage)
    }

    /// Whether the run's answer says that this call was the end of it.
    pub(super) fn ended_it(&self) -> bool {
        let error = self.answer.and_then(|answer| answer.error.as_ref());
        error.is_some_and(|(stage, code)| *stage == self.call.stage && *code == self.call.code)
    }

    /// How much longer the next call waited than for its answer: what came later than its time, and
    /// what had another reason. Only a parked job comes late by itself.
    pub(super) fn held_up(&self, is_parked: bool) -> SignedDuration {
        let own = self.own_wait().filter(|_| is_parked).map(|own| own.until);
        let from = own.or_else(|| self.other_waits().next().map(|wait| wait.at));
        let late = self
            .next
            .zip(from)
            .map(|(next, from)| next.at.duration_since(from));
        late.unwrap_or_default().max(SignedDuration::ZERO)
    }

    fn own_length(&self) -> Option<SignedDuration> {
        let own = self.own_wait()?;
        Some(own.until.duration_since(self.call.ended()))
    }

    fn other_waits(&self) -> impl Iterator<Item = &'a RunWait> {
        let own = usize::from(self.own_wait().is_some());
        self.waits[own..].iter().filter_map(RunEntry::as_wait)
    }

    /// Whether this decision makes follow what followed.
    pub(super) fn fits(&self, decided: &DecisionRange) -> bool {
        let now = decided.now;
        let highest = match (&decided.shortest, &decided.longest) {
            (Decision::Retry { .. }, longest @ Decision::Retry { .. })
            | (Decision::Park { .. }, longest @ Decision::Park { .. }) => longest,
            (shortest, _) => shortest,
        };
        match (&decided.shortest, highest) {
            (Decision::Retry { wait: low }, Decision::Retry { wait: high }) => {
                self.is_again(*low, *high, decided.is_held_up)
            }
            (Decision::Throttle, _) => {
                let (low, high) = (waits::throttled(0.0), waits::throttled(1.0));
                self.is_again(low, high, decided.is_held_up)
            }
            (Decision::Rotate | Decision::Resign | Decision::Inline, _) => {
                let at_once = Duration::ZERO;
                self.own_wait().is_none() && self.is_again(at_once, at_once, decided.is_held_up)
            }
            (Decision::Park { until: low }, Decision::Park { until: high }) => {
                let length = self.own_length();
                let (low, high) = (low.duration_since(now), high.duration_since(now));
                length.is_some_and(|length| is_within(length, low, high))
            }
            (Decision::Pause, _) => {
                let length = self.own_length();
                length.is_some_and(|length| length <= TOLERANCE)
                    || (now >= decided.deadline && self.next.is_none() && self.ended_it())
            }
            (Decision::Fail { .. }, _) => self.own_wait().is_none() && self.is_failed(),
            (Decision::Verdict(Some(verdict)), _) => {
                self.own_wait().is_none() && self.is_verdict(*verdict)
            }
            (Decision::Continue | Decision::Verdict(None), _) => {
                self.own_wait().is_none() && self.same_again().is_none()
            }
            (Decision::Retry { .. } | Decision::Park { .. }, _) => false,
        }
    }

    /// The same call was made again after such a wait, or would have been.
    fn is_again(&self, low: Duration, high: Duration, is_held_up: bool) -> bool {
        if let Some(length) = self.own_length() {
            // A delivery is held for ten minutes at the longest.
            let held_up = signed(HELD_UP);
            return is_within(length, held_up, held_up);
        }
        if self.other_waits().next().is_some() {
            return true;
        }
        match self.next {
            Some(next) if next.stage == self.call.stage => {
                let gap = next.at.duration_since(self.call.ended());
                let high = if is_held_up {
                    SignedDuration::MAX
                } else {
                    signed(high)
                };
                is_within(gap, signed(low), high)
            }
            Some(_) => false,
            // Its answer was known meanwhile, or its time was over.
            None => self.answer.is_some() && !self.ended_it(),
        }
    }

    fn is_failed(&self) -> bool {
        match (self.call.stage, self.next, self.answer) {
            (Stage::Recognition, Some(next), _) => next.stage == Stage::Verification,
            (_, Some(_), _) => false,
            (Stage::Recognition, None, Some(answer)) => self.ended_it() || answer.is_verified(),
            (_, None, Some(answer)) => answer.status != Status::Completed && self.ended_it(),
            (Stage::Recognition, None, None) => self.other_waits().next().is_some(),
            (_, None, None) => self.waits_for_store(),
        }
    }

    fn is_verdict(&self, verdict: Verdict) -> bool {
        self.next.is_none()
            && match self.answer {
                Some(answer) => answer.verdict == Some(verdict),
                None => self.waits_for_store(),
            }
    }

    /// It waits for nothing but the store.
    fn waits_for_store(&self) -> bool {
        let mut waits = self.other_waits().peekable();
        waits.peek().is_some() && waits.all(|wait| wait.stage == Stage::Storage)
    }
}

fn is_within(length: SignedDuration, low: SignedDuration, high: SignedDuration) -> bool {
    let low = low.saturating_sub(TOLERANCE);
    let high = high.saturating_add(TOLERANCE);
    low <= length && length <= high
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
