//! The consumers of several job queues.

use super::{body, config, job, within};
use crate::harness::rabbitmq;
use invoice_worker::broker::{Broker, Config, JobConsumers, JobQueue, Settled};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_from_rabbitmq_says_which_job_queue_it_came_from() {
    let mut taken = taken(config(&rabbitmq::url().await, &rabbitmq::unique_name())).await;
    taken.sort_unstable();
    assert_eq!(taken, ["a", "a", "a", "b", "c", "due"]);
}

/// In memory a message is there at once, so that the order is certain.
#[tokio::test]
async fn job_queues_take_turns() {
    let taken = taken(config("memory://", "memory")).await;
    assert_eq!(taken, ["a", "b", "c", "due", "a", "a"]);
}

/// Takes one job at a time, as while a stage is probed; the due queue comes first for the fourth.
async fn taken(mut config: Config) -> Vec<String> {
    let named = |name: &str| JobQueue {
        queue: format!("{}.{name}", config.jobs_queue),
        ..JobQueue::default()
    };
    config.jobs = ["a", "b", "c"].map(named).to_vec();
    let session = within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap();
    within(session.topology()).await.unwrap();
    let publisher = session.publisher();
    for index in [0, 0, 0, 1, 2] {
        let queue = &config.jobs[index].queue;
        publisher.publish(queue, &job(queue)).await.unwrap();
    }
    let due = &config.due_queue;
    publisher.publish(due, &job(due)).await.unwrap();
    let mut consumers = JobConsumers::default();
    let replaced = consumers.replace(&session, &config, (Some(1), Some(1)));
    assert!(within(replaced).await.unwrap().is_empty());
    let mut taken = Vec::new();
    for is_jobs_queue_first in [true, true, true, false, true, true] {
        let next = within(consumers.next(is_jobs_queue_first)).await.unwrap();
        let queue = next.jobs_queue.as_deref().unwrap_or(due).to_owned();
        assert_eq!(queue, body(&next));
        taken.push(queue.rsplit('.').next().unwrap().to_owned());
        assert_eq!(next.settle().await, Settled::Acknowledged);
    }
    within(consumers.stop()).await;
    taken
}
