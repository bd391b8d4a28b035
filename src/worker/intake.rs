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
    /// Jobs of both queues, with so many of the jobs queue unsettled.
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
    /// The breaker's flow, the prefetch that is `wanted` or the number of jobs in hand may be
    /// another one.
    Round {
        flow: &'a Flow,
        wanted: u16,
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
    /// The prefetch of the due queue's consumer and of the jobs queue's; none where there is no
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
                in_hand,
            } => return self.round(flow, wanted, in_hand),
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

    /// Does the jobs queue come before the due queue?
    ///
    /// Returned jobs come first. One at a time it is the other way round: those that return have
    /// tried, and one that fails for itself must not keep the others out. The job after that is a
    /// returned one again: new ones may never get as far.
    pub(super) fn is_jobs_queue_first(&self) -> bool {
        self.taking == Taking::One && !self.is_due_next
    }

    fn round(&mut self, flow: &Flow, wanted: u16, in_hand: usize) -> Action {
        self.is_too_full = wanted < self.prefetch
            && is_worth_a_change(self.prefetch, wanted)
            && in_hand > usize::from(wanted);
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
mod tests {
    use super::Action::{Start, StartAlone, StartAndEmpty, Take, Wait};
    use super::Taking::{Alone, Full, Nothing, One};
    use super::*;

    static OPEN: Flow = Flow::Open;
    static PROBE: Flow = Flow::Probe(Vec::new());
    static SHUT: Flow = Flow::Shut(Vec::new());

    fn round(flow: &Flow, wanted: u16, in_hand: usize) -> Event<'_> {
        Event::Round {
            flow,
            wanted,
            in_hand,
        }
    }

    const JOB: Event<'_> = Event::Received {
        is_due_suspect: false,
    };
    const SUSPECT: Event<'_> = Event::Received {
        is_due_suspect: true,
    };

    #[test]
    fn each_event_leads_to_its_state_and_actions() {
        let full = |prefetch| Take(Full { prefetch });
        let room = Event::Emptied { is_empty: true };
        let no_room = Event::Emptied { is_empty: false };
        let cases: [(&str, &[(Event<'_>, Action)]); 12] = [
            (
                "an open flow is taken in full, once",
                &[
                    (round(&OPEN, 8, 0), full(8)),
                    (round(&OPEN, 8, 8), Wait),
                    (JOB, Start),
                ],
            ),
            (
                "a pause takes nothing, and its end in full again",
                &[
                    (round(&OPEN, 8, 0), full(8)),
                    (round(&SHUT, 8, 5), Take(Nothing)),
                    (round(&SHUT, 8, 5), Wait),
                    (round(&OPEN, 8, 5), full(8)),
                ],
            ),
            (
                "more is wanted: consumers are made anew where it is worth it",
                &[
                    (round(&OPEN, 8, 0), full(8)),
                    (round(&OPEN, 10, 0), Wait),
                    (round(&OPEN, 11, 8), full(11)),
                    (round(&OPEN, 9, 11), Wait),
                ],
            ),
            (
                "less is wanted: first some have to end",
                &[
                    (round(&OPEN, 20, 0), full(20)),
                    (round(&OPEN, 5, 20), Take(Nothing)),
                    (round(&OPEN, 5, 6), Wait),
                    (round(&OPEN, 5, 5), full(5)),
                ],
            ),
            (
                "too many in hand when a pause ends",
                &[
                    (round(&OPEN, 20, 0), full(20)),
                    (round(&SHUT, 20, 20), Take(Nothing)),
                    (round(&OPEN, 5, 20), Wait),
                    (round(&OPEN, 18, 20), full(18)),
                ],
            ),
            (
                "a paused stage is probed one by one",
                &[
                    (round(&PROBE, 8, 0), Take(One)),
                    (JOB, Start),
                    (round(&PROBE, 8, 1), Wait),
                    (Event::SingleEnded, Wait),
                    (round(&PROBE, 8, 0), Wait),
                    (round(&OPEN, 8, 0), full(8)),
                ],
            ),
            (
                "a suspect is started, to be parked, and comes back alone",
                &[
                    (round(&OPEN, 8, 0), full(8)),
                    (SUSPECT, StartAndEmpty),
                    (room, Wait),
                    (round(&OPEN, 8, 0), Take(Alone)),
                    (SUSPECT, StartAlone),
                    (round(&OPEN, 8, 1), Wait),
                    (Event::SingleEnded, Wait),
                    (round(&OPEN, 8, 0), full(8)),
                ],
            ),
            (
                "another returned job comes first: the room is kept",
                &[
                    (round(&OPEN, 8, 0), full(8)),
                    (SUSPECT, StartAndEmpty),
                    (room, Wait),
                    (round(&OPEN, 8, 0), Take(Alone)),
                    (JOB, StartAlone),
                    (Event::SingleEnded, Wait),
                    (round(&OPEN, 8, 0), Take(Alone)),
                ],
            ),
            (
                "the suspect went to another worker",
                &[
                    (round(&OPEN, 8, 0), full(8)),
                    (SUSPECT, StartAndEmpty),
                    (room, Wait),
                    (round(&OPEN, 8, 0), Take(Alone)),
                    (Event::RoomExpired, Wait),
                    (round(&OPEN, 8, 0), full(8)),
                ],
            ),
            (
                "a job took too long to end: no room",
                &[
                    (round(&OPEN, 8, 0), full(8)),
                    (SUSPECT, StartAndEmpty),
                    (no_room, Wait),
                    (round(&OPEN, 8, 1), full(8)),
                ],
            ),
            (
                "a pause keeps the room",
                &[
                    (round(&PROBE, 8, 0), Take(One)),
                    (SUSPECT, StartAndEmpty),
                    (room, Wait),
                    (round(&SHUT, 8, 0), Wait),
                    (round(&PROBE, 8, 0), Wait),
                    (Event::SingleEnded, Wait),
                    (round(&PROBE, 8, 0), Take(Alone)),
                ],
            ),
            (
                "a probe that is under way holds up no other one once there was a pause",
                &[
                    (round(&PROBE, 8, 0), Take(One)),
                    (JOB, Start),
                    (round(&SHUT, 8, 1), Take(Nothing)),
                    (round(&PROBE, 8, 1), Take(One)),
                    (JOB, Start),
                ],
            ),
        ];
        for (name, steps) in cases {
            let mut intake = Intake::default();
            for (number, (event, expected)) in steps.iter().enumerate() {
                assert_eq!(
                    intake.on(*event),
                    *expected,
                    "{name}: step {number}, {event:?}"
                );
            }
        }
    }

    #[test]
    fn a_job_waits_for_the_one_before_it_only_while_jobs_are_taken_one_by_one() {
        let mut intake = Intake::default();
        intake.on(round(&OPEN, 8, 0));
        intake.on(JOB);
        assert!(!intake.has_single());
        intake.on(round(&PROBE, 8, 1));
        intake.on(JOB);
        assert!(intake.has_single());
        intake.on(round(&PROBE, 8, 2));
        assert!(intake.has_single());
        intake.on(round(&OPEN, 8, 2));
        assert!(!intake.has_single());
    }

    #[test]
    fn the_queues_take_turns_where_one_job_is_taken_at_a_time_and_a_new_one_comes_first() {
        let mut intake = Intake::default();
        intake.on(round(&PROBE, 8, 0));
        let firsts = [(); 4].map(|()| {
            let first = intake.is_jobs_queue_first();
            intake.on(JOB);
            first
        });
        assert_eq!(firsts, [true, false, true, false]);
        intake.on(round(&OPEN, 8, 0));
        assert!(
            !intake.is_jobs_queue_first(),
            "otherwise returned jobs come first"
        );
    }

    #[test]
    fn returned_jobs_have_a_small_prefetch_of_their_own() {
        for (taking, expected) in [
            (Full { prefetch: 100 }, (Some(16), Some(100))),
            (Full { prefetch: 4 }, (Some(4), Some(4))),
            (One, (Some(1), Some(1))),
            (Alone, (Some(1), None)),
            (Nothing, (None, None)),
        ] {
            assert_eq!(taking.prefetches(), expected, "{taking:?}");
        }
    }
}
