//! The build script: it tells the compiler which commit is built, for `--version` and the metric
//! `invoice_build_info`.
//!
//! The commit comes from `BUILD_COMMIT` where a packager sets it; else from git, where this folder
//! is what git tracks; else from the note that `cargo package` leaves in its archive. Builds for
//! development ask neither git nor the note: with each commit everything would be built anew.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// Beyond this a name is no commit.
const LONGEST: usize = 64;

#[allow(
    clippy::print_stdout,
    reason = "the way to talk to cargo; a test includes this file as well"
)]
fn main() {
    let is_development = std::env::var("PROFILE").is_ok_and(|profile| profile == "debug");
    let stated = std::env::var("BUILD_COMMIT").ok();
    println!("cargo::rerun-if-env-changed=BUILD_COMMIT");
    println!("cargo::rerun-if-changed=src/build.rs");
    let folder = Path::new(".");
    if !is_development {
        for path in depended_on(folder) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let commit = commit(folder, stated.as_deref(), is_development);
    println!("cargo::rustc-env=INVOICE_WORKER_BUILT_FROM={commit}");
}

/// The commit that is built: `development` in builds for development, `unknown` where neither
/// the environment nor git nor the package tells.
pub(crate) fn commit(folder: &Path, stated: Option<&str>, is_development: bool) -> String {
    let stated = stated.map(str::trim).filter(|stated| is_name(stated));
    if let Some(stated) = stated {
        return stated.to_owned();
    }
    if is_development {
        return "development".to_owned();
    }
    of_git(folder)
        .or_else(|| of_package(folder))
        .unwrap_or_else(|| "unknown".to_owned())
}

/// The files with which the commit may change. Cargo runs the script again for a path that does
/// not exist, so only those that do are listed.
fn depended_on(folder: &Path) -> Vec<String> {
    let mut git_paths = vec!["HEAD".to_owned(), "packed-refs".to_owned()];
    git_paths.extend(git(folder, &["symbolic-ref", "--quiet", "HEAD"]));
    let of_git = git_paths
        .iter()
        .filter_map(|path| git(folder, &["rev-parse", "--git-path", path]));
    let of_source = ["src", "config", "Cargo.toml", "Cargo.lock"].map(str::to_owned);
    of_git
        .chain(of_source)
        .filter(|path| folder.join(path).exists())
        .collect()
}

/// The commit that git has checked out here, with a mark where files differ from it. `None` where
/// this folder is a copy inside another project's repository.
fn of_git(folder: &Path) -> Option<String> {
    git(folder, &["ls-files", "--error-unmatch", "Cargo.toml"])?;
    let commit = git(folder, &["rev-parse", "HEAD"]).filter(|commit| is_name(commit))?;
    let changes = git(
        folder,
        &["status", "--porcelain", "--untracked-files=no", "--", "."],
    )?;
    let mark = if changes.is_empty() { "" } else { "-modified" };
    Some(format!("{commit}{mark}"))
}

/// The commit in the note that `cargo package` leaves.
fn of_package(folder: &Path) -> Option<String> {
    let note = std::fs::read_to_string(folder.join(".cargo_vcs_info.json")).ok()?;
    let (_, rest) = note.split_once("\"sha1\"")?;
    let commit = rest.split('"').nth(1)?;
    is_name(commit).then(|| commit.to_owned())
}

/// The output of git; `None` where there is no git, or it refuses.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        // Only looking: no lock is taken, and a hook's repository is not mistaken for this one.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env_remove(OsStr::new("GIT_DIR"))
        .env_remove(OsStr::new("GIT_WORK_TREE"))
        .env_remove(OsStr::new("GIT_INDEX_FILE"))
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Whether the text can stand in `--version` and in a label.
fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(is_plain)
}
