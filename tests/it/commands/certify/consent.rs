//! Nothing is called without consent, and what was called before an interruption is told.

use super::{deviating, paid};
use crate::harness::program::{NONE, command, output};
use crate::harness::system::PATIENCE;
use serde_json::Value;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

#[tokio::test]
async fn without_a_terminal_and_without_consent_nothing_is_called() {
    let (system, file) = deviating(&[], "").await;
    let recording = file.file("certified.json").display().to_string();
    let path = file.path();
    let asked = ["certify", "-c", &path, "--recording", &recording];
    let refused = output(&asked, &NONE).await;
    assert_eq!(refused.code, Some(64), "{refused:?}");
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    for told in [
        "recognition-picture",
        "recognition.price is not set",
        "Never more than 6",
    ] {
        assert!(refused.stderr.contains(told), "{told}: {}", refused.stderr);
    }
    assert!(!file.file("certified.json").exists());

    std::fs::write(&recording, "paid for").unwrap();
    let refused = output(&[&asked[..], &["--yes"]].concat(), &NONE).await;
    assert_eq!(refused.code, Some(64), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&recording).unwrap(), "paid for");
    let calls = system.sandbox.calls();
    assert_eq!(calls.all().len(), 0, "{:?}", calls.all());
}

/// `script` gives the program a terminal.
#[tokio::test]
async fn on_a_terminal_it_asks_and_only_yes_is_consent() {
    for (answer, code, is_called) in [("n\n", 1, false), ("\n", 1, false), ("y\n", 0, true)] {
        let (system, file) = deviating(&[], "").await;
        let (program, recording) = (env!("CARGO_BIN_EXE_invoice-worker"), "certified.json");
        let line = format!("{program} certify -c worker.toml --recording {recording}");
        let mut script = tokio::process::Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            // The variables of cargo are none of the program's.
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .current_dir(file.folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (mut stdin, mut stdout) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let mut shown = String::new();
        let answering = async {
            let mut bytes = [0; 4096];
            loop {
                let read = stdout.read(&mut bytes).await.unwrap();
                shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
                if read == 0 {
                    return script.wait().await.unwrap();
                }
                if shown.ends_with("Make these calls? [y/N] ") {
                    stdin.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        };
        let status = timeout(PATIENCE, answering).await.expect("an end in time");
        assert_eq!(status.code(), Some(code), "{answer:?}: {shown}");
        assert_eq!(file.file(recording).exists(), is_called, "{answer:?}");
        assert_eq!(
            !system.sandbox.calls().all().is_empty(),
            is_called,
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn the_price_is_told_before_and_tables_fit_80_columns() {
    let (_system, file) = deviating(&[], "").await;
    let recording = file.file("certified.json").display().to_string();
    let path = file.path();
    let environment = [
        ("INVOICE_WORKER__RECOGNITION__PRICE", "0.35"),
        ("INVOICE_WORKER__VERIFICATION__PRICE", "0.5"),
        ("COLUMNS", "80"),
    ];
    let asked = ["certify", "-c", &path, "--yes", "--recording", &recording];
    let ended = output(&asked, &environment).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stderr.contains("3 of recognition at 0.35 CNY"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("2.55 CNY"), "{}", ended.stderr);
    let plan = ended
        .stderr
        .lines()
        .take_while(|line| !line.contains("calls are paid for"));
    for line in plan
        .chain(ended.stdout.lines())
        .filter(|line| !line.starts_with("Recorded"))
    {
        let width = console::measure_text_width(line);
        assert!(width <= 80, "{width}: {line}");
    }
    assert!(ended.stdout.contains("0 differ"), "{}", ended.stdout);
}

#[tokio::test]
async fn an_interruption_finishes_the_call_in_hand_and_tells_what_was_paid_for() {
    let faults = "[[fault]]\nstage = 'recognition'\nanswer = 'genuine'\ndelay = '2s'";
    let (system, file) = deviating(&[], faults).await;
    let recording = file.file("certified.json");
    let (path, recorded) = (file.path(), recording.display().to_string());
    let arguments = [
        "certify",
        "-c",
        &path,
        "--yes",
        "--json",
        "--recording",
        &recorded,
    ];
    let mut child = command(&arguments, &NONE).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let half = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.starts_with("verification-half-file:") {
                return;
            }
        }
        panic!("never called");
    };
    timeout(PATIENCE, half).await.unwrap();
    let process = child.id().unwrap().to_string();
    let sent = tokio::process::Command::new("kill")
        .args(["-s", "INT", &process])
        .status();
    assert!(sent.await.unwrap().success());
    let mut told = String::new();
    let mut stdout = child.stdout.take().unwrap();
    let reading = async {
        while lines.next_line().await.unwrap().is_some() {}
        stdout.read_to_string(&mut told).await.unwrap();
        child.wait().await.unwrap()
    };
    let status = timeout(PATIENCE, reading).await.unwrap();
    assert_eq!(status.code(), Some(130), "{told}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["spend"]["spent"].as_u64().unwrap() <= 1, "{told:#}");
    assert_eq!(
        paid(&system.sandbox),
        told["spend"]["spent"].as_u64().unwrap()
    );
    let recorded = std::fs::read_to_string(&recording).unwrap();
    let recorded: Value = serde_json::from_str(&recorded).unwrap();
    let calls = recorded["calls"].as_array().unwrap().len();
    assert_eq!(calls, told["calls"].as_array().unwrap().len());
    assert!(told.to_string().contains("interrupted before"), "{told:#}");
}
