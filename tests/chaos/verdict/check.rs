//! Forged evidence: the judge lets the innocent go, and finds each wrong for what it is. Run before
//! every run.

use super::{Evidence, sheets};
use crate::allowance::Allowance;
use crate::call_log::{Account, Accounts, Purchase};
use crate::pictures::{Bill, bills};
use crate::plan::{Asks, Order, Origin};
use invoice_worker::broker::{FAILURE, Message};
use invoice_worker::domain::failure::Stage;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const COMPLETED: &str = "order 00000";
const FAILED: &str = "order 00001";

/// # Panics
/// A wrong goes unnoticed, or is taken for another one.
pub(crate) fn check() {
    let bills = bills();
    finds(&bills, None, |_| {});
    finds(&bills, Some("jobs without an answer"), |evidence| {
        drop(evidence.answers.remove(COMPLETED));
    });
    finds(
        &bills,
        Some("answers to nothing that was asked"),
        |evidence| {
            let strange = evidence.answers[COMPLETED].clone();
            evidence.answers.insert("order 99999".to_owned(), strange);
        },
    );
    finds(
        &bills,
        Some("answers other than the script implies"),
        |evidence| {
            rewrite(evidence, |answer| answer["verdict"] = json!("voided"));
        },
    );
    finds(
        &bills,
        Some("answers other than the script implies"),
        |evidence| {
            rewrite(evidence, |answer| {
                answer["image"]["sha256"] = json!("another picture's");
            });
        },
    );
    finds(&bills, Some("results of another run"), |evidence| {
        evidence.answers.get_mut(COMPLETED).unwrap()[0]
            .properties
            .message_id = Some("another".to_owned());
    });
    finds(
        &bills,
        Some("duplicates that are not the same bytes"),
        |evidence| {
            let answers = evidence.answers.get_mut(COMPLETED).unwrap();
            answers.push(answers[0].clone());
            rewrite(evidence, |answer| answer["finished"] = json!("later"));
        },
    );
    finds(
        &bills,
        Some("completed, and in invoice.failed"),
        |evidence| {
            let mut copy = evidence.failed[FAILED].clone();
            let run = evidence.sheets[COMPLETED].run.clone();
            let reason = json!({ "status": "completed", "error": { "stage": null, "code": null }, "run": run });
            copy[0]
                .properties
                .headers
                .set_text(FAILURE, &reason.to_string());
            evidence.failed.insert(COMPLETED.to_owned(), copy);
        },
    );
    finds(
        &bills,
        Some("not completed, and not in invoice.failed"),
        |evidence| drop(evidence.failed.remove(FAILED)),
    );
    finds(
        &bills,
        Some("in invoice.failed without its reason"),
        |evidence| {
            evidence.failed.get_mut(FAILED).unwrap()[0]
                .properties
                .headers
                .remove(FAILURE);
        },
    );
    seen_falsely(&bills);
    bought_again(&bills);
    bought_by_both_copies(&bills);
}

/// The other job of the forged evidence is about no bill at all.
fn seen_falsely(bills: &[Bill]) {
    let falsely = Some("flagged as another job's bill, which it is not");
    let another = |evidence: &mut Evidence, bill| {
        let mut sheet = evidence.sheets[COMPLETED].clone();
        let verify = true;
        "CHECK-2".clone_into(&mut sheet.order.job_id);
        sheet.order.asks = Asks::Bill {
            bill,
            copy: 2,
            verify,
        };
        let mut answers = evidence.answers[COMPLETED].clone();
        let mut body: Value = serde_json::from_slice(&answers[0].body).unwrap();
        let order = &sheet.order;
        body["job_id"] = json!(order.job_id);
        body["metadata"] = order.metadata();
        answers[0].body = body.to_string().into();
        evidence.sheets.insert("order 00002".to_owned(), sheet);
        evidence.answers.insert("order 00002".to_owned(), answers);
    };
    for (earlier, other_bill, flags, expected) in [
        ("CHECK-2", 0, json!(["seen_before"]), None),
        ("CHECK-2", 1, json!(["seen_before"]), falsely),
        ("CHECK-2", 0, json!([]), falsely),
        ("CHECK-1", 0, json!(["seen_before"]), falsely),
        ("CHECK-0", 0, json!(["seen_before"]), falsely),
        ("CHECK-9", 0, json!(["seen_before"]), falsely),
    ] {
        finds(bills, expected, |evidence| {
            another(evidence, other_bill);
            evidence.sheets.get_mut(COMPLETED).unwrap().expected["flags"] = json!([]);
            rewrite(evidence, |answer| {
                answer["flags"] = flags.clone();
                answer["seen_before"] = json!({ "job_id": earlier, "by": "number" });
            });
        });
    }
}

/// Asked at 1 s and at 5 s; the first answer was in the store after 3 s, if ever.
fn bought_again(bills: &[Bill]) {
    let paid_again = Some("paid again, without a kill in between");
    for (stored, kills, expected) in [
        (Some(3), vec![], paid_again),
        (Some(3), vec![2], None),
        // It was safe by then.
        (Some(3), vec![4], paid_again),
        (None, vec![4], None),
        // Too early for the first, too late for the second.
        (None, vec![0, 6], paid_again),
    ] {
        finds(bills, expected, |evidence| {
            let bought = |at| Purchase {
                asked: Duration::from_secs(at),
                answered: Duration::from_secs(at + 1),
            };
            let purchases = vec![bought(1), bought(5)];
            let stored = stored.into_iter().map(Duration::from_secs).collect();
            evidence.accounts = Accounts::from([(
                (Stage::Verification, "picture".to_owned()),
                Account {
                    purchases,
                    stored,
                    unanswered: 0,
                },
            )]);
            evidence.kills = kills.iter().copied().map(Duration::from_secs).collect();
        });
    }
}

/// A picture bought twice, long after the kill that left two copies of its job.
fn bought_by_both_copies(bills: &[Bill]) {
    let paid_again = Some("paid again, without a kill in between");
    for (kills, copies, expected) in [
        (vec![0], 2, None),
        (vec![0], 1, paid_again),
        (vec![], 2, paid_again),
    ] {
        finds(bills, expected, |evidence| {
            let bought = |at| Purchase {
                asked: Duration::from_secs(at),
                answered: Duration::from_secs(at + 1),
            };
            let account = Account {
                purchases: vec![bought(10), bought(11)],
                stored: vec![Duration::from_secs(13)],
                unanswered: 0,
            };
            let picture = evidence.sheets[COMPLETED].sha256.clone().unwrap();
            evidence.accounts = Accounts::from([((Stage::Recognition, picture), account)]);
            evidence.kills = kills.iter().copied().map(Duration::from_secs).collect();
            let answers = evidence.answers.get_mut(COMPLETED).unwrap();
            *answers = vec![answers[0].clone(); copies];
        });
    }
}

fn finds(bills: &[Bill], expected: Option<&str>, forge: impl Fn(&mut Evidence)) {
    let mut evidence = innocent(bills);
    forge(&mut evidence);
    let found: Vec<&str> = evidence
        .judge()
        .into_iter()
        .filter(|(_, whom)| !whom.is_empty())
        .map(|(what, _)| what)
        .collect();
    assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
}

/// One job that is completed, and one that is none.
pub(crate) fn innocent(bills: &[Bill]) -> Evidence {
    let order = |number, asks| Order {
        number,
        job_id: format!("CHECK-{number}"),
        asks,
        reply_to: None,
        expires: false,
        origin: Origin::New,
    };
    let orders = [
        order(
            0,
            Asks::Bill {
                bill: 0,
                copy: 0,
                verify: true,
            },
        ),
        order(
            1,
            Asks::Odd {
                error: "image.not_found",
            },
        ),
    ];
    let expected = |order: &Order| match order.asks {
        Asks::Bill { .. } => {
            json!({ "status": "completed", "verdict": "genuine", "error": [null, null], "image": ["jpeg", 1, 2] })
        }
        Asks::Odd { error } => super::odd(error),
    };
    let sheets = sheets(&orders, bills, expected);
    let (completed, failed) = (&sheets[COMPLETED], &sheets[FAILED]);
    let image = json!({ "sha256": completed.sha256, "format": "jpeg", "width": 1, "height": 2 });
    let answer = json!({
        "job_id": "CHECK-0", "metadata": completed.order.metadata(), "status": "completed", "verdict": "genuine", "error": null,
        "image": image, "finished": "now",
    });
    let error = json!({ "stage": "image", "code": "image.not_found" });
    let refusal = json!({ "job_id": "CHECK-1", "status": "invalid_job", "error": error });
    let mut copy = message(&failed.run, &Value::Null);
    let reason = json!({ "status": "invalid_job", "error": error, "run": failed.run });
    copy.properties
        .headers
        .set_text(FAILURE, &reason.to_string());
    let answers = [
        (COMPLETED, message(&completed.run, &answer)),
        (FAILED, message(&failed.run, &refusal)),
    ];
    Evidence {
        answers: answers
            .into_iter()
            .map(|(id, message)| (id.to_owned(), vec![message]))
            .collect(),
        failed: BTreeMap::from([(FAILED.to_owned(), vec![copy])]),
        accounts: Accounts::new(),
        allowed: Allowance::new(),
        kills: Vec::new(),
        sheets,
    }
}

fn message(run: &str, body: &Value) -> Message {
    let mut message = Message::json("invoice.result", body.to_string());
    message.properties.message_id = Some(run.to_owned());
    message
}

/// The first answer of the completed job.
fn rewrite(evidence: &mut Evidence, change: impl Fn(&mut Value)) {
    let answer = &mut evidence.answers.get_mut(COMPLETED).unwrap()[0];
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap();
    change(&mut body);
    answer.body = body.to_string().into();
}
