//! A worker killed at each step of the straight line. What it had not kept by then is asked again,
//! and paid again where the answer was on its way or just there; nothing else is.

use super::case::PLAIN;
use super::row::{ANSWERED, Row, Then, play_kills};
use super::stop::{self, Stop, Until, Wire};
use invoice_worker::domain::failure::Stage;

const fn row(name: &'static str, stop: Stop, paid: (u64, u64), results: usize) -> Row {
    Row::new(name, PLAIN, stop, ANSWERED, paid, results)
}

const fn before(sees: &'static str) -> Stop {
    Stop::before(Wire::Sandbox, sees)
}

const fn after(sees: &'static str, until: Until) -> Stop {
    Stop::after(Wire::Sandbox, sees, until)
}

#[rustfmt::skip]
const ROWS: [Row; 19] = [
    row("delivered, and nothing done", before(stop::IMAGE), (1, 1), 1),
    row("the image is there", before(stop::FIRST_LOOK), (1, 1), 1),
    row("recognition is about to be asked", before(stop::RECOGNITION), (1, 1), 1),
    row("recognition is in the air", after(stop::RECOGNITION, Until::Answered(Stage::Recognition)), (2, 1), 1),
    row("recognition has answered, and neither that nor the bill's mark is kept", Stop::NOTHING_READ, (2, 1), 1),
    row("the bill's mark is kept, and recognition is not", Stop::MARK_ALONE, (2, 1), 1),
    row("recognition is kept, and the bill's mark is not", Stop::RECOGNITION_ALONE, (1, 1), 1),
    row("the bill's mark is kept, unknown to the worker", after(stop::KEEP_MARK, Until::Stored("checkpoints/recognition/")), (1, 1), 1),
    row("recognition is kept, unknown to the worker", after(stop::KEEP_RECOGNITION, Until::Stored("checkpoints/recognition/")), (1, 1), 1),
    row("verification is about to be asked", before(stop::VERIFICATION), (1, 1), 1),
    row("verification is in the air", after(stop::VERIFICATION, Until::Answered(Stage::Verification)), (1, 2), 1),
    row("verification has answered, and neither it nor the result is kept", Stop::NOTHING_CONCLUDED, (1, 2), 1),
    row("verification is kept, and the result is not", Stop::VERIFICATION_ALONE, (1, 1), 1),
    row("the result is kept, and verification is not", Stop::RESULT_ALONE, (1, 1), 1),
    row("the result is kept, unknown to the worker", after(stop::KEEP_RESULT, Until::Stored("checkpoints/result/")), (1, 1), 1),
    row("the result is kept", Stop::before(Wire::Broker, stop::RESULT), (1, 1), 1),
    row("the result is published, unknown to the worker", Stop::after(Wire::Broker, stop::RESULT, Until::Replied), (1, 1), 2),
    row("the result is published", Stop::unacknowledged(Until::Replied), (1, 1), 2),
    // Its result, and that of the job which showed that this one was acknowledged.
    Row::new("the job is acknowledged", PLAIN, Stop::ACKNOWLEDGED, &[Then::Answered, Then::Answered], (1, 1), 1),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_at_any_step_leaves_a_job_that_is_answered_and_no_kept_answer_is_paid_again()
 {
    play_kills(&ROWS).await;
}
