//! Stages that are paused because a control call was refused as well: they are probed by control
//! calls, and not by jobs.

use super::shared::{Breaker, State, probe_of};
use crate::domain::failure::{Failure, Stage};
use crate::domain::scope::Scope;
use crate::policy::Streak;
use jiff::SignedDuration;

/// Of each stage at most one in so long.
pub(super) const CONTROL_CALL_EVERY: SignedDuration = SignedDuration::from_mins(10);

impl Breaker {
    /// The stage whose next control call is due, and what for.
    pub fn control_call_due(&self) -> Option<(Stage, Streak)> {
        let now = self.0.clock.now();
        let state = self.state();
        [Stage::Recognition, Stage::Verification]
            .into_iter()
            .find_map(|stage| {
                let closure = state.closures.closure(&Scope::Pause(stage))?;
                let streak = closure
                    .streak
                    .filter(|streak| streak.needs_a_control_call())?;
                (now >= closure.until).then_some((stage, streak))
            })
    }

    /// The control call was answered, and not as the jobs were: nothing of what came in a row was
    /// our fault.
    pub fn control_call_answered(&self, stage: Stage) {
        let now = self.0.clock.now();
        let change = {
            let State {
                peers,
                closures,
                streaks,
                ..
            } = &mut *self.state();
            streaks.answered(stage);
            closures.open(&Scope::Pause(stage), peers, now)
        };
        self.announce();
        self.tell(change.as_slice());
    }

    /// The control call of a paused stage was refused once more.
    pub fn control_call_refused(&self, stage: Stage, streak: Streak, failure: &Failure) {
        let now = self.0.clock.now();
        let change = {
            let State {
                peers, closures, ..
            } = &mut *self.state();
            let until =
                |failures| probe_of(Some(streak), &failure.code, failures, now, &self.0.timezone);
            closures.prolong(&Scope::Pause(stage), until, peers, now)
        };
        self.announce();
        self.tell(change.as_slice());
    }
}
