//! One RabbitMQ for the whole run: on loopback and free ports, in a temporary folder, gone when the test process is, however it ends.

use super::tls::Tls;
use lapin::Connection;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

/// The package's own script: the one in the path insists on the user `rabbitmq`.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// Ten seconds alone; several times that beside a compiler.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// Server and name daemon in a process group of their own, killed as one when standard input ends: that is when the test process is
/// gone, even by a signal. Statics are never dropped, so nothing in the process could do it.
const WATCHDOG: &str = r#"
setsid sh -c 'epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 & exec "$0"' "$1" >"$2/server.log" 2>&1 &
group=$!
cat >/dev/null
kill -KILL "-$group"
wait "$group" 2>/dev/null
rm -rf "$2"
"#;

static SERVER_OF_THIS_RUN: OnceCell<Server> = OnceCell::const_new();
static NAMES: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
struct Server {
    port: u16,
    tls: Tls,
    /// Its standard input keeps the server alive.
    _watchdog: Child,
}

/// The URL of this run's broker, which is started by the first who asks.
pub(crate) async fn url() -> String {
    url_of("guest", "guest", "%2f").await
}

pub(crate) async fn url_of(user: &str, password: &str, vhost: &str) -> String {
    format!("amqp://{user}:{password}@127.0.0.1:{}/{vhost}", port().await)
}

pub(crate) async fn port() -> u16 {
    SERVER_OF_THIS_RUN.get_or_init(Server::start).await.port
}

/// The TLS side of the same broker.
pub(crate) async fn tls() -> &'static Tls {
    &SERVER_OF_THIS_RUN.get_or_init(Server::start).await.tls
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

/// A queue of one message, which refuses the next one.
pub(crate) async fn queue_of_one(connection: &Connection, name: &str) {
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let channel = connection.create_channel().await.unwrap();
    channel.queue_declare(name.into(), QueueDeclareOptions::default(), arguments).await.unwrap();
}

impl Server {
    async fn start() -> Self {
        assert!(Path::new(SERVER).exists(), "{SERVER} is missing: apt-get install rabbitmq-server");
        // Removed by the watchdog, after the server.
        let folder = TempDir::new().expect("a temporary folder can be made").keep();
        let port = free_port();
        let tls = Tls::new(&folder);
        let watchdog = watchdog(&folder, port, &tls);
        let server = Self { port, tls, _watchdog: watchdog };
        if timeout(START_TIMEOUT, server.answers()).await.is_err() {
            let log = fs::read_to_string(folder.join("server.log")).unwrap_or_default();
            panic!("RabbitMQ did not start within {START_TIMEOUT:?}:\n{log}");
        }
        server
    }

    /// A server that is still starting accepts no connection, so there is nothing to wait on but trying.
    async fn answers(&self) {
        while self.handshake().await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn handshake(&self) -> std::io::Result<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
        stream.read_u8().await
    }
}

fn watchdog(folder: &Path, port: u16, tls: &Tls) -> Child {
    let file = |name: &str, content: &str| -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, content).expect("the temporary folder can be written");
        path
    };
    let config = format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\ndisk_free_limit.absolute = 50MB\nvm_memory_high_watermark.absolute = 1GB\n\
         log.file.level = warning\ncollect_statistics = none\n{}",
        tls.server_config()
    );
    Command::new("sh")
        .args(["-c", WATCHDOG, "watchdog", SERVER])
        .arg(folder)
        .env("HOME", folder)
        .env("RABBITMQ_NODENAME", "tests@localhost")
        .env("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf", &config))
        .env("RABBITMQ_CONF_ENV_FILE", file("rabbitmq-env.conf", ""))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins", "[].\n"))
        .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
        .env("RABBITMQ_LOG_BASE", folder.join("log"))
        .env("RABBITMQ_DIST_PORT", free_port().to_string())
        .env("ERL_EPMD_PORT", free_port().to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Out of reach of a terminal's interrupt, which would end it before it has cleaned up.
        .process_group(0)
        .spawn()
        .expect("sh can be started")
}
