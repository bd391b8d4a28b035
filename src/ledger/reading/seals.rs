//! Which events of the ledger are believed: every client that may publish may write to the stream.

use crate::broker::{Message, SEAL};
use crate::seal::{SealKind, Sealer};

/// What a reader makes of an event without a valid seal. By default it is counted: an event of last
/// month may have a seal of a key that was replaced since.
#[derive(Clone)]
pub struct EventSeals {
    sealer: Sealer,
    leaves_out: bool,
}

/// The seal of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventSeal {
    Valid,
    /// The event is counted all the same.
    Missing,
    /// The event is left out.
    Refused,
}

impl EventSeals {
    pub fn of(sealer: Sealer) -> Self {
        Self {
            sealer,
            leaves_out: false,
        }
    }

    /// Leaves events without a valid seal out.
    #[must_use]
    pub fn only_sealed(self, leaves_out: bool) -> Self {
        Self { leaves_out, ..self }
    }

    /// Whether a worker with one of our keys wrote this message of the ledger.
    pub fn accept(&self, message: &Message) -> bool {
        let seal = message.properties.headers.text(SEAL);
        seal.is_some_and(|seal| {
            self.sealer
                .accepts(SealKind::Event, &[&message.body], &seal)
        })
    }

    pub(super) fn look_at(&self, message: &Message) -> EventSeal {
        if self.accept(message) {
            EventSeal::Valid
        } else if self.leaves_out {
            EventSeal::Refused
        } else {
            EventSeal::Missing
        }
    }
}
