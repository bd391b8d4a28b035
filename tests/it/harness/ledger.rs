//! The ledger of a test's system, and what it comes to.

use super::system::System;
use invoice_worker::broker::StreamStart;
use invoice_worker::domain::failure::Billed;
use invoice_worker::ledger::LedgerEvent;
use invoice_worker::ledger::reading::{LostCalls, decode};
use std::collections::BTreeSet;

/// The calls that events of one run tell of, each counted once however often it is told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Costs {
    pub(crate) paid: usize,
    pub(crate) unknown: usize,
}

/// Every event, in the order in which they were written.
pub(crate) async fn ledger_of(system: &System) -> Vec<LedgerEvent> {
    let name = &system.config.broker.ledger_queue;
    let reading = system.session.read_stream(name, StreamStart::First, false);
    let (mut reader, mut events) = (reading.await.unwrap(), Vec::new());
    while let Some(entry) = reader.next().await.unwrap() {
        assert_eq!(entry.offset, events.len() as u64);
        let event = decode(&entry.message.body).unwrap();
        assert_eq!(
            entry.message.properties.message_id.as_ref(),
            Some(&event.id)
        );
        events.push(event);
    }
    events
}

/// As the commands count: of the calls that dead workers may have made in a turn that was told, the
/// first is void.
pub(crate) fn costs(events: &[LedgerEvent]) -> Costs {
    let (mut lost, mut known, mut paid) = (LostCalls::default(), BTreeSet::new(), 0);
    for event in events {
        lost.note(event);
        for call in &event.calls {
            if !known.insert(&call.id) {
                continue;
            }
            if call.is_lost() {
                assert_eq!(lost.keep(event, ()), None);
            } else {
                paid += usize::from(call.billed != Billed::No);
            }
        }
    }
    let unknown = lost.end().0.len();
    Costs { paid, unknown }
}
