//! A worker that loses its connections at each step, and not its life. It finishes the call that it
//! is in and keeps the answer; whoever gets the job next goes on from there. Nothing is asked
//! twice.

use super::case::{LONG, PLAIN};
use super::play;
use super::row_run::{End, RowRun};
use super::stop::{self, Stop, Until, Wire};
use invoice_worker::domain::failure::Stage;

struct Row {
    name: &'static str,
    stop: Stop,
    /// What another worker makes of the redelivered job meanwhile.
    elsewhere: Elsewhere,
    results: usize,
}

enum Elsewhere {
    /// It waits: the answer that it may not buy again is still to come. By the time it goes on, so
    /// much is kept.
    Waits(Until),
    /// All that is paid for is kept: it answers at once.
    Answers,
}

const fn row(name: &'static str, stop: Stop, elsewhere: Elsewhere, results: usize) -> Row {
    Row {
        name,
        stop,
        elsewhere,
        results,
    }
}

const fn before(sees: &'static str) -> Stop {
    Stop::before(Wire::Sandbox, sees)
}

const fn after(sees: &'static str, until: Until) -> Stop {
    Stop::after(Wire::Sandbox, sees, until)
}

const RECOGNISED: Until = Until::Stored("checkpoints/recognition/");
const CONCLUDED: Until = Until::Stored("checkpoints/result/");

/// No further call is started for a job whose delivery is lost.
const NOTHING: Until = Until::Sent;

use Elsewhere::{Answers, Waits};

#[rustfmt::skip]
const ROWS: [Row; 14] = [
    row("delivered, and nothing done", before(stop::IMAGE), Waits(NOTHING), 1),
    row("the image is there", before(stop::FIRST_LOOK), Waits(NOTHING), 1),
    row("recognition is asked", before(stop::RECOGNITION), Waits(RECOGNISED), 1),
    row("recognition has answered", after(stop::RECOGNITION, Until::Answered(Stage::Recognition)), Waits(RECOGNISED), 1),
    row("recognition is about to be kept", before(stop::KEEP_RECOGNITION), Waits(RECOGNISED), 1),
    row("recognition is kept, unknown to the worker", after(stop::KEEP_RECOGNITION, RECOGNISED), Waits(NOTHING), 1),
    row("verification is asked", before(stop::VERIFICATION), Waits(CONCLUDED), 1),
    row("verification has answered", after(stop::VERIFICATION, Until::Answered(Stage::Verification)), Waits(CONCLUDED), 1),
    row("verification and result are about to be kept", Stop::NOTHING_CONCLUDED, Waits(CONCLUDED), 1),
    row("verification is kept, and the result is not", Stop::VERIFICATION_ALONE, Answers, 1),
    row("the result is kept, and verification is not", Stop::RESULT_ALONE, Answers, 1),
    row("the result is kept, unknown to the worker", after(stop::KEEP_RESULT, CONCLUDED), Answers, 1),
    row("the result is kept", Stop::before(Wire::Broker, stop::RESULT), Answers, 1),
    row("the result is published", Stop::unacknowledged(Until::Replied), Answers, 2),
];

const fn end(results: usize) -> End {
    End {
        paid: (1, 1),
        results,
        failed: 0,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_alone_comes_back_to_its_job_and_asks_nothing_twice() {
    play(&ROWS, |row| row.name, alone).await;
}

async fn alone(row: &Row) {
    let mut run = RowRun::prepare(&PLAIN).await;
    let mut worker = run.stopped(&row.stop).await;
    worker.event("consuming").await;
    run.to_broker.sever();
    worker.event("consuming").await;
    run.to_sandbox.release();
    while run.answered() < row.results {
        run.result().await;
    }
    run.ends(vec![worker], &end(row.results)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_worker_that_gets_the_job_waits_for_what_is_in_the_air_and_answers_it_once() {
    play(&ROWS, |row| row.name, beside_another).await;
}

async fn beside_another(row: &Row) {
    let mut run = RowRun::prepare(&PLAIN.waiting(LONG)).await;
    let mut worker = run.stopped(&row.stop).await;
    worker.event("consuming").await;
    let mut other = run.worker();
    other.event("consuming").await;
    run.to_broker.sever();
    if let Waits(kept) = row.elsewhere {
        other.event("job parked").await;
        // The first one knows as well that the job is no longer its own.
        worker.event("consuming").await;
        run.to_sandbox.release();
        run.reached(kept).await;
        run.wake().await;
    }
    while run.answered() < row.results {
        run.result().await;
    }
    // Too late to say anything, where it still waits for its turn.
    run.to_sandbox.release();
    run.ends(vec![worker, other], &end(row.results)).await;
}
