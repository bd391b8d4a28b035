//! A `PostgreSQL` of a test's own: on a socket in a temporary folder, and gone when the test is.

use super::eventually::eventually;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// `PostgreSQL` refuses to be run by root: then it is run by this user.
const NO_ROOT: &str = "nobody";

/// Ends the server when standard input ends, which is when the test process is gone.
const WATCHDOG: &str = r#"
"$@" >/dev/null 2>&1 &
server=$!
cat >/dev/null
kill -QUIT "$server"
wait "$server"
"#;

pub(crate) struct Postgres {
    folder: TempDir,
    _watchdog: Child,
}

impl Postgres {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let own = folder.path().join("server");
        std::fs::create_dir(&own).unwrap();
        let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        if is_root {
            run(Command::new("chown").arg(NO_ROOT).arg(&own)).await;
        }
        let data = own.join("data").display().to_string();
        let socket = own.display().to_string();
        let initdb = [
            binary("initdb").as_str(),
            "--pgdata",
            &data,
            "--auth=trust",
            "--username=claims",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        .map(str::to_owned);
        run(&mut as_user(is_root, &initdb)).await;
        let server = [
            binary("postgres").as_str(),
            "-D",
            &data,
            "-k",
            &socket,
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
        ]
        .map(str::to_owned);
        let watchdog = as_user(
            is_root,
            &[
                &["sh", "-c", WATCHDOG, "watchdog"].map(str::to_owned)[..],
                &server,
            ]
            .concat(),
        )
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
        let postgres = Self {
            folder,
            _watchdog: watchdog,
        };
        eventually("a PostgreSQL that answers", async || {
            let asked = postgres.psql().arg("--command=SELECT 1").output().await;
            asked.unwrap().status.success()
        })
        .await;
        postgres
    }

    /// Runs a script in one session, and returns what its queries answer, a row a line.
    pub(crate) async fn script(&self, sql: &str) -> String {
        let mut psql = self.psql();
        psql.args(["--file=-"]).stdin(Stdio::piped());
        let running = psql.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = running.spawn().unwrap();
        let mut stdin = running.stdin.take().unwrap();
        stdin.write_all(sql.as_bytes()).await.unwrap();
        drop(stdin);
        let ended = running.wait_with_output().await.unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{stderr}");
        String::from_utf8(ended.stdout).unwrap()
    }

    fn psql(&self) -> Command {
        let mut psql = Command::new(binary("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set=ON_ERROR_STOP=1", "--username=claims"])
            .arg("--dbname=postgres")
            .arg("--host")
            .arg(self.folder.path().join("server"))
            .kill_on_drop(true);
        psql
    }
}

fn as_user(is_root: bool, command: &[String]) -> Command {
    let mut started = if is_root {
        let mut runuser = Command::new("runuser");
        runuser.args(["-u", NO_ROOT, "--"]).args(command);
        runuser
    } else {
        let mut direct = Command::new(&command[0]);
        direct.args(&command[1..]);
        direct
    };
    started.current_dir("/").kill_on_drop(true);
    started
}

async fn run(command: &mut Command) {
    let ended = command.output().await.unwrap();
    assert!(ended.status.success(), "{command:?}: {ended:?}");
}

/// A program of the newest `PostgreSQL` that is installed: Debian keeps servers out of `PATH`.
fn binary(name: &str) -> String {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| {
            entries
                .filter_map(|entry| Some(entry.ok()?.path()))
                .collect()
        })
        .unwrap_or_default();
    versions.sort();
    let found = versions
        .iter()
        .rev()
        .map(|version| version.join("bin").join(name))
        .find(|path| Path::new(path).exists());
    let found = found.unwrap_or_else(|| panic!("{name} is missing: apt-get install postgresql"));
    found.display().to_string()
}
