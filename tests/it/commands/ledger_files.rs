//! `ledger export`, `tail` and `reconcile`: the ledger as files, as it grows, and against a
//! statement.

use crate::harness::ledger::ledger_of;
use crate::harness::program::{ConfigFile, NONE, command, output};
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::Message;
use invoice_worker::ledger::LedgerEvent;
use invoice_worker::ledger::reading::decode;
use serde_json::{Value, json};
use std::fmt::Write;
use tokio::io::{AsyncBufReadExt, BufReader};

/// So many turns, with a paid call each, of a submitter that is a formula.
async fn with_turns(number: usize) -> (System, ConfigFile) {
    let setup = Setup::new(On::RabbitMq).await;
    let system = setup.prepare().await;
    let stream = system
        .config
        .ledger
        .stream(&system.config.broker.ledger_queue)
        .unwrap();
    system.session.open_stream(&stream, true).await.unwrap();
    let publisher = system.session.publisher();
    for index in 0..number {
        let at = format!(
            "2026-11-29T{:02}:{:02}:{:02}Z",
            index / 3_600,
            index / 60 % 60,
            index % 60
        );
        let event = json!({
            "schema": "invoice.ledger/1", "id": format!("e{index}"), "at": at, "run": format!("r{index}"), "turn": 0,
            "job_id": format!("CLM-{index}"), "submitter": "=HYPERLINK(\"x\")\n", "ending": "answered",
            "status": "completed", "first_seen": at,
            "calls": [{ "id": format!("c{index}"), "account": "recognition", "code": "200", "billed": "yes",
                        "request_id": format!("q{index}"), "price": "0.25", "currency": "CNY", "at": at, "duration_ms": 8 }],
        });
        assert!(decode(event.to_string().as_bytes()).is_ok());
        let message = Message {
            properties: invoice_worker::broker::Properties {
                message_id: Some(format!("e{index}")),
                ..Default::default()
            },
            ..Message::json("invoice.ledger", event.to_string())
        };
        publisher.publish(&stream.name, &message).await.unwrap();
    }
    let file = ConfigFile::of(&system);
    (system, file)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_a_file_that_a_spreadsheet_opens_without_harm() {
    let (system, file) = with_turns(20).await;
    let path = file.path();
    let export = async |more: &[&str]| {
        let ended = output(&[&["ledger", "export", "-c", &path], more].concat(), &NONE).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout
    };
    let csv = export(&[]).await;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 41, "{csv}");
    assert!(
        lines[0].starts_with("row,event,at,run,turn,job_id,"),
        "{csv}"
    );
    assert!(
        lines[1].contains("CLM-0,\"'=HYPERLINK(\"\"x\"\")\\n\","),
        "{csv}"
    );
    assert!(lines[2].starts_with("call,e0,"), "{csv}");
    assert!(
        lines[2].ends_with("c0,2026-11-29T00:00:00Z,recognition,200,q0,yes,0.25,CNY,8"),
        "{csv}"
    );
    let jsonl = export(&["--format", "jsonl"]).await;
    let read: Vec<LedgerEvent> = jsonl
        .lines()
        .map(|line| decode(line.as_bytes()).unwrap())
        .collect();
    assert_eq!(read, ledger_of(&system).await);
    let some = export(&[
        "--format",
        "jsonl",
        "--since",
        "2026-11-29T00:00:05Z",
        "--until",
        "2026-11-29T00:00:08Z",
    ])
    .await;
    assert_eq!(some.lines().count(), 3, "{some}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_goes_on_with_what_is_written_later() {
    let (system, file) = with_turns(2).await;
    let path = file.path();
    let mut child = command(
        &[
            "ledger",
            "tail",
            "--json",
            "--since",
            "2026-11-28",
            "-c",
            &path,
        ],
        &NONE,
    )
    .spawn()
    .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = lines.next_line().await.unwrap().unwrap();
        serde_json::from_str::<Value>(&line).unwrap()["job_id"].clone()
    };
    assert_eq!(next().await, "CLM-0");
    assert_eq!(next().await, "CLM-1");
    let mut event = ledger_of(&system).await.remove(0);
    (event.id, event.job_id) = ("later".to_owned(), Some("CLM-later".to_owned()));
    let message = Message::json("invoice.ledger", serde_json::to_vec(&event).unwrap());
    let publisher = system.session.publisher();
    publisher
        .publish(&system.config.broker.ledger_queue, &message)
        .await
        .unwrap();
    assert_eq!(next().await, "CLM-later");
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_differences_with_a_statement_are_found_and_no_more() {
    let (_system, file) = with_turns(120).await;
    let mut statement = "\u{feff}时间,request id,amount\r\n".to_owned();
    let time = |index: usize| format!("2026-11-29T00:{:02}:{:02}Z", index / 60, index % 60);
    for index in 3..120 {
        let (time, price) = match index {
            20..=22 => (time(index), "0.35"),
            30 => ("2026-11-29T05:00:00Z".to_owned(), "0.25"),
            _ => (time(index), "0.25"),
        };
        let _ = write!(statement, "{time},q{index},{price}\r\n");
    }
    for id in ["x1", "x2", "q50"] {
        let _ = write!(statement, "{},{id},\"¥0.25\"\r\n", time(50));
    }
    std::fs::write(file.file("statement.csv"), &statement).unwrap();
    let (path, named) = (
        file.path(),
        file.file("statement.csv").display().to_string(),
    );
    let all = [
        "ledger",
        "reconcile",
        &named,
        "-c",
        &path,
        "--id",
        "request id",
    ];
    let with_columns = [
        &all[..],
        &[
            "--time",
            "1",
            "--price",
            "amount",
            "--account",
            "recognition",
        ],
    ]
    .concat();
    let ended = output(&[&with_columns[..], &["--json"]].concat(), &NONE).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    let count = |kind: &str| told[kind]["calls"].clone();
    assert_eq!(
        [
            count("only_ours"),
            count("only_theirs"),
            count("differing"),
            count("matching")
        ],
        [json!(3), json!(3), json!(4), json!(113)],
        "{told}"
    );
    assert_eq!(told["differences"].as_array().unwrap().len(), 10, "{told}");
    assert_eq!(told["only_ours"]["ours"], "0.75", "{told}");
    assert_eq!(
        told["differing"],
        json!({ "calls": 4, "ours": "1.00", "theirs": "1.30" }),
        "{told}"
    );
    let text = output(&with_columns, &NONE).await.stdout;
    for part in [
        "q0",
        "is listed twice",
        "another price",
        "another time",
        "only theirs",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The verification's statement would have none of them.
    let other = output(
        &[&all[..], &["--time", "1", "--account", "verification"]].concat(),
        &NONE,
    )
    .await;
    assert!(
        other.code == Some(1) && other.stdout.contains("is not in the ledger"),
        "{other:?}"
    );

    for (arguments, problem) in [
        (&all[..], "--since"),
        (
            &[&all[..], &["--price", "time"]].concat(),
            "has no column \"time\"",
        ),
        (&[&all[..], &["--price", "1"]].concat(), "is no amount"),
        (
            &["ledger", "reconcile", "/nowhere.csv", "-c", &path],
            "cannot be read",
        ),
    ] {
        let ended = output(arguments, &NONE).await;
        assert!(
            ended.code == Some(64) && ended.stderr.contains(problem),
            "{problem}: {ended:?}"
        );
    }
}
