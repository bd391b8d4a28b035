//! `init`: what it writes is a configuration that passes, with a warning for each secret that is still
//! missing, and nothing of what was there is lost.

use crate::harness::program::{NONE, command, output};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

/// Puts a secret into each file that still holds what `init` wrote in its place.
fn put_secrets(folder: &TempDir) {
    for entry in std::fs::read_dir(folder.path().join("secrets")).unwrap() {
        let path = entry.unwrap().path();
        if std::fs::read_to_string(&path).unwrap() == "replace-this\n" {
            std::fs::write(path, "a-secret\n").unwrap();
        }
    }
}

const FLAGS: [&str; 10] = [
    "--broker-url",
    "amqps://worker:hush-hush@rabbit.example:5671/claims",
    "--bucket",
    "claims",
    "--endpoint-url",
    "https://obs.example.com",
    "--recognition-url",
    "https://gateway.example.com/ocr",
    "--rate",
    "2.5",
];

#[tokio::test]
async fn what_it_writes_passes_the_check_and_keeps_secrets_in_files_of_their_own() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("worker.toml").display().to_string();
    let written = output(&[&["init", &path], &FLAGS[..]].concat(), &NONE).await;
    assert_eq!(written.code, Some(0), "{written:?}");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("hush"), "the broker's password");
    for secret in ["broker_urls", "seal_key", "app_secret", "secret_access_key"] {
        let file = folder.path().join("secrets").join(secret);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    assert!(
        written.stderr.contains("app_secret") && !written.stderr.contains("seal_key"),
        "{}",
        written.stderr
    );
    let unchanged = output(&["check", "--offline", "-c", &path], &NONE).await;
    assert_eq!(unchanged.code, Some(0), "{unchanged:?}");
    let said = unchanged.stdout + &unchanged.stderr;
    assert_eq!(said.matches("replace-this").count(), 6, "{said}");
    put_secrets(&folder);
    let checked = output(&["check", "--offline", "-c", &path], &NONE).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(!checked.stdout.contains("seal"), "{}", checked.stdout);
}

#[tokio::test]
async fn a_configuration_is_written_over_only_with_force_and_a_secret_never() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("worker.toml").display().to_string();
    std::fs::write(&path, "# mine\n").unwrap();
    let refused = output(&[&["init", &path], &FLAGS[..]].concat(), &NONE).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "# mine\n");
    assert!(!folder.path().join("secrets").exists());

    std::fs::create_dir(folder.path().join("secrets")).unwrap();
    let secret = folder.path().join("secrets/app_key");
    std::fs::write(&secret, "the only copy").unwrap();
    let forced = output(&[&["init", &path, "--force"], &FLAGS[..]].concat(), &NONE).await;
    assert_eq!(forced.code, Some(0), "{forced:?}");
    assert!(!forced.stderr.contains("app_key"), "{}", forced.stderr);
    assert_eq!(std::fs::read_to_string(secret).unwrap(), "the only copy");
}

#[tokio::test]
async fn answers_are_asked_for_and_one_with_which_no_worker_runs_writes_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("worker.toml").display().to_string();
    let mut asking = command(&["init", &path], &NONE);
    let mut asking = asking.stdin(Stdio::piped()).spawn().unwrap();
    let mut answers = asking.stdin.take().unwrap();
    answers
        .write_all(b"\nclaims\n\nhttps://gateway.example.com/ocr\n\n")
        .await
        .unwrap();
    drop(answers);
    let asked = asking.wait_with_output().await.unwrap();
    let stderr = String::from_utf8(asked.stderr).unwrap();
    assert_eq!(asked.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("1/5") && stderr.contains("5/5"), "{stderr}");
    let checked = output(&["check", "--offline", "-c", &path], &NONE).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");

    let other = folder.path().join("other.toml").display().to_string();
    let unanswered = output(&["init", &other], &NONE).await;
    assert_eq!(unanswered.code, Some(64), "{unanswered:?}");
    let mut flags = FLAGS;
    flags[1] = "http://rabbit.example";
    flags[9] = "-1";
    let refused = output(&[&["init", &other], &flags[..]].concat(), &NONE).await;
    assert_eq!(refused.code, Some(64), "{refused:?}");
    for says in ["broker.urls", "recognition.rate_per_second"] {
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
    assert!(!std::path::Path::new(&other).exists());
}
