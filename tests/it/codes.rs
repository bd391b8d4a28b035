//! Each documented answer of both providers and of the store, given over real HTTP to the real
//! worker, ends as `tests/data/policy/codes.md` says.
//!
//! Each row runs twice, in a system of its own. Once with the policy's own delays, up to the first
//! wait: it must be as long as written. Once with all times divided, to the end: calls, retries,
//! parks, who pays, and what becomes of the job. Some do the latter through RabbitMQ, too.

mod hastened;
mod life;
mod table;

use crate::harness::system::{BUCKET, On, Setup, System};
use futures_util::future::join_all;
use hastened::hastened;
use invoice_worker::broker::{Message, run_id};
use invoice_worker::checkpoint::Checkpoints;
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use invoice_worker::domain::invoice::Invoice;
use invoice_worker::domain::progress::Progress;
use invoice_worker::domain::reading::Reading;
use invoice_worker::domain::result::RecognitionPart;
use invoice_worker::policy::Policy;
use invoice_worker::settings::units::span;
use invoice_worker::store::Store;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::{Debug, Write};
use std::time::Duration;
use table::{Bill, Row};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Rows wait most of their time; this many keep two cores busy without a provider's timeout running
/// out for want of them.
const ROWS_AT_ONCE: usize = 12;
/// Several times what the longest row takes.
const ROW_PATIENCE: Duration = Duration::from_mins(2);
/// An hour becomes a tenth of a second.
const HASTE: u32 = 36_000;
/// An hour becomes two seconds: where a deadline decides, the time that the calls themselves take
/// must not matter.
const HASTE_WITH_DEADLINE: u32 = 1_800;
/// Nobody listens on it.
const CLOSED: &str = "http://127.0.0.1:1/";
/// What verification says of every bill whose recognition is the question: a verdict that needs no
/// further call.
const AFTER_RECOGNITION: &str = "315";
/// A bill that is in no registry, with its QR code.
const BILL: &[u8] = include_bytes!("../data/scenarios/unknown-bill.png");

/// At least one of every kind of life, to be lived through RabbitMQ as well.
const THROUGH_RABBITMQ: [(Stage, &str); 16] = [
    (Stage::Storage, "timeout"),
    (Stage::Recognition, "500"),
    (Stage::Recognition, "999"),
    (Stage::Recognition, "APIG.0303"),
    (Stage::Recognition, "APIG.0308"),
    (Stage::Recognition, "connect"),
    (Stage::Recognition, "timeout"),
    (Stage::Verification, "300"),
    (Stage::Verification, "303"),
    (Stage::Verification, "306"),
    (Stage::Verification, "313"),
    (Stage::Verification, "316"),
    (Stage::Verification, "317"),
    (Stage::Verification, "9999"),
    (Stage::Verification, "OUT_OF_QUOTA"),
    (Stage::Verification, "timeout"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_code_of_the_store_ends_as_documented() {
    every(Stage::Storage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_code_of_recognition_ends_as_documented() {
    every(Stage::Recognition).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_code_of_verification_ends_as_documented() {
    every(Stage::Verification).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_most_important_codes_end_the_same_through_rabbitmq() {
    let is_told = |row: &Row| {
        THROUGH_RABBITMQ.contains(&(row.stage, row.code.as_str())) && row.given.by.is_none()
    };
    all(
        table::rows().into_iter().filter(is_told).collect(),
        async |row| life::whole(row, On::RabbitMq).await,
    )
    .await;
}

#[test]
fn every_code_that_the_policy_names_has_a_row() {
    // The store's client makes it up where it finds nothing to sign with: no server answers so.
    let without_an_answer = (Stage::Storage, "NoCredentials".to_owned());
    let rows: BTreeSet<_> = table::rows()
        .into_iter()
        .map(|row| (row.stage, row.code))
        .chain([without_an_answer])
        .collect();
    let is_pattern = |code: &str| {
        matches!(
            code,
            "*" | "#" | "http.3xx" | "http.4xx" | "http.5xx" | "KMS.*"
        )
    };
    for rule in Policy::builtin().rules() {
        for code in rule.codes.iter().filter(|code| !is_pattern(code)) {
            // The store's 404 without a document is told as `404`; a VERIFY_FAILED without a code
            // is no answer of the API.
            if !matches!(code.as_str(), "http.404" | "VERIFY_FAILED") {
                assert!(
                    rows.contains(&(rule.stage, code.clone())),
                    "{} {code}",
                    rule.stage
                );
            }
        }
    }
    let documented = include_str!("../data/providers/verification-codes.txt");
    for code in documented.lines().filter_map(|line| line.split(' ').next()) {
        assert!(
            rows.contains(&(Stage::Verification, code.to_owned())),
            "{code}"
        );
    }
}

async fn every(stage: Stage) {
    let rows = table::rows()
        .into_iter()
        .filter(|row| row.stage == stage)
        .collect();
    all(rows, async |row| {
        [
            life::first_wait(row).await,
            life::whole(row, On::Memory).await,
        ]
        .concat()
    })
    .await;
}

/// Lives all these rows, several at once; none may differ.
async fn all(mut rows: Vec<Row>, live: impl AsyncFn(&Row) -> Vec<String>) {
    // The longest first.
    rows.sort_by_key(|row| row.given.deadline.is_none());
    let room = Semaphore::new(ROWS_AT_ONCE);
    let lives = rows.iter().map(async |row| {
        let _place = room.acquire().await.unwrap();
        let wrong = timeout(ROW_PATIENCE, live(row))
            .await
            .unwrap_or_else(|_| vec!["it waits longer than written".to_owned()]);
        wrong
            .into_iter()
            .map(|problem| format!("{row}: {problem}"))
            .collect::<Vec<_>>()
    });
    let mut wrong = join_all(lives).await.concat();
    wrong.sort();
    assert!(
        wrong.is_empty(),
        "{} differences:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// A system that gives this row's answer, its parks `haste` times as short.
async fn system(row: &Row, on: On, haste: u32) -> System {
    let mut setup = Setup::new(on).await.faults(&faults(row));
    setup.policy = hastened(haste);
    setup.config.broker.retry_delays = ["100ms", "200ms", "500ms", "2s", "50s"].map(span).to_vec();
    if let Some(deadline) = row.given.deadline {
        setup.config.worker.job_deadline = span(&format!("{}ms", (deadline / haste).as_millis()));
    }
    if row.answer() == "timeout" {
        let patience = match row.stage {
            Stage::Storage => &mut setup.config.storage.timeout,
            Stage::Recognition => &mut setup.config.recognition.timeout,
            _ => &mut setup.config.verification.timeout,
        };
        *patience = span(if row.stage == Stage::Storage {
            "1s"
        } else {
            "250ms"
        });
    }
    let mut system = setup.prepare().await;
    if row.code == "connect" {
        let url = match row.stage {
            Stage::Storage => &mut system.config.storage.endpoint_url,
            Stage::Recognition => &mut system.config.recognition.url,
            _ => &mut system.config.verification.url,
        };
        CLOSED.clone_into(url);
    }
    system
}

fn faults(row: &Row) -> String {
    let mut faults = String::new();
    let given = &row.given;
    if !given.knows_the_bill && row.code != "connect" {
        write!(
            faults,
            "[[fault]]\nstage = {:?}\nanswer = {:?}\n",
            row.stage.as_str(),
            row.answer()
        )
        .unwrap();
        if row.stage == Stage::Storage {
            faults += "key = \"samples/*\"\n";
        }
        if let Some(status) = given.http_status {
            writeln!(faults, "http_status = {status}").unwrap();
        }
        if let Some(message) = &given.says {
            writeln!(faults, "message = {message:?}").unwrap();
        }
        if let Some(found) = given.qr_code_found {
            writeln!(faults, "qr = {}", u8::from(found)).unwrap();
        }
    }
    if row.stage == Stage::Recognition {
        write!(
            faults,
            "[[fault]]\nstage = \"verification\"\nanswer = \"{AFTER_RECOGNITION}\"\n"
        )
        .unwrap();
    }
    faults
}

/// A job about a picture of its own, which is in the store; before verification it was recognised
/// already.
async fn job(system: &System, row: &Row, id: &str, verify: bool) -> Message {
    let mut picture = match (row.stage, row.given.knows_the_bill) {
        _ if row.given.blank_page => blank_page(),
        (Stage::Verification, true) => samples::named("07-shandong-outpatient-posted")
            .unwrap()
            .bytes
            .to_vec(),
        _ => BILL.to_vec(),
    };
    // Behind the end of the picture: another file, the same bill.
    picture.extend(id.bytes());
    let identity = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&picture));
    let key = format!("samples/{id}.png");
    system.sandbox.put(BUCKET, &key, picture).await.unwrap();
    if row.stage == Stage::Verification && !row.given.knows_the_bill {
        let store = Store::new(
            &system.config.storage,
            &invoice_worker::settings::Network::default(),
        )
        .await
        .unwrap();
        let checkpoints = Checkpoints::new(
            &system.config.checkpoint,
            &store,
            BUCKET,
            system.config.sealer(),
        );
        let today = Timestamp::now()
            .to_zoned(system.config.policy.timezone())
            .date();
        let invoice = Invoice {
            billing_date: billing_date(&row.given.bill, today).map(Reading::Value),
            ..Invoice::default()
        };
        checkpoints
            .keep_recognition(
                &identity,
                &RecognitionPart {
                    invoice,
                    request_id: None,
                },
                None,
            )
            .await
            .unwrap();
    }
    let mut job = system.message(
        id,
        json!({ "job_id": id, "image": { "key": key }, "verify": verify }).to_string(),
    );
    if let Some(code) = &row.given.turned_for {
        let mut progress = Progress::new(run_id(&job), Timestamp::now());
        progress.steps.rotated_for = Some(code.clone());
        job = system.returning(&job, &progress);
    }
    job
}

fn billing_date(bill: &Bill, today: Date) -> Option<Date> {
    match bill {
        Bill::Undated => None,
        Bill::DaysOld(days) => Some(today.saturating_sub(days.days())),
    }
}

fn blank_page() -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    image::GrayImage::from_pixel(200, 200, image::Luma([255]))
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    png.into_inner()
}

/// What of the row is not so.
fn differs<T: PartialEq + Debug + ?Sized>(what: &str, seen: &T, written: &T) -> Option<String> {
    (seen != written).then(|| format!("{what} {seen:?}, not {written:?}"))
}

/// Long waits are compared with what is left of them when somebody looks.
fn about(seen: Duration, written: Duration) -> bool {
    seen <= written && seen + Duration::from_secs(20) > written
}
