//! Three nodes, any of which may go: the others have the jobs.

use super::{SAMPLES, all_are_answered_and_paid_once, on, submit};
use crate::harness::rabbitmq::{Cluster, Node};
use crate::harness::system::System;
use invoice_worker::broker::Broker;
use invoice_worker::settings::secret::Secret;

/// One test, because a cluster takes a while to start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_outlive_the_loss_of_any_node_of_their_cluster() {
    let mut cluster = Cluster::start(3).await;
    the_leader_of_the_jobs_is_killed(&mut cluster).await;
    the_leadership_moves(&cluster).await;
    the_node_of_a_worker_is_stopped(&mut cluster).await;
}

/// One worker knows only a node that survives; the other knows all, and is connected to the leader.
async fn the_leader_of_the_jobs_is_killed(cluster: &mut Cluster) {
    let mut system = on(&[cluster.nodes[0].url()]).await.prepare().await;
    let leader = cluster.leader_of(&system.config.broker.jobs_queue).await;
    let urls: Vec<String> = (0..3)
        .map(|step| cluster.nodes[(leader + step) % 3].url())
        .collect();
    speak_to(&mut system, &urls[1..2]);
    system.work().await;
    speak_to(&mut system, &urls);
    system.work().await;
    // The replies, too, are on a node that survives: a classic queue goes with its node.
    speak_to(&mut system, &urls[2..]);
    system.reply_to = format!("{}.elsewhere", system.reply_to);
    let session = system.broker.connect().await.unwrap();
    session.temporary_queue(&system.reply_to).await.unwrap();
    system.reconnect().await;
    submit(&system).await;

    cluster.nodes[leader].kill().await;
    all_are_answered_and_paid_once(&mut system).await;
    assert_ne!(
        cluster.leader_of(&system.config.broker.jobs_queue).await,
        leader
    );
    system.retire().await;
    let key = system.sample(SAMPLES[0]).await;
    let job = system.job("for the worker that had to come back", &key);
    assert_eq!(system.ask(&job).await["status"], "completed");
    system.drain().await;
    cluster.nodes[leader].start_again().await;
}

async fn the_leadership_moves(cluster: &Cluster) {
    let mut system = on(&[cluster.nodes[0].url()]).await.start().await;
    let jobs = system.config.broker.jobs_queue.clone();
    let leader = cluster.leader_of(&jobs).await;
    submit(&system).await;
    let member = |node: usize| format!("{{'%2F_{jobs}', '{}'}}", cluster.nodes[node].name);
    let transfer = format!(
        "ra:transfer_leadership({}, {}).",
        member(leader),
        member((leader + 1) % 3)
    );
    assert_eq!(cluster.nodes[leader].ctl(&["eval", &transfer]).await, "ok");
    all_are_answered_and_paid_once(&mut system).await;
    assert_ne!(cluster.leader_of(&jobs).await, leader);
    system.drain().await;
}

async fn the_node_of_a_worker_is_stopped(cluster: &mut Cluster) {
    let urls: Vec<String> = cluster.nodes.iter().map(Node::url).collect();
    let mut system = on(&urls[1..2]).await.prepare().await;
    speak_to(&mut system, &urls);
    system.work().await;
    submit(&system).await;
    cluster.nodes[0].stop().await;
    all_are_answered_and_paid_once(&mut system).await;
    system.drain().await;
}

/// Who works, or connects, from now on begins with the first of these.
fn speak_to(system: &mut System, urls: &[String]) {
    system.config.broker.urls = urls.iter().map(|url| Secret::new(url)).collect();
    system.broker = Broker::new(&system.config.broker).unwrap();
}
