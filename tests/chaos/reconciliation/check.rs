//! Forged logs and ledgers: what agrees is let go, and each wrong is found for what it is. Run before
//! every run.

use super::{Circumstances, Reconciliation, reconcile};
use crate::allowance::Allowance;
use crate::call_log::{Account, Accounts};
use crate::logs::LogCounts;
use crate::pictures::bills;
use crate::verdict::check::innocent;
use invoice_worker::dev::sandbox::SandboxCall;
use invoice_worker::domain::failure::{Billed, Stage};
use invoice_worker::ledger::LedgerEvent;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// # Panics
/// A wrong goes unnoticed, or is taken for another one.
pub(crate) fn check() {
    let [paid, free, unknown] = [
        ("200", Billed::Yes),
        ("502", Billed::No),
        ("closed", Billed::Unknown),
    ];
    let lacks = Some("paid calls of the provider's log that the ledger lacks");
    let invented = Some("paid calls of the ledger that the provider's log lacks");
    let otherwise = Some("paid calls that are not paid in the ledger");
    let unanswered = Some("calls without an answer that the provider's log lacks");
    for (name, log, entries, kills, expected) in [
        (
            "both have it",
            vec![paid],
            vec![("200", "yes", "id")],
            vec![],
            None,
        ),
        ("it is free", vec![free], vec![], vec![], None),
        ("it is lacking", vec![paid], vec![], vec![], lacks),
        (
            "it was in the air, and has no entry",
            vec![paid],
            vec![],
            vec![1],
            None,
        ),
        (
            "it was in the air",
            vec![paid],
            vec![("worker.lost", "unknown", "")],
            vec![1],
            None,
        ),
        (
            "no worker was killed",
            vec![paid],
            vec![("worker.lost", "unknown", "")],
            vec![],
            lacks,
        ),
        (
            "it came too late",
            vec![paid],
            vec![("timeout", "unknown", "")],
            vec![],
            None,
        ),
        (
            "the entry is that of another call",
            vec![paid, unknown],
            vec![("closed", "unknown", "")],
            vec![],
            lacks,
        ),
        (
            "it was invented",
            vec![],
            vec![("200", "yes", "id")],
            vec![],
            invented,
        ),
        (
            "it was taken for free",
            vec![paid],
            vec![("200", "no", "id")],
            vec![],
            otherwise,
        ),
        (
            "it was not answered",
            vec![unknown],
            vec![("closed", "unknown", "")],
            vec![],
            None,
        ),
        (
            "it was not made",
            vec![],
            vec![("closed", "unknown", "")],
            vec![],
            unanswered,
        ),
        (
            "its worker may have made it",
            vec![],
            vec![("worker.lost", "unknown", "")],
            vec![1],
            None,
        ),
    ] {
        let found = found(&log, &entries, &kills, &LogCounts::default(), 1);
        let charges = found.charges.iter().filter(|(_, whom)| !whom.is_empty());
        let charges: Vec<&str> = charges.map(|(what, _)| *what).collect();
        assert_eq!(
            charges,
            expected.into_iter().collect::<Vec<_>>(),
            "{name}: {found:?}"
        );
    }
    let warned = |message: &str| LogCounts {
        complaints: BTreeMap::from([(message.to_owned(), 1)]),
        ..LogCounts::default()
    };
    let lacking = |workers: &LogCounts| {
        let found = found(&[paid], &[], &[], workers, 1);
        let charged: usize = found.charges.iter().map(|(_, whom)| whom.len()).sum();
        (found.control_calls, found.not_taken, charged)
    };
    assert_eq!(
        lacking(&warned("a control call was made, with a picture")),
        (1, 0, 0)
    );
    // Its only event is in the ledger; the log has a second turn.
    let mut workers = warned("the ledger cannot be written: jobs go on");
    assert_eq!(lacking(&workers), (0, 0, 1));
    let run = run_of_the_picture();
    workers.turns.insert(run, 2);
    assert_eq!(lacking(&workers), (0, 1, 0));
    for (kills, copies, of_copies) in [(&[3][..], 2, 1), (&[0], 2, 0), (&[3], 1, 0)] {
        let found = found(&[paid], &[], kills, &LogCounts::default(), copies);
        assert_eq!(found.of_copies, of_copies, "{kills:?} {copies}");
    }
    workers.complaints.clear();
    assert_eq!(lacking(&workers), (0, 0, 1));
}

fn run_of_the_picture() -> String {
    let evidence = innocent(&bills());
    let mut sheets = evidence.sheets.into_values();
    sheets.find(|sheet| sheet.sha256.is_some()).unwrap().run
}

/// Calls of recognition about the picture of the forged evidence, and their entries: one that was
/// closed began a second after the others.
fn found(
    log: &[(&str, Billed)],
    entries: &[(&str, &str, &str)],
    kills: &[u64],
    workers: &LogCounts,
    copies: usize,
) -> Reconciliation {
    let mut evidence = innocent(&bills());
    evidence.kills = kills.iter().copied().map(Duration::from_secs).collect();
    let sheet = evidence
        .sheets
        .values()
        .find(|sheet| sheet.sha256.is_some());
    let sheet = sheet.unwrap().clone();
    let subject = (Stage::Recognition, sheet.sha256.clone().unwrap());
    evidence.allowed = Allowance::from([(subject.clone(), copies)]);
    let account = Account {
        stored: vec![Duration::from_secs(2)],
        ..Account::default()
    };
    evidence.accounts = Accounts::from([(subject, account)]);
    let log: Vec<SandboxCall> = log
        .iter()
        .map(|(answer, billed)| SandboxCall {
            stage: Stage::Recognition,
            subject: sheet.sha256.clone(),
            nth: 1,
            answer: (*answer).to_owned(),
            billed: *billed,
            request_id: (*billed == Billed::Yes).then(|| "id".to_owned()),
            bytes: None,
            at: Duration::from_secs(if *answer == "closed" { 2 } else { 1 }),
            took: Duration::from_secs(1),
        })
        .collect();
    let calls = entries.iter().enumerate().map(|(number, (code, billed, id))| {
        let mut call = json!({
            "id": format!("c{number}"), "account": "recognition", "code": code, "billed": billed,
            "at": if *code == "closed" { "2026-11-29T09:10:12Z" } else { "2026-11-29T09:10:11Z" },
                "duration_ms": 800,
        });
        if !id.is_empty() {
            call["request_id"] = json!(id);
        }
        call
    });
    let calls: Vec<Value> = calls.collect();
    let event = json!({
        "schema": "invoice.ledger/1", "id": "e1", "at": "2026-11-29T09:10:12Z", "run": sheet.run, "turn": 0,
        "ending": "answered", "redelivered": true, "first_seen": "2026-11-29T09:10:10Z", "calls": calls,
    });
    let event: LedgerEvent = serde_json::from_value(event).unwrap();
    let began = "2026-11-29T09:10:10Z".parse().unwrap();
    reconcile(
        &evidence,
        log.iter(),
        &[event],
        Circumstances { began, workers },
    )
}
