//! Several nodes that hold their quorum queues together.

use super::super::eventually::eventually;
use super::node::{Family, Node};
use futures_util::future::join_all;

#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
}

impl Cluster {
    /// Returns when every node serves and knows of all others.
    pub(crate) async fn start(size: usize) -> Self {
        let family = Family::new();
        let mut nodes: Vec<Node> = (0..size).map(|_| Node::of(&family)).collect();
        let peers = nodes.iter().zip(1..).map(|(node, number)| {
            format!(
                "cluster_formation.classic_config.nodes.{number} = {}",
                node.name
            )
        });
        let peers = peers.collect::<Vec<_>>().join("\n");
        let formation =
            format!("cluster_formation.peer_discovery_backend = classic_config\n{peers}\n");
        for node in &nodes {
            node.configure(&formation);
        }
        // All at once: they wait for each other.
        join_all(nodes.iter_mut().map(Node::launch)).await;
        join_all(nodes.iter().map(Node::served)).await;
        nodes[0]
            .ctl(&["await_online_nodes", &size.to_string()])
            .await;
        Self { nodes }
    }

    /// The index of the node that leads this quorum queue, as soon as there is one.
    pub(crate) async fn leader_of(&self, queue: &str) -> usize {
        let asked = self
            .nodes
            .iter()
            .find(|node| node.runs())
            .expect("a node runs");
        let mut found = None;
        eventually("a leader", async || {
            let table = asked
                .ctl(&["list_queues", "--no-table-headers", "name", "leader"])
                .await;
            let leader = table
                .lines()
                .find_map(|line| line.strip_prefix(queue)?.strip_prefix('\t'))
                .map(str::trim);
            found = self
                .nodes
                .iter()
                .position(|node| node.runs() && leader == Some(&node.name));
            found.is_some()
        })
        .await;
        found.expect("a leader was found")
    }
}
