//! The build script, on folders as packagers and developers have them: which commit is built?

#[expect(dead_code, reason = "cargo calls the rest of it")]
#[path = "../../src/build.rs"]
mod build_script;

use build_script::commit;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    let ran = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(identity)
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
}

/// A repository with one commit, in which this folder is.
fn repository(folder: &Path) {
    std::fs::write(folder.join("Cargo.toml"), "[package]\n").unwrap();
    git(folder, &["init", "--quiet"]);
    git(folder, &["add", "Cargo.toml"]);
    git(folder, &["commit", "--quiet", "--message", "first"]);
}

fn head(folder: &Path) -> String {
    let head = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["rev-parse", "HEAD"])
        .output()
        .unwrap();
    String::from_utf8(head.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_release_is_built_from_what_git_has_checked_out() {
    let folder = TempDir::new().unwrap();
    repository(folder.path());
    let head = head(folder.path());
    assert_eq!(head.len(), 40);
    assert_eq!(commit(folder.path(), None, false), head);
    std::fs::write(
        folder.path().join("Cargo.toml"),
        "[package]\nname = \"x\"\n",
    )
    .unwrap();
    assert_eq!(
        commit(folder.path(), None, false),
        format!("{head}-modified")
    );
}

#[test]
fn a_build_for_development_does_not_follow_the_commits() {
    let folder = TempDir::new().unwrap();
    repository(folder.path());
    assert_eq!(commit(folder.path(), None, true), "development");
    assert_eq!(commit(folder.path(), Some("1a2b3c"), true), "1a2b3c");
}

#[test]
fn what_the_packager_states_holds_unless_it_could_not_be_printed() {
    let folder = TempDir::new().unwrap();
    for (stated, built) in [
        ("1a2b3c4d", "1a2b3c4d"),
        (" v1.2.3-rc.1\n", "v1.2.3-rc.1"),
        ("", "unknown"),
        ("\u{1b}[2J", "unknown"),
        ("a\"} 1", "unknown"),
        (&"x".repeat(65), "unknown"),
    ] {
        assert_eq!(
            commit(folder.path(), Some(stated), false),
            built,
            "{stated}"
        );
    }
}

#[test]
fn an_archive_says_itself_what_it_was_made_of_also_within_another_repository() {
    let folder = TempDir::new().unwrap();
    repository(folder.path());
    let archive = folder.path().join("invoice-worker-0.1.0");
    std::fs::create_dir(&archive).unwrap();
    std::fs::write(archive.join("Cargo.toml"), "[package]\n").unwrap();
    assert_eq!(commit(&archive, None, false), "unknown");
    let note = "{\n  \"git\": {\n    \"sha1\": \"0123456789abcdef0123456789abcdef01234567\"\n  },\n  \"path_in_vcs\": \"\"\n}";
    std::fs::write(archive.join(".cargo_vcs_info.json"), note).unwrap();
    assert_eq!(
        commit(&archive, None, false),
        "0123456789abcdef0123456789abcdef01234567"
    );
}
