//! Each event once, and in it each call once: a worker that dies may have told of what another one
//! tells again.

use super::decode::{NoEvent, decode};
use super::seals::EventSeal;
use crate::ledger::event::LedgerEvent;
use crate::seen_ids::SeenIds;
use serde::Serialize;

/// Counts of what was read, and of what was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReadCounts {
    pub events: u64,
    /// Events and calls that were there before.
    pub repeated_events: u64,
    pub repeated_calls: u64,
    /// Messages of something else.
    pub foreign: u64,
    /// Events of a later version of the worker.
    pub newer: u64,
    /// Events of this version that say what cannot be.
    pub damaged: u64,
    /// Events without a valid seal, left out or counted.
    pub unsealed: u64,
}

#[derive(Debug, Default)]
pub(super) struct LedgerSieve {
    events: SeenIds,
    calls: SeenIds,
    pub(super) counts: ReadCounts,
}

impl LedgerSieve {
    /// The event, if it is one, is believed and is new, with the calls that are new.
    pub(super) fn take(&mut self, body: &[u8], seal: EventSeal) -> Option<LedgerEvent> {
        let counts = &mut self.counts;
        let mut event = match decode(body) {
            Ok(event) => event,
            Err(reason) => {
                match reason {
                    NoEvent::Foreign => counts.foreign += 1,
                    NoEvent::Newer => counts.newer += 1,
                    NoEvent::Damaged => counts.damaged += 1,
                }
                return None;
            }
        };
        if seal == EventSeal::Refused {
            counts.unsealed += 1;
            return None;
        }
        if !self.events.insert(&event.id) {
            counts.repeated_events += 1;
            return None;
        }
        counts.events += 1;
        counts.unsealed += u64::from(seal == EventSeal::Missing);
        event.calls.retain(|call| {
            let is_new = self.calls.insert(&call.id);
            counts.repeated_calls += u64::from(!is_new);
            is_new
        });
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode::tests::answered;
    use super::*;

    #[test]
    fn events_and_calls_count_once_and_the_rest_is_told() {
        let mut sieve = LedgerSieve::default();
        let mut calls = |body: &[u8]| {
            sieve
                .take(body, EventSeal::Valid)
                .map(|event| event.calls.len())
        };
        let event = |id: &str, call: &str| answered(id, "r1", call).to_string().into_bytes();
        for (body, found) in [
            (event("e1", "c1"), Some(1)),
            (event("e1", "c1"), None),
            // Another worker tells of the call once more.
            (event("e2", "c1"), Some(0)),
            (event("e3", "c2"), Some(1)),
            (b"{}".to_vec(), None),
            (br#"{"schema":"invoice.ledger/9"}"#.to_vec(), None),
            (br#"{"schema":"invoice.ledger/1"}"#.to_vec(), None),
        ] {
            assert_eq!(calls(&body), found, "{}", String::from_utf8_lossy(&body));
        }
        let counts = ReadCounts {
            events: 3,
            repeated_events: 1,
            repeated_calls: 1,
            foreign: 1,
            newer: 1,
            damaged: 1,
            unsealed: 0,
        };
        assert_eq!(sieve.counts, counts);
    }

    #[test]
    fn an_event_that_is_not_believed_keeps_no_other_out() {
        let mut sieve = LedgerSieve::default();
        let body = answered("e1", "r1", "c1").to_string().into_bytes();
        assert_eq!(sieve.take(&body, EventSeal::Refused), None);
        assert!(sieve.take(&body, EventSeal::Valid).is_some());
        // Believed without a seal: it is counted, and told.
        let other = answered("e2", "r1", "c2").to_string().into_bytes();
        assert!(sieve.take(&other, EventSeal::Missing).is_some());
        assert_eq!((sieve.counts.events, sieve.counts.unsealed), (2, 2));
    }
}
