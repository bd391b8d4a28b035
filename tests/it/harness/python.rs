//! Programs of the tests' Python environment, `target/test-venv`: an S3 server that is not ours,
//! and a client in another language.

use super::rabbitmq::free_port;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

/// Two seconds alone; many times that beside a compiler.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// Ends the server when standard input ends, which is when the test process is gone.
const WATCHDOG: &str = r#"
"$0" -H 127.0.0.1 -p "$1" >/dev/null 2>&1 &
server=$!
cat >/dev/null
kill -KILL "$server"
"#;

static MOTO_OF_THIS_RUN: OnceCell<Moto> = OnceCell::const_new();

#[derive(Debug)]
struct Moto {
    port: u16,
    /// Its standard input keeps the server alive.
    _watchdog: Child,
}

/// A program of the environment, by its name there.
pub(crate) fn program(name: &str, variable: &str) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(
        || {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("target/test-venv/bin")
                .join(name)
        },
        PathBuf::from,
    );
    assert!(
        path.exists(),
        "{} is missing: python3 -m venv target/test-venv && target/test-venv/bin/pip install pika 'moto[server]' (or set {variable})",
        path.display()
    );
    path
}

/// The endpoint of this run's `moto`, which is started by the first who asks.
pub(crate) async fn moto_url() -> String {
    format!(
        "http://127.0.0.1:{}",
        MOTO_OF_THIS_RUN.get_or_init(Moto::start).await.port
    )
}

impl Moto {
    async fn start() -> Self {
        let port = free_port();
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG])
            .arg(program("moto_server", "INVOICE_WORKER_TEST_MOTO"))
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh can be started");
        let listening = async {
            // A server that is still starting accepts no connection, so there is nothing to wait on
            // but trying.
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(START_TIMEOUT, listening)
            .await
            .expect("moto starts in time");
        Self {
            port,
            _watchdog: watchdog,
        }
    }
}
