//! A job whose worker is killed, and the next one, too: what the first bought is in the ledger.

use super::case::PLAIN;
use super::row_run::{End, RowRun};
use super::stop::{self, Stop, Until, Wire};

/// The second worker finds the recognition of the first, and keeps a result that does not list its
/// call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_the_first_is_told_although_the_second_dies_with_its_result() {
    let mut run = RowRun::prepare(&PLAIN).await;
    let is_kept = Until::Stored("checkpoints/recognition/");
    let first = run
        .stopped(&Stop::after(Wire::Sandbox, stop::KEEP_RECOGNITION, is_kept))
        .await;
    run.kill(first).await;
    let second = run.stopped(&Stop::before(Wire::Broker, stop::RESULT)).await;
    run.kill(second).await;
    let third = run.worker();
    run.result().await;
    let end = End {
        paid: (1, 1),
        results: 1,
        failed: 0,
    };
    run.ends(vec![third], &end).await;
}
