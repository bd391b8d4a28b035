//! The ledger of a test's system, and what it comes to.

use super::system::System;
use invoice_worker::broker::StreamStart;
use invoice_worker::domain::failure::Billed;
use invoice_worker::ledger::{LOST, LedgerEvent};
use std::collections::BTreeMap;

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
        let event = LedgerEvent::read(&entry.message.body).unwrap();
        assert_eq!(
            entry.message.properties.message_id.as_ref(),
            Some(&event.id)
        );
        events.push(event);
    }
    events
}

pub(crate) fn costs(events: &[LedgerEvent]) -> Costs {
    let told = |turn: Option<u32>| {
        let mut first = events.iter().filter(|event| !event.redelivered);
        first.any(|event| Some(event.turn) == turn)
    };
    let mut calls = BTreeMap::new();
    for event in events {
        for call in &event.calls {
            if call.code != LOST || !told(event.lost_turn) {
                calls.insert(&call.id, call);
            }
        }
    }
    let is_paid = |billed: Billed| billed != Billed::No;
    let paid = calls
        .values()
        .filter(|call| is_paid(call.billed) && call.code != LOST);
    let unknown = calls.values().filter(|call| call.code == LOST);
    Costs {
        paid: paid.count(),
        unknown: unknown.count(),
    }
}
