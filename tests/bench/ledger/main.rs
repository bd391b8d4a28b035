//! A ledger of a million events: how long does each command over it take, and how large does it
//! become?
//!
//! `cargo bench --bench ledger`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark: it may panic anywhere, and reports on its output"
)]

#[path = "../rig/mod.rs"]
#[expect(dead_code, reason = "other benchmarks use the rest")]
mod rig;

use clap::Parser;
use futures_util::{StreamExt, stream};
use invoice_worker::broker::{Message, Properties};
use invoice_worker::ledger::reading::decode;
use jiff::{SignedDuration, Timestamp};
use rig::setup::{BenchSetup, at_once};
use rig::subject::Subject;
use rig::table::table;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Publishes on their way at once.
const AT_ONCE: usize = 500;
/// One in so many turns parks its job, whose next one answers it.
const PARKED: usize = 4;
/// One in so many events is told twice.
const TWICE: usize = 100;

#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    #[command(flatten)]
    _from_cargo: rig::arguments::FromCargo,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let setup = BenchSetup::start(at_once(), |config| {
        config.ledger.metadata_keys = vec!["claim_id".to_owned()];
    })
    .await;
    let began = Instant::now();
    write(&setup, arguments.events).await;
    println!(
        "{} events written in {:.0?}",
        arguments.events,
        began.elapsed()
    );
    let statement = setup.folder().join("statement.csv");
    let ids = (0..arguments.events / 2).map(|event| format!("{},q{event}-0\n", at(event)));
    let text = "time,request id\n".to_owned() + &ids.collect::<String>();
    std::fs::write(&statement, text).unwrap();
    let statement = statement.display().to_string();
    let mut rows = Vec::new();
    for command in [
        &["cost", "--since", "2020-01"][..],
        &["cost", "--since", "2020-01", "--by", "day"],
        &["cost", "--since", "2020-01", "--by", "status"],
        &["cost", "--since", "1h"],
        &["where", "JOB-77"],
        &["where", "--by", "claim_id", "CLM-77"],
        &["waiting", "--by", "code"],
        &["policy", "replay", "--since", "2020-01"],
        &["ledger", "export"],
        &[
            "ledger",
            "reconcile",
            &statement,
            "--id",
            "request id",
            "--time",
            "time",
        ],
    ] {
        let began = Instant::now();
        let (cpu, peak) = Subject::of_command(&setup, command).until_its_end().await;
        let shown = command.iter().map(|word| word.rsplit('/').next().unwrap());
        rows.push(vec![
            shown.collect::<Vec<_>>().join(" "),
            format!("{:.1}", began.elapsed().as_secs_f64()),
            format!("{:.1}", cpu.as_secs_f64()),
            format!("{peak:.0}"),
        ]);
    }
    println!(
        "{}",
        table(&["command", "seconds", "CPU s", "peak MiB"], &rows)
    );
}

async fn write(setup: &BenchSetup, events: usize) {
    let config = &setup.config;
    let broker = invoice_worker::broker::Broker::new(&config.broker).unwrap();
    let session = broker.connect().await.unwrap();
    let ledger = config.ledger.stream(&config.broker.ledger_queue).unwrap();
    session.open_stream(&ledger, true).await.unwrap();
    let publisher = session.publisher();
    let (publisher, name) = (&publisher, &ledger.name);
    let numbers = (0..events).map(|number| number - usize::from(number % TWICE == TWICE - 1));
    let publishing = stream::iter(numbers).map(async |number| {
        let body = event(number).to_string();
        debug_assert!(decode(body.as_bytes()).is_ok());
        let message = Message {
            properties: Properties {
                timestamp: u64::try_from(at(number).as_second()).ok(),
                ..Properties::default()
            },
            ..Message::json("invoice.ledger", body)
        };
        publisher.publish(name, &message).await.unwrap();
    });
    let mut publishing = publishing.buffered(AT_ONCE);
    while publishing.next().await.is_some() {}
}

/// A million of them are ninety days.
fn at(number: usize) -> Timestamp {
    let begin: Timestamp = "2026-08-01T00:00:00Z".parse().unwrap();
    let milliseconds = i64::try_from(number).unwrap() * 7_776;
    begin + SignedDuration::from_millis(milliseconds)
}

/// A turn with two calls.
fn event(number: usize) -> Value {
    let is_parked = number.is_multiple_of(PARKED);
    let run = if number % PARKED == 1 {
        number - 1
    } else {
        number
    };
    let at = at(number);
    let call = |index: usize, account: &str, code: &str| {
        json!({
            "id": format!("{number:015x}{index}"), "account": account, "code": code, "billed": "yes", "price": "0.35",
            "currency": "CNY", "at": at, "duration_ms": 812, "request_id": format!("q{number}-{index}"),
        })
    };
    let mut event = json!({
        "schema": "invoice.ledger/1", "id": format!("{number:032x}"), "at": at, "run": format!("{run:064x}"),
        "turn": number - run, "job_id": format!("JOB-{run}"), "submitter": format!("hospital-{}", run % 40),
        "first_seen": at, "province": "河南", "bill": format!("{run:032x}"), "metadata": { "claim_id": format!("CLM-{run}") },
        "calls": [call(0, "recognition", "200"), call(1, "verification", if is_parked { "316" } else { "OK" })],
    });
    if is_parked {
        event["ending"] = json!("parked");
        event["parked"] = json!({
            "stage": "verification", "code": "316", "reason": "the province is in maintenance", "until": at,
        });
    } else {
        event["ending"] = json!("answered");
        event["status"] = json!("completed");
        event["verdict"] = json!("genuine");
    }
    event
}
