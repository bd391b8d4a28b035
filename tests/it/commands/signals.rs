//! Every command ends on a signal while it waits, also as the process with the number 1, as which a
//! container runs it.

use crate::harness::program::{ConfigFile, Program};
use crate::harness::rabbitmq::free_port;
use crate::harness::system::{On, Setup};
use invoice_worker::settings::secret::Secret;
use std::path::Path;
use tokio::net::TcpListener;

/// Takes connections and never says a word; tells of each.
async fn silent() -> (u16, TcpListener) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    (listener.local_addr().unwrap().port(), listener)
}

/// A configuration whose broker and store never answer, and the listeners behind them.
async fn where_nothing_answers() -> (ConfigFile, TcpListener, TcpListener) {
    let system = Setup::new(On::Memory).await.prepare().await;
    let mut config = system.config.clone();
    let ((broker_port, broker), (store_port, store)) = (silent().await, silent().await);
    config.broker.urls = vec![Secret::new(&format!(
        "amqp://guest:guest@127.0.0.1:{broker_port}"
    ))];
    config.storage.endpoint_url = format!("http://127.0.0.1:{store_port}");
    (ConfigFile::of_config(&config), broker, store)
}

/// Runs a command until it waits for `listener`, and ends it by a signal.
async fn interrupted(
    program: Program,
    listener: &TcpListener,
    signal: &str,
) -> (Option<i32>, String) {
    let waiting = tokio::time::timeout(crate::harness::system::PATIENCE, listener.accept())
        .await
        .expect("it connects")
        .unwrap();
    program.signal(signal).await;
    let ended = program.end().await;
    drop(waiting);
    (ended.code, ended.stderr)
}

/// What waits, and whether it is for the store; otherwise it is for the broker.
const WAITING: [(&[&str], bool); 5] = [
    (&["check"], false),
    (&["process", "s3://claims/a.jpg"], true),
    (&["failed", "list"], false),
    (&["failed", "replay", "--yes"], false),
    (&["failed", "drop", "--yes"], false),
];

#[tokio::test]
async fn a_command_that_waits_ends_on_the_first_signal() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        for (arguments, is_for_the_store) in WAITING {
            let (file, broker, store) = where_nothing_answers().await;
            let program = Program::start(&[arguments, &["-c", &file.path()]].concat(), &[]);
            let (ended, stderr) = interrupted(
                program,
                if is_for_the_store { &store } else { &broker },
                signal,
            )
            .await;
            assert_eq!(ended, Some(code), "{arguments:?} {signal}: {stderr}");
        }
    }
}

#[tokio::test]
async fn a_command_that_serves_ends_on_the_first_signal_with_its_own_status() {
    for (signal, code) in [("TERM", 0), ("INT", 0)] {
        let port = free_port();
        let program = Program::start(&["sandbox", "--listen", &format!("127.0.0.1:{port}")], &[]);
        crate::harness::eventually::eventually("the sandbox", async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
        })
        .await;
        program.signal(signal).await;
        assert_eq!(program.end().await.code, Some(code), "{signal}");
    }
}

/// As a container runs it: no signal without a handler reaches the first process of a namespace.
/// Where this user may make no namespace, the kernel is asked instead which signals the process has
/// handlers for: only these would reach it.
#[tokio::test]
async fn the_first_process_of_a_container_ends_on_a_signal() {
    for (arguments, is_for_the_store) in WAITING {
        let (file, broker, store) = where_nothing_answers().await;
        let (path, listener) = (file.path(), if is_for_the_store { &store } else { &broker });
        let arguments = [arguments, &["-c", &path]].concat();
        if Program::may_be_the_first() {
            let program = Program::start_as_first(&arguments);
            let (code, stderr) = interrupted(program, listener, "TERM").await;
            assert_eq!(code, Some(143), "{arguments:?}: {stderr}");
        } else {
            let program = Program::start(&arguments, &[]);
            drop(
                tokio::time::timeout(crate::harness::system::PATIENCE, listener.accept())
                    .await
                    .expect("it connects")
                    .unwrap(),
            );
            let status = std::fs::read_to_string(
                Path::new("/proc")
                    .join(program.id().to_string())
                    .join("status"),
            )
            .unwrap();
            let caught = status
                .lines()
                .find_map(|line| line.strip_prefix("SigCgt:"))
                .unwrap()
                .trim();
            let caught = u64::from_str_radix(caught, 16).unwrap();
            for signal in [2, 15] {
                assert_ne!(
                    caught & (1 << (signal - 1)),
                    0,
                    "{arguments:?}: no handler for signal {signal}"
                );
            }
        }
    }
}
