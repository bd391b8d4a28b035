//! Budgets: what is used up stops the jobs concerned and no others, all workers together, until it
//! opens again.

use crate::harness::eventually::eventually;
use crate::harness::ledger::{costs, ledger_of};
use crate::harness::picture::only_its_code;
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::broker::Message;
use invoice_worker::budget::{BUDGET, BudgetRefusal, Budgets, Config};
use invoice_worker::config::ReadQr;
use invoice_worker::domain::account::AccountName;
use invoice_worker::domain::failure::Stage;
use invoice_worker::domain::job::Job;
use invoice_worker::settings::units::span;
use invoice_worker::telemetry::job_event::JobEvent;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::collections::BTreeSet;

promises![
    workers_together_overspend_by_no_more_than_their_calls_in_the_air,
    a_job_without_budget_waits_for_tomorrow_and_others_go_on,
    without_its_ledger_a_budget_allows_nothing,
    what_a_stranger_writes_into_the_ledger_uses_up_no_budget,
];

const AMOUNT: u64 = 200;
const JOBS: usize = 260;
const WORKERS: usize = 4;
/// Calls a second, of all workers: 50 for each.
const RATE: u32 = 200;
const MAX_IN_FLIGHT: usize = 4;

fn budget(toml: &str) -> Config {
    toml::from_str(toml).unwrap()
}

/// Workers with one budget for all.
async fn setup(on: On, budget_for_all: &str) -> Setup {
    let mut setup = Setup::new(on).await;
    setup.config.budget = vec![budget(budget_for_all)];
    // What waits for a budget looks again soon.
    setup.config.broker.retry_delays = vec![span("100ms"), span("2s")];
    setup
}

/// A job that wants recognition alone.
fn job(system: &System, id: &str, submitter: &str, key: &str) -> Message {
    let body = json!({
        "job_id": id, "image": { "key": key }, "verify": false, "submitter": submitter, "progress": true,
    });
    system.message(id, body.to_string())
}

/// The calls of recognition that were paid for.
fn paid(system: &System) -> u64 {
    let count = system.sandbox.calls().count(Stage::Recognition);
    count.billed + count.billed_unknown
}

async fn workers_together_overspend_by_no_more_than_their_calls_in_the_air(on: On) {
    let entry = format!("account = \"recognition\"\namount = {AMOUNT}");
    let mut setup = setup(on, &entry).await;
    setup.config.recognition.rate_per_second = f64::from(RATE);
    setup.config.recognition.max_in_flight = MAX_IN_FLIGHT;
    setup.config.worker.read_qr = ReadQr::Never;
    let mut system = setup.prepare().await;
    let picture = only_its_code("01-beijing-outpatient");
    for number in 0..JOBS {
        // Bytes behind a picture's end change its SHA-256 and nothing else.
        let bytes = [&picture[..], format!("copy {number}").as_bytes()].concat();
        let key = format!("pictures/{number}");
        system.sandbox.put(BUCKET, &key, bytes).await.unwrap();
    }
    for _ in 0..WORKERS {
        system.work().await;
    }
    for number in 0..JOBS {
        let (id, key) = (format!("job {number}"), format!("pictures/{number}"));
        system.submit(&job(&system, &id, "claims", &key)).await;
    }
    let (answered, parked) = until_each_had_a_turn(&mut system, BTreeSet::new()).await;
    assert_eq!(answered.len() + parked.len(), JOBS);
    let in_the_air = (WORKERS * MAX_IN_FLIGHT) as u64;
    let spent = paid(&system);
    assert!(
        (AMOUNT..=AMOUNT + in_the_air).contains(&spent),
        "{spent} paid"
    );
    assert_eq!(answered.len() as u64, spent);
    assert_eq!(costs(&ledger_of(&system).await).paid as u64, spent);

    // A restart of all workers opens nothing: the ledger is read back.
    system.drain().await;
    system.work().await;
    let bytes = [&picture[..], b"one more"].concat();
    system.sandbox.put(BUCKET, "more", bytes).await.unwrap();
    system
        .submit(&job(&system, "one more", "claims", "more"))
        .await;
    assert_eq!(the_next_is(&mut system, &parked).await, "one more, parked");
    assert_eq!(paid(&system), spent);

    // A larger amount does.
    system.drain().await;
    system.config.budget = vec![budget("account = \"recognition\"\namount = 1000")];
    system.work().await;
    let (later, _) = until_each_had_a_turn(&mut system, answered).await;
    assert_eq!(later.len(), JOBS);
    assert!((JOBS as u64..=JOBS as u64 + 1).contains(&paid(&system)));
}

/// Returns the jobs that are answered, and those that wait for their budget, once no job is left
/// that had neither. What was parked before `answered` is answered by now.
async fn until_each_had_a_turn(
    system: &mut System,
    mut answered: BTreeSet<String>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut parked = BTreeSet::new();
    while answered.len() + parked.len() < JOBS {
        match system.event().await {
            JobEvent::Answered(event) => {
                let id = event.job_id.unwrap();
                parked.remove(&id);
                if id != "one more" {
                    answered.insert(id);
                }
            }
            JobEvent::Parked(event) => {
                assert_eq!((event.stage, event.code.as_str()), (Stage::Worker, BUDGET));
                if !event.brief {
                    parked.insert(event.job_id);
                }
            }
        }
    }
    (answered, parked)
}

/// What becomes of the next job beside those that are parked.
async fn the_next_is(system: &mut System, parked: &BTreeSet<String>) -> String {
    loop {
        match system.event().await {
            JobEvent::Answered(event) => return format!("{:?}, answered", event.job_id),
            JobEvent::Parked(event) if !parked.contains(&event.job_id) && !event.brief => {
                return format!("{}, {}", event.job_id, "parked");
            }
            JobEvent::Parked(_) => {}
        }
    }
}

async fn a_job_without_budget_waits_for_tomorrow_and_others_go_on(on: On) {
    let setup = setup(on, "submitter = \"hospital-.*\"\namount = 1").await;
    let timezone = setup.config.policy.timezone.clone();
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let other = system.sample("02-henan-inpatient").await;
    let third = system.sample("03-zhejiang-outpatient").await;
    let first = system.ask(&job(&system, "a", "hospital-1", &key)).await;
    assert_eq!(first["status"], "completed");
    system
        .submit(&job(&system, "b", "hospital-2", &other))
        .await;
    let told = system.result().await;
    let today = Timestamp::now().to_zoned(TimeZone::get(&timezone).unwrap());
    let midnight = today.tomorrow().unwrap().start_of_day().unwrap();
    assert_eq!(
        (&told["schema"], &told["stage"], &told["code"]),
        (
            &json!("invoice.progress/1"),
            &json!("worker"),
            &json!(BUDGET)
        )
    );
    assert_eq!(
        told["next_attempt_at"],
        json!(midnight.timestamp().to_string())
    );
    // Another submitter has no budget, and what is known already costs nothing.
    let another = system.ask(&job(&system, "c", "pharmacy", &third)).await;
    assert_eq!(another["status"], "completed");
    let known: Value = system.ask(&job(&system, "d", "hospital-3", &key)).await;
    assert_eq!(known["status"], "completed");
    assert_eq!(
        (known["calls"].as_array().unwrap().len(), paid(&system)),
        (0, 2)
    );
    system.drain().await;
    let events = ledger_of(&system).await;
    let parked = events.iter().find_map(|event| event.parked.as_ref());
    let parked = parked.unwrap();
    assert_eq!(
        (parked.code.as_str(), parked.until),
        (BUDGET, midnight.timestamp())
    );
    assert!(
        parked
            .reason
            .starts_with("the budget of 1 call per day of all accounts for hospital-.* is used up"),
        "{}",
        parked.reason
    );
}

async fn without_its_ledger_a_budget_allows_nothing(on: On) {
    let mut system = setup(on, "submitter = \"hospital\"\namount = 100")
        .await
        .prepare()
        .await;
    let mut budgets = Budgets::default();
    system
        .work_with(|pipeline| budgets = pipeline.retrier.budgets.clone())
        .await;
    let key = system.sample("01-beijing-outpatient").await;
    let other = system.sample("02-henan-inpatient").await;
    // The place up to which it was read is of the stream that is deleted.
    let third = system.sample("03-zhejiang-outpatient").await;
    system.ask(&job(&system, "first", "pharmacy", &third)).await;
    system.event().await;
    let body = br#"{"job_id":"a","image":{"key":"a"},"submitter":"hospital"}"#;
    let concerned = Job::parse(body, None).ok().unwrap();
    let look = || budgets.look(AccountName::RECOGNITION, &concerned);
    eventually("the ledger is read", async || look().is_ok()).await;
    let name = system.config.broker.ledger_queue.clone();
    system.session.delete_queue(&name).await.unwrap();
    eventually("that it is gone is noticed", async || {
        matches!(look(), Err(BudgetRefusal::Unknown { .. }))
    })
    .await;
    system.submit(&job(&system, "a", "hospital", &key)).await;
    // Its first turn: a stream that cannot be read ends no session and sends no job back.
    let JobEvent::Parked(parked) = system.event().await else {
        panic!("nothing is bought");
    };
    assert_eq!((parked.code.as_str(), paid(&system)), (BUDGET, 1));
    assert!(parked.reason.contains("is not known"), "{}", parked.reason);
    let answer = system.ask(&job(&system, "b", "pharmacy", &other)).await;
    assert_eq!(answer["status"], "completed");
    eventually("it is declared again, and read", async || look().is_ok()).await;
}

async fn what_a_stranger_writes_into_the_ledger_uses_up_no_budget(on: On) {
    let setup = setup(on, "account = \"recognition\"\namount = 2").await;
    let mut system = setup.start().await;
    let mut keys = Vec::new();
    for sample in [
        "01-beijing-outpatient",
        "02-henan-inpatient",
        "03-zhejiang-outpatient",
    ] {
        keys.push(system.sample(sample).await);
    }
    let first = system.ask(&job(&system, "a", "claims", &keys[0])).await;
    assert_eq!(first["status"], "completed");
    // Its turn has ended, and was told.
    system.event().await;
    let event = ledger_of(&system).await.remove(0);
    for number in 0..5 {
        let mut forged = event.clone();
        forged.id = format!("forged {number}");
        forged.calls[0].id = format!("call {number}");
        let mut message = Message::json("invoice.ledger", serde_json::to_vec(&forged).unwrap());
        message.properties.message_id = Some(forged.id);
        let ledger = &system.config.broker.ledger_queue;
        let publisher = system.session.publisher();
        publisher.publish(ledger, &message).await.unwrap();
    }
    // By workers that heard it as it came, and by those that read it back.
    let second = system.ask(&job(&system, "b", "claims", &keys[1])).await;
    assert_eq!(second["status"], "completed");
    system.drain().await;
    system.work().await;
    system.submit(&job(&system, "c", "claims", &keys[2])).await;
    let told = system.result().await;
    assert_eq!(told["code"], BUDGET, "{told}");
    assert_eq!(paid(&system), 2);
}
