//! The one broker there is goes down, in good order or not, and comes back.

use super::{all_are_answered_and_paid_once, on, submit};
use crate::harness::rabbitmq::Node;
use invoice_worker::telemetry::health::HealthState;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_stopped_or_killed_under_a_worker_costs_no_job_and_no_call() {
    let mut node = Node::start().await;
    for is_killed in [false, true] {
        let mut system = on(&[node.url()]).await.start().await;
        // Quorum queues keep their messages through a kill, but only where the node still knows of
        // the queue.
        node.write_declarations().await;
        submit(&system).await;
        if is_killed {
            node.kill().await;
        } else {
            node.stop().await;
        }
        system.workers[0].becomes(|state| !state.is_ready()).await;
        node.start_again().await;
        system.reconnect().await;
        system.workers[0].becomes(HealthState::is_ready).await;
        all_are_answered_and_paid_once(&mut system).await;
        system.drain().await;
    }
}
