//! Starts and ends one server, any number of times, and cleans up behind it when the test process
//! is gone, even by a signal: statics are never dropped, so nothing in the process could do it.

use super::installation::{self, Folder, Installation};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::spawn_blocking;

/// Takes orders from standard input and answers each with a line; where the input ends, everything
/// does. The server is the leader of a group of its own. The name daemon outlives it, because the
/// other nodes of a cluster ask the same one; theirs then finds its port taken and ends.
const KEEPER: &str = r#"
server='' folder=$1
shift
setsid "$@" epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 >/dev/null 2>&1 &
names=$!
while read -r order; do
  case $order in
    START) setsid "$@" "$SERVER" >>"$folder/server.log" 2>&1 & server=$! ;;
    TERM) kill -TERM "$server"; wait "$server" ;;
    KILL) kill -KILL "-$server"; wait "$server" ;;
  esac
  echo "$order"
done
kill -KILL "-$server" "-$names"
wait
rm -rf "$folder"
"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Start,
    /// In good order; obeyed when it has ended.
    Terminate,
    Kill,
}

#[derive(Clone, Debug)]
pub(super) struct Keeper(Arc<Mutex<Shell>>);

#[derive(Debug)]
struct Shell {
    /// The keeper lives as long as this is open.
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    _process: Child,
}

impl Keeper {
    pub(super) fn new(
        installation: &Installation,
        folder: &Folder,
        environment: &[(&'static str, String)],
    ) -> Self {
        let mut process = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder.outside)
            .args(installation.entry())
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env("SERVER", installation::program("rabbitmq-server"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Out of reach of a terminal's interrupt, which would end it before it has cleaned up.
            .process_group(0)
            .spawn()
            .expect("sh can be started");
        let (orders, answers) = (
            process.stdin.take().expect("piped"),
            process.stdout.take().expect("piped"),
        );
        Self(Arc::new(Mutex::new(Shell {
            orders,
            answers: BufReader::new(answers),
            _process: process,
        })))
    }

    /// Returns when it is obeyed.
    pub(super) async fn order(&self, order: Order) {
        let shell = Arc::clone(&self.0);
        let obeyed = spawn_blocking(move || {
            shell
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .order(order)
        })
        .await;
        obeyed
            .expect("the keeper does not panic")
            .expect("the keeper lives as long as this process");
    }
}

impl Shell {
    fn order(&mut self, order: Order) -> std::io::Result<()> {
        let word = match order {
            Order::Start => "START",
            Order::Terminate => "TERM",
            Order::Kill => "KILL",
        };
        writeln!(self.orders, "{word}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        assert_eq!(answer.trim(), word);
        Ok(())
    }
}
