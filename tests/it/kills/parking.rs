//! A worker killed while it parks a job. Between the broker's confirm and the acknowledgement that
//! forks the job: two copies of one run.

use super::case::{Arrives, LONG, PARKS, PLAIN};
use super::row::{ANSWERED, Row, Then, play_kills};
use super::stop::{self, Stop, Until, Wire};

const BEFORE: Stop = Stop::before(Wire::Broker, stop::PARKED);
const UNCONFIRMED: Stop = Stop::after(Wire::Broker, stop::PARKED, Until::Parked);
const UNACKNOWLEDGED: Stop = Stop::unacknowledged(Until::Parked);
const UNTOLD: Stop = Stop {
    until: Until::Parked,
    ..Stop::before(Wire::Broker, stop::PROGRESS_MESSAGE)
};

/// The redelivered copy is answered, and the parked one finds that out when it comes back.
const FORKED: &[Then] = &[Then::Answered, Then::Woken, Then::Dropped];
/// Both copies wait, and the second repeats the answer of the first: whoever stored that may have
/// died before it was published.
const BOTH_WAIT: &[Then] = &[
    Then::Waiting(2),
    Then::Woken,
    Then::Answered,
    Then::Woken,
    Then::Answered,
];

/// Asked twice, whatever happens: the registry's first answer asks for that, and is paid for.
#[rustfmt::skip]
const ROWS: [Row; 12] = [
    Row::new("about to be parked", PARKS, BEFORE, ANSWERED, (1, 2), 1),
    Row::new("parked, unknown to the worker", PARKS, UNCONFIRMED, FORKED, (1, 2), 1),
    Row::new("parked", PARKS, UNACKNOWLEDGED, FORKED, (1, 2), 1),
    Row::new("parked and acknowledged", PARKS, Stop::ACKNOWLEDGED, &[Then::Answered, Then::Woken, Then::Answered], (1, 2), 1),
    Row::new("the parked copy comes back first", PARKS.waiting(LONG), UNCONFIRMED, BOTH_WAIT, (1, 2), 2),
    Row::new("a returned job is about to be parked", PARKS.arriving(Arrives::Returned), BEFORE, ANSWERED, (1, 2), 1),
    Row::new("a returned job is parked", PARKS.arriving(Arrives::Returned), UNACKNOWLEDGED, FORKED, (1, 2), 1),
    Row::new("parked, and the client not told", PARKS.arriving(Arrives::Curious), UNTOLD, FORKED, (1, 2), 1),
    Row::new("an orphan is about to wait", PLAIN.waiting(LONG).arriving(Arrives::Orphaned(1)), BEFORE, &[Then::Waiting(1), Then::Woken, Then::Answered], (1, 1), 1),
    Row::new("an orphan waits", PLAIN.waiting(LONG).arriving(Arrives::Orphaned(1)), UNACKNOWLEDGED, BOTH_WAIT, (1, 1), 2),
    Row::new("a suspect is about to be parked", PLAIN.arriving(Arrives::Orphaned(3)), Stop::before(Wire::Broker, stop::SUSPECT), ANSWERED, (1, 1), 1),
    Row::new("a suspect is parked", PLAIN.arriving(Arrives::Orphaned(3)), Stop::unacknowledged(Until::Suspected), &[Then::Answered, Then::Answered], (1, 1), 2),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_while_it_parks_leaves_a_job_that_is_answered_however_many_copies_there_are()
 {
    play_kills(&ROWS).await;
}
