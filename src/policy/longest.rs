//! The longest that any rule of the policy lets anything wait.

use super::{Policy, Step};
use jiff::SignedDuration;

/// A day that has an hour more, and some of the next one, over which returns are spread.
const NEXT_DAY: SignedDuration = SignedDuration::from_hours(27);

impl Policy {
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
