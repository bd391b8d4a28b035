//! Calls that dead workers may have made (`worker.lost`): the first of a turn was not made where its
//! worker had told of the turn before it died.
//!
//! The other event is a little earlier as a rule, but may be later; so what a lost call comes to is
//! known at the end.

use crate::ledger::event::{LedgerCall, LedgerEvent};
use crate::seen_ids::SeenIds;
use std::collections::VecDeque;

/// Lost calls that wait for the end. There is one for each death of a worker and job in its hands.
const MOST_KEPT: usize = 100_000;

#[derive(Debug)]
pub struct LostCalls<T> {
    /// The turns that were told by workers which were handed the message first.
    told: SeenIds,
    /// The turns of which a lost call is void.
    voided: SeenIds,
    kept: VecDeque<((String, u32), T)>,
    /// Lost calls that were not made.
    void: u64,
}

impl<T> Default for LostCalls<T> {
    fn default() -> Self {
        Self {
            told: SeenIds::default(),
            voided: SeenIds::default(),
            kept: VecDeque::new(),
            void: 0,
        }
    }
}

impl<T> LostCalls<T> {
    /// Notes which turn the event tells of. To be called with each event, before its lost calls are
    /// kept.
    pub fn note(&mut self, event: &LedgerEvent) {
        if !event.redelivered {
            self.told.insert(&(event.run.as_str(), event.turn));
        }
    }

    /// Whether this call of the event was not made, as far as it is known by now. To be asked once of
    /// each call.
    pub fn is_void(&mut self, event: &LedgerEvent, call: &LedgerCall) -> bool {
        let turn = event.lost_turn.unwrap_or(event.turn);
        call.is_lost() && self.voids(&event.run, turn)
    }

    /// Keeps what a lost call of this event comes to until the end. Returns the oldest one where they
    /// are too many, if by now it is not void.
    pub fn keep(&mut self, event: &LedgerEvent, call: T) -> Option<T> {
        let turn = event.lost_turn.unwrap_or(event.turn);
        self.kept.push_back(((event.run.clone(), turn), call));
        if self.kept.len() <= MOST_KEPT {
            return None;
        }
        let (turn, call) = self.kept.pop_front()?;
        self.unless_void(&turn, call)
    }

    /// Returns what the calls come to that may have been made, and how many were not.
    pub fn end(mut self) -> (Vec<T>, u64) {
        let kept = std::mem::take(&mut self.kept);
        let calls = kept
            .into_iter()
            .filter_map(|(turn, call)| self.unless_void(&turn, call))
            .collect();
        (calls, self.void)
    }

    fn unless_void(&mut self, (run, turn): &(String, u32), call: T) -> Option<T> {
        if self.voids(run, *turn) {
            self.void += 1;
            return None;
        }
        Some(call)
    }

    /// One lost call of a turn that was told is void; each further one is another worker's.
    fn voids(&mut self, run: &str, turn: u32) -> bool {
        self.told.contains(&(run, turn)) && self.voided.insert(&(run, turn))
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode::decode;
    use super::super::decode::tests::answered;
    use super::*;
    use serde_json::json;

    fn event(run: &str, turn: u32, redelivered: bool, lost_turn: Option<u32>) -> LedgerEvent {
        let mut event = answered("e", run, "c");
        event["turn"] = json!(turn);
        event["redelivered"] = json!(redelivered);
        event["lost_turn"] = json!(lost_turn);
        decode(event.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_first_lost_call_is_void_where_its_turn_was_told_before_or_after() {
        let mut lost = LostCalls::default();
        for (event, call) in [
            (event("before", 2, false, None), None),
            (event("before", 2, true, Some(2)), Some("void")),
            (event("after", 0, true, Some(0)), Some("void as well")),
            (event("after", 0, true, Some(0)), Some("another worker's")),
            (event("after", 0, false, None), None),
            // Told of another turn, by a redelivery, or of another run.
            (event("lost", 1, false, None), None),
            (event("lost", 2, true, Some(2)), Some("made")),
            (event("other", 2, false, None), None),
        ] {
            lost.note(&event);
            if let Some(call) = call {
                assert_eq!(lost.keep(&event, call), None);
            }
        }
        assert_eq!(lost.end(), (vec!["another worker's", "made"], 2));
    }

    #[test]
    fn the_oldest_are_decided_where_they_are_too_many() {
        let mut lost = LostCalls::default();
        let (told, open) = (
            event("told", 0, false, None),
            event("open", 0, true, Some(0)),
        );
        lost.note(&told);
        lost.keep(&told, 0);
        lost.keep(&open, 1);
        for call in 2..MOST_KEPT {
            assert_eq!(lost.keep(&open, call), None);
        }
        assert_eq!(lost.keep(&open, MOST_KEPT), None, "the oldest was void");
        assert_eq!(lost.keep(&open, MOST_KEPT + 1), Some(1));
        let (calls, void) = lost.end();
        assert_eq!((calls.len(), void), (MOST_KEPT, 1));
    }
}
