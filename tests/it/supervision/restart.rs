//! The one broker there is goes down, in good order or not, and comes back.

use super::{all_are_answered_and_paid_once, on, submit};
use crate::harness::rabbitmq::Node;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_stopped_or_killed_under_a_worker_costs_no_job_and_no_call() {
    let mut node = Node::start().await;
    for is_killed in [false, true] {
        let mut system = on(&[node.url()]).await.start().await;
        submit(&system).await;
        if is_killed {
            node.kill().await;
        } else {
            node.stop().await;
        }
        let health = system.workers[0].health.clone();
        health.becomes(|state| !state.is_ready()).await;
        node.start_again().await;
        health.consuming().await;
        system.reconnect().await;
        all_are_answered_and_paid_once(&mut system).await;
        system.drain().await;
    }
}
