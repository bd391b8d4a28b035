//! How often each fault of a scenario has been met, and so which one answers the next call.

use super::fault::{CallFacts, CallNumbers, Fault};
use crate::domain::failure::Stage;

/// One use for each fault, in their order.
#[derive(Debug)]
pub(in crate::dev) struct FaultUses(Vec<FaultUse>);

#[derive(Clone, Debug, Default)]
struct FaultUse {
    given: u32,
    /// The number of calls that it fitted, whichever fault answered them.
    fitted: u32,
}

impl FaultUses {
    pub(in crate::dev) fn of(faults: &[Fault]) -> Self {
        Self(vec![FaultUse::default(); faults.len()])
    }

    /// The first fault that fits the call and is not used up. Every fault that fits counts the call.
    ///
    /// `draw` gives a number between 0 and 1 for the fault at this position.
    pub(in crate::dev) fn next<'a>(
        &mut self,
        faults: &'a [Fault],
        stage: Stage,
        call: &CallFacts<'_>,
        draw: impl Fn(usize) -> f64,
    ) -> Option<&'a Fault> {
        let mut taken = None;
        for (position, (fault, used)) in faults.iter().zip(&mut self.0).enumerate() {
            if !fault.concerns(stage, call) {
                continue;
            }
            used.fitted = used.fitted.saturating_add(1);
            let number = call.number.unwrap_or(used.fitted);
            let is_its_turn = match &fault.calls {
                CallNumbers::All => true,
                CallNumbers::Times(times) => used.given < *times,
                CallNumbers::These(numbers) => numbers.contains(&number),
                CallNumbers::Between(from, to) => (*from..=*to).contains(&number),
            };
            let is_drawn = || fault.probability >= 1.0 || draw(position) < fault.probability;
            if taken.is_none() && is_its_turn && is_drawn() {
                used.given = used.given.saturating_add(1);
                taken = Some(fault);
            }
        }
        taken
    }
}
