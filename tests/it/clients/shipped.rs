//! The clients of `deploy/clients`, each as a process: they submit, and get each result once, though
//! the broker is killed under them and a worker in the middle of its work.

use crate::harness::eventually::eventually;
use crate::harness::program::{ConfigFile, NONE};
use crate::harness::python;
use crate::harness::rabbitmq::Node;
use crate::harness::system::{On, PATIENCE, Setup, System};
use invoice_worker::domain::failure::Stage;
use invoice_worker::settings::secret::Secret;
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Where Debian puts amqp-client and what it needs.
const JAVA_CLASSES: &str =
    "/usr/share/java/amqp-client.jar:/usr/share/java/slf4j-api.jar:/usr/share/java/slf4j-nop.jar";
/// Where Debian puts the sources of Go's packages.
const GO_PATH: &str = "/usr/share/gocode";
const FAULTS: &str =
    "[[fault]]\nstage = \"verification\"\nanswer = \"319\"\nsample = \"02-henan-inpatient\"\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shipped(file: &str) -> PathBuf {
    root().join("deploy/clients").join(file)
}

/// Where the client in Go is compiled to, by this process.
fn go_program() -> PathBuf {
    root().join(format!("target/test-go/claims-{}", std::process::id()))
}

/// The client in Go, compiled without Go's module proxy.
fn go() -> Command {
    let library = Path::new(GO_PATH).join("src/github.com/rabbitmq/amqp091-go");
    assert!(
        library.exists(),
        "amqp091-go is missing: apt-get install golang-go golang-github-rabbitmq-amqp091-go-dev"
    );
    let program = go_program();
    let compiler = std::process::Command::new("go")
        .args(["build", "-o"])
        .args([&program, &shipped("go/claims.go")])
        .env("GO111MODULE", "off")
        .env("GOPATH", GO_PATH)
        .env("GOCACHE", root().join("target/test-go/cache"))
        .output()
        .expect("go is missing: apt-get install golang-go");
    let errors = String::from_utf8_lossy(&compiler.stderr);
    assert!(compiler.status.success(), "{errors}");
    Command::new(program)
}

/// Each client by its name, and the command that runs it.
fn clients() -> [(&'static str, Command); 5] {
    let python = |file: &str| {
        let mut command = Command::new(python::program("python3", "INVOICE_WORKER_TEST_PYTHON"));
        command.arg(shipped(file));
        command
    };
    // Where its libraries are: a module is looked for beside the file that imports it.
    let installed = root().join("target/test-node");
    assert!(
        installed.join("node_modules/amqplib").exists(),
        "amqplib is missing: tests/run installs it into target/test-node"
    );
    let script = installed.join(format!("claims-{}.mjs", std::process::id()));
    std::fs::copy(shipped("node/claims.mjs"), &script).unwrap();
    let mut node = Command::new("node");
    node.arg(script);
    assert!(
        Path::new("/usr/share/java/amqp-client.jar").exists(),
        "amqp-client is missing: apt-get install librabbitmq-client-java"
    );
    let mut java = Command::new("java");
    java.args(["-cp", JAVA_CLASSES])
        .arg(shipped("java/Claims.java"));
    [
        ("pika", python("python/claims.py")),
        ("aio-pika", python("python/claims_aio.py")),
        ("amqplib", node),
        ("amqp-client", java),
        ("amqp091-go", go()),
    ]
}

fn jobs_of(client: &str) -> String {
    let mut lines = String::new();
    for (name, sample, verify) in [
        ("good", "samples/01-beijing-outpatient.jpg", true),
        ("unclear", "samples/02-henan-inpatient.jpg", true),
        ("read", "samples/04-shanghai-outpatient.jpg", false),
        ("missing", "nowhere.jpg", true),
    ] {
        let job_id = format!("{client}-{name}");
        let job = json!({ "job_id": job_id, "image": { "key": sample }, "verify": verify });
        writeln!(lines, "{job}").unwrap();
    }
    lines
}

fn expected(client: &str) -> [String; 4] {
    [
        format!("{client}-good completed genuine None"),
        format!("{client}-missing invalid_job None image.not_found"),
        format!("{client}-read completed recognized None"),
        format!("{client}-unclear undetermined None 319"),
    ]
}

async fn start(system: &System, name: &str, mut command: Command) -> Child {
    let queues = &system.config.broker;
    let mut client = command
        .arg(queues.urls[0].expose())
        .arg(&queues.jobs_queue)
        .arg(format!("{}.{name}", system.reply_to))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
    let mut stdin = client.stdin.take().unwrap();
    stdin.write_all(jobs_of(name).as_bytes()).await.unwrap();
    client
}

/// Clients wait a second between attempts, and Java's compiler runs before its client does.
async fn end(name: &str, client: Child) -> Output {
    let ended = timeout(3 * PATIENCE, client.wait_with_output()).await;
    ended
        .unwrap_or_else(|_| panic!("{name} does not end"))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_client_gets_each_result_once_though_broker_and_worker_are_killed() {
    let clients = clients();
    let mut node = Node::start().await;
    let mut setup = Setup::new(On::RabbitMq).await.faults(FAULTS);
    setup.config.broker.urls = vec![Secret::new(&node.url())];
    let system = Box::pin(setup.prepare()).await;
    for sample in [
        "01-beijing-outpatient",
        "02-henan-inpatient",
        "04-shanghai-outpatient",
    ] {
        system.sample(sample).await;
    }
    let mut running = Vec::new();
    for (name, command) in clients {
        running.push((name, start(&system, name, command).await));
    }
    // It runs, and its file is not needed any more.
    std::fs::remove_file(go_program()).unwrap();
    let jobs = u32::try_from(4 * running.len()).unwrap();
    system.holds(&system.config.broker.jobs_queue, jobs).await;

    // Under the clients: all of them lose their connection, and submit everything once more.
    node.write_declarations().await;
    node.kill().await;
    node.start_again().await;
    let mut system = system;
    system.reconnect().await;
    system
        .holds(&system.config.broker.jobs_queue, 2 * jobs)
        .await;

    // In the middle of its work: what it had is delivered again.
    let file = ConfigFile::of(&system);
    let first = file.run(&NONE);
    let calls = system.sandbox.calls();
    eventually("a call", async || {
        calls.count(Stage::Recognition).billed > 0
    })
    .await;
    first.kill().await;
    let second = file.run(&NONE);

    for (name, client) in running {
        let ended = end(name, client).await;
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{name}: {stderr}");
        assert!(stderr.contains("connection lost"), "{name}: {stderr}");
        let stdout = String::from_utf8(ended.stdout).unwrap();
        let mut told: Vec<&str> = stdout.lines().collect();
        told.sort_unstable();
        assert_eq!(told, expected(name), "{name}");
    }
    // Three images; those in the hands of the worker that was killed may have been paid for twice.
    assert!(calls.count(Stage::Recognition).billed <= 6);
    second.stop().await;
}
