//! One RabbitMQ of a test's own: it may be stopped, killed, started again, and spoken to with
//! `rabbitmqctl`.

use super::free_port;
use super::installation::{Folder, Installation};
use super::keeper::{Keeper, Order};
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Connection, ConnectionProperties};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Ten seconds alone; several times that beside a compiler.
const START_TIMEOUT: Duration = Duration::from_mins(2);
/// A node that has no majority yet does not answer; it is asked again.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// A node that starts with definitions makes no such user by itself. The password is the name.
const GUEST: &str = r#"{
  "users": {"name": "guest", "password_hash": "c2FsdDRwMuw4kgNZhm0cEYx1m4NAR6BCdplxDdFbnDjbRIKq", "tags": ["administrator"]},
  "permissions": {"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
}"#;

/// Its data stay until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) port: u16,
    /// As Erlang knows it.
    pub(crate) name: String,
    installation: Installation,
    folder: Folder,
    environment: Vec<(&'static str, String)>,
    keeper: Keeper,
    runs: bool,
}

/// What the nodes of a cluster have in common.
#[derive(Clone, Debug)]
pub(super) struct Family {
    names_port: u16,
    cookie: String,
}

impl Family {
    pub(super) fn new() -> Self {
        let names_port = free_port();
        Self {
            names_port,
            cookie: format!("cookie-{}-{names_port}", std::process::id()),
        }
    }
}

impl Node {
    pub(crate) async fn start() -> Self {
        let mut node = Self::prepared();
        node.start_again().await;
        node
    }

    /// With the management API, and its port.
    pub(crate) async fn start_managed() -> (Self, u16) {
        let (mut node, port) = (Self::prepared(), free_port());
        write(
            &node.folder.outside.join("enabled_plugins"),
            "[rabbitmq_management].\n",
        );
        node.configure(&format!(
            "management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n"
        ));
        node.start_again().await;
        (node, port)
    }

    /// As `deploy/rabbitmq` configures it, with the users of `deploy/compose`, whose password is
    /// `development`, and the administrator that every node of the tests has. Answers the port of
    /// the management API, too.
    pub(crate) async fn start_deployed() -> (Self, u16) {
        let (mut node, port) = (Self::prepared(), free_port());
        node.enable("rabbitmq_management");
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
        let read = |file: &str| fs::read_to_string(deploy.join(file)).expect("it is there");
        let mut definitions: Value =
            serde_json::from_str(&read("compose/rabbitmq/definitions.json")).expect("JSON");
        let guest: Value = serde_json::from_str(GUEST).expect("JSON");
        for kind in ["users", "permissions"] {
            let all = definitions[kind].as_array_mut().expect("a list");
            all.push(guest[kind].clone());
        }
        write(
            &node.folder.outside.join("definitions.json"),
            &definitions.to_string(),
        );
        let config = read("rabbitmq/rabbitmq.conf") + &read("compose/rabbitmq/definitions.conf");
        let config = config.replace("/etc/rabbitmq", &node.folder.inside.display().to_string());
        node.configure(&format!(
            "{config}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n"
        ));
        node.start_again().await;
        (node, port)
    }

    /// As `rabbitmqctl` does it on a broker that runs.
    pub(crate) async fn import_definitions(&self, definitions: &str) {
        write(&self.folder.outside.join("import.json"), definitions);
        let file = self.folder.inside.join("import.json");
        self.ctl(&["import_definitions", &file.display().to_string()])
            .await;
    }

    /// Everything but running.
    pub(super) fn prepared() -> Self {
        Self::of(&Family::new())
    }

    pub(super) fn of(family: &Family) -> Self {
        let installation = Installation::found();
        let folder = installation.folder();
        let port = free_port();
        let name = format!("node{port}@localhost");
        let environment = environment(family, &name, &folder.inside);
        write(&folder.outside.join("rabbitmq-env.conf"), "");
        write(&folder.outside.join("enabled_plugins"), "[].\n");
        let cookie = folder.outside.join(".erlang.cookie");
        write(&cookie, &family.cookie);
        fs::set_permissions(cookie, fs::Permissions::from_mode(0o400)).expect("a file of our own");
        let keeper = Keeper::new(&installation, &folder, &environment);
        let node = Self {
            port,
            name,
            installation,
            folder,
            environment,
            keeper,
            runs: false,
        };
        node.configure("");
        node
    }

    /// Lines of rabbitmq.conf beside those every node has; heeded at its next start.
    pub(super) fn configure(&self, lines: &str) {
        let port = self.port;
        let config = format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\ndisk_free_limit.absolute = 50MB\nvm_memory_high_watermark.absolute = 1GB\n\
             log.file.level = warning\ncollect_statistics = none\n{lines}",
        );
        write(&self.folder.outside.join("rabbitmq.conf"), &config);
    }

    /// Of those that come with RabbitMQ; heeded at its next start.
    pub(super) fn enable(&self, plugin: &str) {
        write(
            &self.folder.outside.join("enabled_plugins"),
            &format!("[{plugin}].\n"),
        );
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder.outside
    }

    /// The same folder, as the server has it in its configuration.
    pub(super) fn folder_inside(&self) -> &Path {
        &self.folder.inside
    }

    pub(crate) fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    pub(crate) fn runs(&self) -> bool {
        self.runs
    }

    /// In good order; its data stay.
    pub(crate) async fn stop(&mut self) {
        self.end(Order::Terminate).await;
    }

    /// By a signal that it cannot catch; its data stay as they are at that moment.
    pub(crate) async fn kill(&mut self) {
        self.end(Order::Kill).await;
    }

    async fn end(&mut self, how: Order) {
        assert!(self.runs, "{} does not run", self.name);
        self.keeper.order(how).await;
        self.runs = false;
    }

    /// With the same ports and data; returns when it serves, quorum queues too.
    pub(crate) async fn start_again(&mut self) {
        self.launch().await;
        if timeout(START_TIMEOUT, self.served()).await.is_err() {
            let log =
                fs::read_to_string(self.folder.outside.join("server.log")).unwrap_or_default();
            panic!("RabbitMQ did not start within {START_TIMEOUT:?}:\n{log}");
        }
    }

    /// As [`Node::start_again`], but returns at once: it may have to wait for other nodes.
    pub(super) async fn launch(&mut self) {
        assert!(!self.runs, "{} runs already", self.name);
        self.keeper.order(Order::Start).await;
        self.runs = true;
    }

    /// What was declared so far outlives a kill. RabbitMQ answers a declaration before it has
    /// written it, and writes within seconds: the queue into Mnesia's log, and the name under which
    /// Ra finds the queue's data into a table of its own. Without that name the node begins the queue
    /// anew, beside its old data, and answers no consumer. Where RabbitMQ keeps queues in a log that
    /// is always written first, there is no log of Mnesia.
    pub(crate) async fn write_declarations(&self) {
        let sync = "begin Log = disk_log:sync(latest_log), \
                    [ok = dets:sync(Table) || Table <- dets:all()], Log end.";
        let written = self.ctl(&["eval", sync]).await;
        assert!(
            ["ok", "{error,no_such_log}"].contains(&written.as_str()),
            "{written}"
        );
    }

    /// What `rabbitmqctl` prints when it is called so.
    pub(crate) async fn ctl(&self, arguments: &[&str]) -> String {
        let output = self
            .installation
            .command("rabbitmqctl")
            .arg("--quiet")
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .await
            .expect("rabbitmqctl can be started");
        assert!(
            output.status.success(),
            "rabbitmqctl {arguments:?}: {output:?}"
        );
        String::from_utf8(output.stdout)
            .expect("it prints text")
            .trim()
            .to_owned()
    }

    /// A server that is still starting accepts no connection, so there is nothing to wait on but
    /// trying.
    pub(super) async fn served(&self) {
        while !matches!(timeout(PROBE_TIMEOUT, self.probe()).await, Ok(Ok(()))) {
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// A quorum queue can be had and consumed from.
    async fn probe(&self) -> lapin::Result<()> {
        let connection = Connection::connect(&self.url(), ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let queue = ShortString::from(format!("probe-{}", self.port));
        let mut arguments = FieldTable::default();
        arguments.insert(
            "x-queue-type".into(),
            AMQPValue::LongString("quorum".into()),
        );
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare(queue.clone(), durable, arguments)
            .await?;
        let consumer = channel
            .basic_consume(
                queue.clone(),
                "probe".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        channel
            .queue_delete(queue, QueueDeleteOptions::default())
            .await?;
        drop(consumer);
        connection.close(200, "served".into()).await
    }
}

fn environment(family: &Family, name: &str, folder: &Path) -> Vec<(&'static str, String)> {
    const LOOPBACK: &str = "-kernel inet_dist_use_interface {127,0,0,1}";
    /// RabbitMQ 4.3 waits a minute for the consumers of a lost node before it delivers again what
    /// they held; earlier ones do not know this, and do not wait.
    const SOON_GIVEN_UP: &str = "-rabbit consumer_disconnected_timeout 2000";
    let path = |name: &str| folder.join(name).display().to_string();
    vec![
        ("HOME", folder.display().to_string()),
        ("RABBITMQ_NODENAME", name.to_owned()),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
        ("RABBITMQ_CONF_ENV_FILE", path("rabbitmq-env.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", path("data")),
        ("RABBITMQ_LOG_BASE", path("log")),
        ("RABBITMQ_DIST_PORT", free_port().to_string()),
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            format!("{LOOPBACK} {SOON_GIVEN_UP}"),
        ),
        ("RABBITMQ_CTL_ERL_ARGS", LOOPBACK.to_owned()),
        ("RABBITMQ_CTL_DIST_PORT_MIN", "32000".to_owned()),
        ("RABBITMQ_CTL_DIST_PORT_MAX", "32700".to_owned()),
        ("ERL_EPMD_PORT", family.names_port.to_string()),
        // A server that cannot start says why in its log; nobody wants its memory in the folder
        // where it was started.
        ("ERL_CRASH_DUMP_BYTES", "0".to_owned()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        // The script becomes the server, instead of waiting for it.
        ("RUNNING_UNDER_SYSTEMD", "yes".to_owned()),
    ]
}

fn write(path: &Path, content: &str) {
    fs::write(path, content).expect("the temporary folder can be written");
}
