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
        queues: 1,
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
fn each_job_queue_may_have_as_many_jobs_in_hand() {
    let of_three = |wanted, in_hand| Event::Round {
        flow: &OPEN,
        wanted,
        queues: 3,
        in_hand,
    };
    let mut intake = Intake::default();
    intake.on(of_three(64, 0));
    assert_eq!(
        intake.on(of_three(16, 48)),
        Action::Take(Full { prefetch: 16 })
    );
    intake.on(of_three(64, 0));
    assert_eq!(intake.on(of_three(16, 49)), Action::Take(Nothing));
    assert!(intake.is_too_full());
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
