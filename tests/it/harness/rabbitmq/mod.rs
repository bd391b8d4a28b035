//! RabbitMQ for tests: one server that the tests of a run share, and servers of a test's own, which may be stopped, killed and clustered.
//! All of them are on loopback, in temporary folders, and gone when the test process is, however it ends.

mod cluster;
mod installation;
mod keeper;
mod node;

pub(crate) use cluster::Cluster;
pub(crate) use node::Node;

use super::tls::Tls;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::OnceCell;

static SERVER_OF_THIS_RUN: OnceCell<Shared> = OnceCell::const_new();
static NAMES: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
struct Shared {
    node: Node,
    tls: Tls,
}

/// The URL of this run's broker, which is started by the first who asks.
pub(crate) async fn url() -> String {
    url_of("guest", "guest", "%2f").await
}

pub(crate) async fn url_of(user: &str, password: &str, vhost: &str) -> String {
    format!("amqp://{user}:{password}@127.0.0.1:{}/{vhost}", port().await)
}

pub(crate) async fn port() -> u16 {
    shared().await.node.port
}

/// The TLS side of the same broker.
pub(crate) async fn tls() -> &'static Tls {
    &shared().await.tls
}

/// A name no other test of this run has, for queues on the shared broker.
pub(crate) fn unique_name() -> String {
    format!("t{}", NAMES.fetch_add(1, Ordering::Relaxed))
}

/// A port on which nobody listens.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

async fn shared() -> &'static Shared {
    SERVER_OF_THIS_RUN
        .get_or_init(|| async {
            let mut node = Node::prepared();
            let tls = Tls::new(node.folder());
            node.configure(&tls.server_config(node.folder_inside()));
            node.start_again().await;
            Shared { node, tls }
        })
        .await
}
