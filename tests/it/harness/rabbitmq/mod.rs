//! RabbitMQ for tests: one server that the tests of a run share, and servers of a test's own, which
//! may be stopped, killed and clustered. All of them are on loopback, in temporary folders, and
//! gone when the test process is, however it ends.

mod cluster;
mod installation;
mod keeper;
mod node;
pub(crate) mod users;

pub(crate) use cluster::Cluster;
pub(crate) use node::Node;

use super::tls::Tls;
use lapin::Connection;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
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
    format!(
        "amqp://{user}:{password}@127.0.0.1:{}/{vhost}",
        port().await
    )
}

pub(crate) async fn port() -> u16 {
    shared().await.node.port
}

/// The TLS side of the same broker.
pub(crate) async fn tls() -> &'static Tls {
    &shared().await.tls
}

/// Whoever comes with the certificate of `client` is a user of that name from now on.
pub(crate) async fn add_the_user_of_the_client_certificate() {
    let node = &shared().await.node;
    node.ctl(&["add_user", "client", "no password is asked for"])
        .await;
    node.ctl(&["set_permissions", "client", ".*", ".*", ".*"])
        .await;
}

/// A name no other test of this run has, for queues on the shared broker.
pub(crate) fn unique_name() -> String {
    format!("t{}", NAMES.fetch_add(1, Ordering::Relaxed))
}

/// A port on which nobody listens, for a server that starts later, or is sometimes down, or for
/// none: below those that the system gives to whoever asks for any, lest one of them is in its
/// place. Where to begin differs from process to process.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const PORTS: u32 = 12_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id() % PORTS * 61;
    loop {
        let offset = (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let port = FIRST + u16::try_from(offset).expect("it is below 12,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A queue of one message, which refuses the next one.
pub(crate) async fn queue_of_one(connection: &Connection, name: &str) {
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(1));
    arguments.insert(
        "x-overflow".into(),
        AMQPValue::LongString("reject-publish".into()),
    );
    let channel = connection.create_channel().await.unwrap();
    channel
        .queue_declare(name.into(), QueueDeclareOptions::default(), arguments)
        .await
        .unwrap();
}

async fn shared() -> &'static Shared {
    SERVER_OF_THIS_RUN
        .get_or_init(|| async {
            let mut node = Node::prepared();
            let tls = Tls::new(node.folder());
            node.configure(&tls.server_config(node.folder_inside()));
            node.enable("rabbitmq_auth_mechanism_ssl");
            node.start_again().await;
            Shared { node, tls }
        })
        .await
}
