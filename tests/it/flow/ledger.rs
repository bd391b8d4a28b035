//! What the ledger says of each turn of a job, and that no job suffers for it.

use crate::harness::ledger::{costs, ledger_of};
use crate::harness::rabbitmq;
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::broker::Message;
use invoice_worker::domain::failure::Billed;
use invoice_worker::domain::result::{Status, Verdict};
use invoice_worker::ledger::reading::decode;
use invoice_worker::ledger::{Ending, LedgerEvent, LedgerStore};
use invoice_worker::settings::units::span;
use lapin::{Connection, ConnectionProperties};
use serde_json::json;

promises![
    an_answered_job_is_one_event_with_its_calls_and_their_prices,
    another_job_about_the_image_says_what_it_saved,
    each_turn_of_a_parked_job_is_told_and_each_call_once,
    a_job_is_told_with_its_submitter,
    no_ledger_is_written_where_none_is_wanted,
    a_stream_that_is_deleted_is_declared_again,
];

async fn priced(on: On, faults: &str) -> System {
    let mut setup = Setup::new(on).await.faults(faults);
    setup.config.recognition.price = "0.25".parse().unwrap();
    setup.config.verification.price = "1.5".parse().unwrap();
    setup.start().await
}

/// The code, whether it is billed, and the price of each call.
fn calls(event: &LedgerEvent) -> Vec<(&str, Billed, String)> {
    let calls = event.calls.iter().map(|call| {
        let price = call.price.as_ref();
        let price = price.map_or_else(String::new, |price| price.price.to_string());
        (call.code.as_str(), call.billed, price)
    });
    calls.collect()
}

async fn an_answered_job_is_one_event_with_its_calls_and_their_prices(on: On) {
    let mut system = priced(on, "").await;
    let key = system.sample("01-beijing-outpatient").await;
    let result = system.ask(&system.job("CLM-1", &key)).await;
    system.drain().await;
    let events = ledger_of(&system).await;
    let [event] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(event.job_id.as_deref(), Some("CLM-1"));
    assert_eq!(
        (event.ending, event.status, event.verdict, event.turn),
        (
            Ending::Answered,
            Some(Status::Completed),
            Some(Verdict::Genuine),
            0
        )
    );
    assert_eq!(
        calls(event),
        [
            ("200", Billed::Yes, "0.25".to_owned()),
            ("OK", Billed::Yes, "1.5".to_owned())
        ]
    );
    assert_eq!(event.submitter.as_deref(), Some(BUCKET));
    assert_eq!((event.hits.len(), event.redelivered), (0, false));
    for (told, call) in event.calls.iter().zip(result["calls"].as_array().unwrap()) {
        assert_eq!(json!(told.request_id), call["request_id"]);
        assert_eq!(json!(told.at), call["at"]);
        assert_eq!(told.id.len(), 16);
    }
    // The bill's number and the patient's name are the bill's.
    let told = serde_json::to_string(event).unwrap();
    let number = result["recognition"]["invoice"]["note_no"]
        .as_str()
        .unwrap();
    let name = result["recognition"]["invoice"]["patient_name"].as_str();
    assert!(!told.contains(number), "{told}");
    assert!(!told.contains(name.unwrap_or(number)), "{told}");
    assert_eq!(event.bill.as_ref().unwrap().len(), 32);
    assert_eq!(decode(told.as_bytes()).as_ref(), Ok(event));
}

async fn another_job_about_the_image_says_what_it_saved(on: On) {
    let mut system = priced(on, "").await;
    let key = system.sample("01-beijing-outpatient").await;
    for job in ["first", "second"] {
        system.ask(&system.job(job, &key)).await;
    }
    system.drain().await;
    let events = ledger_of(&system).await;
    assert_eq!(events.len(), 2);
    assert_eq!(calls(&events[1]), []);
    let saved = events[1].hits.iter().map(|hit| {
        let price = hit.saved.as_ref().unwrap();
        format!("{} {} {}", hit.account, price.price, price.currency)
    });
    assert_eq!(
        saved.collect::<Vec<_>>(),
        ["recognition 0.25 CNY", "verification 1.5 CNY"]
    );
    assert_eq!(events[0].bill, events[1].bill);
}

async fn each_turn_of_a_parked_job_is_told_and_each_call_once(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\ncalls = [1]\n";
    let mut setup = Setup::new(on).await.faults(faults).rules(
        r#"
        [[rule]]
        stage = "verification"
        code = ["316"]
        do = [{ action = "park", delays = ["1s"], attempts = 2 }, { action = "fail" }]
        scope = "none"
        billed = "yes"
        reason = "the province is in maintenance"
    "#,
    );
    setup.config.verification.price = "1.5".parse().unwrap();
    // The one delay queue overshoots: the job comes back in its second turn, and not sooner.
    setup.config.broker.retry_delays = vec![span("1s")];
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    system.ask(&system.job("CLM-1", &key)).await;
    system.drain().await;
    let events = ledger_of(&system).await;
    let [parked, answered] = &events[..] else {
        panic!("{events:?}");
    };
    let wait = parked.parked.as_ref().unwrap();
    assert_eq!(
        (parked.ending, wait.code.as_str(), wait.reason.as_str()),
        (Ending::Parked, "316", "the province is in maintenance")
    );
    assert!(wait.until > parked.at);
    assert_eq!(
        calls(parked),
        [
            ("200", Billed::Yes, String::new()),
            ("316", Billed::Yes, "1.5".to_owned())
        ]
    );
    assert_eq!((answered.ending, answered.turn), (Ending::Answered, 1));
    assert_eq!(calls(answered), [("OK", Billed::Yes, "1.5".to_owned())]);
    assert_eq!(answered.hits, [], "its own recognition saves nothing");
    assert_eq!(costs(&events).paid, 3);
}

async fn a_job_is_told_with_its_submitter(on: On) {
    let mut system = priced(on, "").await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = |submitter: &str| {
        let body = json!({ "job_id": "job", "image": { "key": key }, "submitter": submitter });
        system.message(submitter, body.to_string())
    };
    let (good, long) = (job("hospital-7"), job(&"x".repeat(65)));
    assert_eq!(system.ask(&good).await["status"], "completed");
    let refused = system.ask(&long).await;
    assert_eq!(refused["error"]["code"], "job.malformed");
    system.drain().await;
    let events = ledger_of(&system).await;
    assert_eq!(events[0].submitter.as_deref(), Some("hospital-7"));
    assert_eq!(
        (events[1].status, events[1].submitter.as_deref()),
        (Some(Status::InvalidJob), None)
    );
}

async fn no_ledger_is_written_where_none_is_wanted(on: On) {
    let mut setup = Setup::new(on).await;
    setup.config.ledger.store = LedgerStore::None;
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    system.ask(&system.job("CLM-1", &key)).await;
    let name = &system.config.broker.ledger_queue;
    assert!(!system.session.has_queue(name).await.unwrap());
}

async fn a_stream_that_is_deleted_is_declared_again(on: On) {
    let mut system = priced(on, "").await;
    let name = system.config.broker.ledger_queue.clone();
    system.session.delete_queue(&name).await.unwrap();
    let key = system.sample("01-beijing-outpatient").await;
    system.ask(&system.job("CLM-1", &key)).await;
    system.drain().await;
    assert_eq!(ledger_of(&system).await.len(), 1);
}

/// A queue in its place that takes nothing: the first event waits for its refusal, no job does.
#[tokio::test]
async fn a_stream_that_takes_nothing_holds_no_job_up() {
    let setup = Setup::new(On::RabbitMq).await;
    let name = setup.config.broker.ledger_queue.clone();
    let broker = rabbitmq::url().await;
    let connection = Connection::connect(&broker, ConnectionProperties::default());
    rabbitmq::queue_of_one(&connection.await.unwrap(), &name).await;
    let mut system = setup.prepare().await;
    let in_the_way = Message::json("in the way", &b"{}"[..]);
    let publisher = system.session.publisher();
    publisher.publish(&name, &in_the_way).await.unwrap();
    system.work().await;
    let key = system.sample("01-beijing-outpatient").await;
    for job in ["first", "second", "third"] {
        let result = system.ask(&system.job(job, &key)).await;
        assert_eq!(result["verdict"], "genuine");
    }
    system.drain().await;
    system.holds(&system.config.broker.jobs_queue, 0).await;
}
