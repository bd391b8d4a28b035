//! Which RabbitMQ: the system's package, or that of another Debian in a folder of its own
//! (`tests/rabbitmq-4` makes one).

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

/// The root folder of the other Debian.
const ROOT: &str = "INVOICE_WORKER_TEST_RABBITMQ";
/// The package's own scripts: those in the path insist on the user `rabbitmq`.
const BIN: &str = "/usr/lib/rabbitmq/bin";

/// `$0` is the root. Without its processes RabbitMQ does not know what memory it has; they are
/// mounted for the program alone, and gone with it.
const ENTER: &str = r#"mount -t proc proc "$0/proc" && exec chroot "$0" "$@""#;

#[derive(Clone, Debug)]
pub(super) struct Installation {
    root: Option<PathBuf>,
}

/// One folder and its two names.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    /// Here.
    pub(super) outside: PathBuf,
    /// For programs that have the installation's root for theirs.
    pub(super) inside: PathBuf,
}

impl Installation {
    pub(super) fn found() -> Self {
        let root = env::var_os(ROOT)
            .filter(|root| !root.is_empty())
            .map(|root| PathBuf::from(root).canonicalize().expect("the root exists"));
        let server = root
            .as_deref()
            .unwrap_or(Path::new("/"))
            .join(&BIN[1..])
            .join("rabbitmq-server");
        assert!(
            server.symlink_metadata().is_ok(),
            "{} is missing: apt-get install rabbitmq-server",
            server.display()
        );
        Self { root }
    }

    /// What comes before the name of a program of the installation; nothing, where it is the
    /// system's.
    pub(super) fn entry(&self) -> Vec<&OsStr> {
        let enter = |root| {
            ["unshare", "--mount", "sh", "-c", ENTER]
                .map(OsStr::new)
                .into_iter()
                .chain([root])
        };
        self.root
            .iter()
            .flat_map(|root| enter(root.as_os_str()))
            .collect()
    }

    /// To be run to its end.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut words = self.entry();
        let program = program(name);
        words.push(OsStr::new(&program));
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    }

    /// A temporary folder that the installation's programs see. Whoever asks removes it.
    pub(super) fn folder(&self) -> Folder {
        let made = |folder: std::io::Result<TempDir>| {
            folder.expect("a temporary folder can be made").keep()
        };
        let Some(root) = &self.root else {
            let folder = made(TempDir::new());
            return Folder {
                outside: folder.clone(),
                inside: folder,
            };
        };
        let outside = made(TempDir::new_in(root.join("tmp")));
        let inside = Path::new("/").join(outside.strip_prefix(root).expect("it is under the root"));
        Folder { outside, inside }
    }
}

pub(super) fn program(name: &str) -> String {
    format!("{BIN}/{name}")
}
