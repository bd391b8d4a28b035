//! The broker of the scenario: one node, or three that hold the queues together.

use super::arguments::Stage;
use super::harness::rabbitmq::{Cluster, Node};
use std::collections::BTreeMap;

const NODES: usize = 3;

#[derive(Debug)]
pub(crate) enum Rabbit {
    Single(Node),
    Cluster(Cluster),
}

/// How a node goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Downfall {
    Stopped,
    Killed,
}

impl Rabbit {
    pub(crate) async fn start(stage: Stage) -> Self {
        match stage {
            Stage::Single => Self::Single(Node::start().await),
            Stage::Cluster => Self::Cluster(Cluster::start(NODES).await),
        }
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        match self {
            Self::Single(node) => std::slice::from_ref(node),
            Self::Cluster(cluster) => &cluster.nodes,
        }
    }

    /// Of a cluster the node that leads this queue: down, and up again.
    pub(crate) async fn restart(&mut self, downfall: Downfall, queue: &str) {
        let node = match self {
            Self::Single(node) => node,
            Self::Cluster(cluster) => {
                let leader = cluster.leader_of(queue).await;
                &mut cluster.nodes[leader]
            }
        };
        match downfall {
            Downfall::Stopped => node.stop().await,
            Downfall::Killed => node.kill().await,
        }
        node.start_again().await;
    }

    /// Messages by queue, those handed out included. Not what workers tell each other: that is in
    /// queues without a name of their own; and not the events of the ledger.
    pub(crate) async fn messages(&self) -> BTreeMap<String, u64> {
        let table = self.nodes()[0]
            .ctl(&[
                "list_queues",
                "--no-table-headers",
                "name",
                "messages",
                "type",
            ])
            .await;
        let rows = table.lines().filter_map(|line| {
            let mut columns = line.split('\t');
            Some((columns.next()?, columns.next()?, columns.next()?))
        });
        // What is in a stream stays there, and waits for nothing.
        let queues =
            rows.filter(|(name, _, kind)| !name.starts_with("amq.") && !kind.contains("stream"));
        queues
            .map(|(name, count, _)| (name.to_owned(), count.trim().parse().unwrap()))
            .collect()
    }
}
