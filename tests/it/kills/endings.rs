//! A worker killed while it publishes something else than a new result: the copy of a failed job,
//! an answer that its reply queue does not take, an answer that was given before.

use super::case::{Arrives, Case, FAILS, PLAIN};
use super::row::{ANSWERED, Row, Then, play_kills};
use super::stop::{self, Stop, Until, Wire};

const UNWELCOME: Case = PLAIN.arriving(Arrives::Unwelcome);
const MALFORMED: Case = PLAIN.arriving(Arrives::Malformed);
const AGAIN: Case = PLAIN.arriving(Arrives::Again);

const PARKS: Stop = Stop::before(Wire::Broker, stop::PARKED);
const PARKED: Stop = Stop::after(Wire::Broker, stop::PARKED, Until::Parked);
const COPIES: Stop = Stop::before(Wire::Broker, stop::FAILED);
const COPIED: Stop = Stop::after(Wire::Broker, stop::FAILED, Until::InTheFailedQueue);
const ANSWERS: Stop = Stop::before(Wire::Broker, stop::RESULT);
const PUBLISHED: Stop = Stop::after(Wire::Broker, stop::RESULT, Until::Replied);
const UNACKNOWLEDGED: Stop = Stop::unacknowledged(Until::Replied);

/// The copy that was parked with its answer repeats it.
const TWICE: &[Then] = &[Then::Welcome, Then::Answered, Then::Woken, Then::Answered];

#[rustfmt::skip]
const ROWS: [Row; 12] = [
    Row::new("a failed job is about to be copied", FAILS, COPIES, ANSWERED, (1, 1), 1).failed(1),
    Row::new("a failed job is copied, unknown to the worker", FAILS, COPIED, ANSWERED, (1, 1), 1).failed(2),
    Row::new("a failed job is copied", FAILS, Stop { until: Until::InTheFailedQueue, ..ANSWERS }, ANSWERED, (1, 1), 1).failed(2),
    Row::new("a failed job is answered, unknown to the worker", FAILS, PUBLISHED, ANSWERED, (1, 1), 2).failed(2),
    Row::new("a failed job is answered", FAILS, UNACKNOWLEDGED, ANSWERED, (1, 1), 2).failed(2),
    Row::new("a malformed job is copied", MALFORMED, COPIED, ANSWERED, (0, 0), 1).failed(2),
    Row::new("a malformed job is answered", MALFORMED, UNACKNOWLEDGED, ANSWERED, (0, 0), 2).failed(2),
    Row::new("an unwelcome answer is about to be parked", UNWELCOME, PARKS, &[Then::Welcome, Then::Answered], (1, 1), 1),
    Row::new("an unwelcome answer is parked, unknown to the worker", UNWELCOME, PARKED, TWICE, (1, 1), 2),
    Row::new("an unwelcome answer is parked", UNWELCOME, Stop::unacknowledged(Until::Parked), TWICE, (1, 1), 2),
    Row::new("an old answer is about to be repeated", AGAIN, ANSWERS, ANSWERED, (1, 1), 2),
    Row::new("an old answer is repeated", AGAIN, UNACKNOWLEDGED, ANSWERED, (1, 1), 3),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_while_it_publishes_leaves_no_job_unanswered_and_no_failure_uncopied() {
    play_kills(&ROWS).await;
}
