//! Decides what may be taken from the queues: as much as may be in flight, one job at a time, a
//! suspect alone, or nothing.
//!
//! Pure: [`Intake::on`] is given what happened and returns what is to be done, which is done in
//! `run`. A job that is suspected of killing its worker is parked at once; meanwhile the worker lets
//! everything else end and takes only returned jobs, one at a time, until the suspect comes back
//! from its shortest wait. It may come to another worker, which then makes room itself.

use crate::breaker::Flow;

/// Returned jobs do not queue behind the backlog: they have a small prefetch of their own
/// (contract, section 4).
const DUE_PREFETCH: u16 = 16;

/// The jobs that the consumers take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Taking {
    /// Jobs of all queues, with so many of each job queue unsettled.
    Full { prefetch: u16 },
    /// One job at a time of each queue: a paused stage is probed.
    One,
    /// One returned job at a time, with nothing else in hand: a suspect is waited for.
    Alone,
    #[default]
    Nothing,
}

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event<'a> {
    /// The breaker's flow, the prefetch that is `wanted` of each of so many job queues or the
    /// number of jobs in hand may be another one.
    Round {
        flow: &'a Flow,
        wanted: u16,
        queues: usize,
        in_hand: usize,
    },
    /// A job was received from one of the queues. A suspect is due once its wait is over.
    Received { is_due_suspect: bool },
    /// After [`Action::StartAndEmpty`]: nothing is in hand any more, or a job took too long to end
    /// and the suspect is not waited for.
    Emptied { is_empty: bool },
    /// The job that the next one waits for has ended.
    SingleEnded,
    /// The suspect did not come back in time.
    RoomExpired,
}

/// The one thing to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Wait,
    /// The consumers take this from now on.
    Take(Taking),
    /// Start the job that was received.
    Start,
    /// Stop the consumers, then start it: nothing else is on its way.
    StartAlone,
    /// Start it, stop the consumers and wait until nothing is in hand.
    StartAndEmpty,
}

/// The state of the intake.
#[derive(Debug, Default)]
pub(super) struct Intake {
    taking: Taking,
    /// The prefetch that was wanted when the consumers were last made.
    prefetch: u16,
    /// More jobs are in hand than are wanted now: first some of them have to end, because those of a
    /// consumer that is gone do not count for the next one.
    is_too_full: bool,
    /// A job is in hand that has to end before the next one is taken.
    has_single: bool,
    /// One at a time, the queues take turns.
    is_due_next: bool,
    room: Option<Room>,
}

/// Nothing else is in hand: a suspect is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Free,
    /// The suspect has come.
    Used,
}

impl Taking {
    /// The prefetch of the due queue's consumer and of each job queue's; none where there is no
    /// consumer.
    pub(super) fn prefetches(self) -> (Option<u16>, Option<u16>) {
        match self {
            Self::Full { prefetch } => (Some(DUE_PREFETCH.min(prefetch)), Some(prefetch)),
            Self::One => (Some(1), Some(1)),
            Self::Alone => (Some(1), None),
            Self::Nothing => (None, None),
        }
    }

    /// Is the next job taken when the one before it has ended?
    fn is_single(self) -> bool {
        matches!(self, Self::One | Self::Alone)
    }
}

impl Intake {
    pub(super) fn on(&mut self, event: Event<'_>) -> Action {
        match event {
            Event::Round {
                flow,
                wanted,
                queues,
                in_hand,
            } => return self.round(flow, wanted, queues, in_hand),
            Event::Received { is_due_suspect } => return self.received(is_due_suspect),
            Event::Emptied { is_empty } => self.room = is_empty.then_some(Room::Free),
            Event::SingleEnded => {
                self.has_single = false;
                self.room = self.room.filter(|room| *room == Room::Free);
            }
            Event::RoomExpired => self.room = None,
        }
        Action::Wait
    }

    /// Is more in hand than is wanted? Then it is time to look again after a while.
    pub(super) fn is_too_full(&self) -> bool {
        self.is_too_full
    }

    /// The prefetch that was wanted when the consumers were last made.
    pub(super) fn prefetch(&self) -> u16 {
        self.prefetch
    }

    /// Does the next job wait for the one before it?
    pub(super) fn has_single(&self) -> bool {
        self.has_single
    }

    /// Is a suspect waited for, with nothing in hand?
    pub(super) fn waits_for_suspect(&self) -> bool {
        self.room.is_some() && !self.has_single
    }

    /// Do the job queues come before the due queue?
    ///
    /// Returned jobs come first. One at a time it is the other way round: those that return have
    /// tried, and one that fails for itself must not keep the others out. The job after that is a
    /// returned one again: new ones may never get as far.
    pub(super) fn is_jobs_queue_first(&self) -> bool {
        self.taking == Taking::One && !self.is_due_next
    }

    fn round(&mut self, flow: &Flow, wanted: u16, queues: usize, in_hand: usize) -> Action {
        self.is_too_full = wanted < self.prefetch
            && is_worth_a_change(self.prefetch, wanted)
            && in_hand > queues * usize::from(wanted);
        let taking = match (flow, self.room) {
            (Flow::Shut(_), _) => Taking::Nothing,
            // A job that waited here beside a suspect would come back with it after a crash, and
            // look as if it had killed its worker itself.
            (_, Some(_)) if self.has_single => Taking::Nothing,
            (_, Some(_)) => Taking::Alone,
            (Flow::Open, None) if self.is_too_full => Taking::Nothing,
            (Flow::Open, None) => Taking::Full { prefetch: wanted },
            (Flow::Probe(_), None) => Taking::One,
        };
        self.has_single &= taking.is_single() || self.room.is_some();
        let is_as_it_was = match (self.taking, taking) {
            (Taking::Full { .. }, Taking::Full { .. }) => !is_worth_a_change(self.prefetch, wanted),
            (before, now) => before == now,
        };
        if is_as_it_was {
            return Action::Wait;
        }
        self.taking = taking;
        if taking != Taking::Nothing {
            self.prefetch = wanted;
            self.is_due_next = false;
        }
        Action::Take(taking)
    }

    fn received(&mut self, is_due_suspect: bool) -> Action {
        self.is_due_next = !self.is_due_next;
        self.has_single = self.taking.is_single();
        if is_due_suspect {
            self.room = self.room.map(|_| Room::Used);
        }
        let action = match self.taking {
            Taking::Alone => Action::StartAlone,
            Taking::Full { .. } | Taking::One | Taking::Nothing if is_due_suspect => {
                Action::StartAndEmpty
            }
            Taking::Full { .. } | Taking::One | Taking::Nothing => return Action::Start,
        };
        self.taking = Taking::Nothing;
        action
    }
}

/// The consumers are made anew for it.
fn is_worth_a_change(prefetch: u16, wanted: u16) -> bool {
    prefetch.abs_diff(wanted) > (prefetch / 4).max(2)
}

#[cfg(test)]
mod tests;
