//! `cost`, `where` and `waiting`: what the ledger of a real broker says of real jobs.

use crate::harness::eventually::eventually;
use crate::harness::ledger::ledger_of;
use crate::harness::program::{ConfigFile, Ended, NONE, output};
use crate::harness::rabbitmq;
use crate::harness::rabbitmq::users::{self, Permissions};
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::Message;
use invoice_worker::domain::failure::Stage;
use invoice_worker::ledger::Ending;
use invoice_worker::settings::secret::Secret;
use invoice_worker::settings::units::span;
use serde_json::{Value, json};

const MAINTENANCE: &str = "
[[fault]]
stage = \"verification\"
answer = \"316\"
sample = \"03-zhejiang-outpatient\"
";
const WAIT_AN_HOUR: &str = r#"
    [[rule]]
    stage = "verification"
    code = ["316"]
    do = [{ action = "park", delays = ["1h"], attempts = 2 }, { action = "fail" }]
    scope = "none"
    billed = "yes"
    reason = "the province is in maintenance"
"#;

async fn told(file: &ConfigFile, arguments: &[&str]) -> Ended {
    let path = file.path();
    output(&[arguments, &["-c", &path]].concat(), &NONE).await
}

async fn json_of(file: &ConfigFile, arguments: &[&str]) -> Value {
    let ended = told(file, &[arguments, &["--json"]].concat()).await;
    assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// One job is answered, another about the same image costs nothing, and one waits for an hour.
async fn with_jobs() -> (System, ConfigFile) {
    let mut setup = Setup::new(On::RabbitMq)
        .await
        .faults(MAINTENANCE)
        .rules(WAIT_AN_HOUR);
    setup.config.recognition.price = "0.25".parse().unwrap();
    setup.config.verification.price = "1.5".parse().unwrap();
    setup.config.ledger.metadata_keys = vec!["claim_id".to_owned()];
    setup.config.broker.retry_delays.push(span("1h"));
    let mut system = Box::pin(setup.start()).await;
    let (good, closed) = (
        system.sample("01-beijing-outpatient").await,
        system.sample("03-zhejiang-outpatient").await,
    );
    for job in ["answered", "again"] {
        assert_eq!(
            system.ask(&system.job(job, &good)).await["verdict"],
            "genuine"
        );
    }
    let body = json!({
        "job_id": "waits", "image": { "key": closed }, "submitter": "north",
        "metadata": { "claim_id": "CLM-7", "name": "a patient's name" },
    });
    let waits = system.message("waits", body.to_string());
    system.submit(&waits).await;
    eventually("the job is parked", async || {
        let events = ledger_of(&system).await;
        events.iter().any(|event| event.ending == Ending::Parked)
    })
    .await;
    let file = ConfigFile::of(&system);
    (system, file)
}

/// Every submitter may write to the stream, through the default exchange.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_event_hides_no_other_is_told_and_can_be_left_out() {
    let (system, file) = with_jobs().await;
    let mut forged = ledger_of(&system).await.remove(0);
    forged.id = "f".repeat(32);
    forged.calls.truncate(1);
    forged.calls[0].id = "f".repeat(16);
    let forged = serde_json::to_string(&forged).unwrap();
    let mut forged = Message::json("invoice.ledger", forged);
    // As if it, and with it the end of the stream, were older than whatever is asked for.
    forged.properties.timestamp = Some(1);
    let (stream, publisher) = (
        &system.config.broker.ledger_queue,
        system.session.publisher(),
    );
    publisher.publish(stream, &forged).await.unwrap();
    let since = ["cost", "--since", "1h", "--json"];
    for (arguments, paid) in [
        (&since[..], 5),
        (&[&since[..], &["--only-sealed"]].concat(), 4),
    ] {
        let ended = told(&file, arguments).await;
        let cost: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(cost["total"]["paid"]["calls"], paid, "{ended:?}");
        assert_eq!(cost["ledger"]["unsealed"], 1, "{ended:?}");
        assert!(ended.stderr.contains("no valid seal"), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cost_is_that_of_the_providers_calls_by_each_property() {
    let (system, file) = with_jobs().await;
    let cost = json_of(&file, &["cost"]).await;
    let billed = [Stage::Recognition, Stage::Verification]
        .map(|stage| system.sandbox.calls().count(stage).billed);
    // Two answers of the first job, a recognition and a 316 of the third.
    assert_eq!(billed, [2, 2]);
    let total = &cost["total"];
    assert_eq!(
        total["paid"],
        json!({ "calls": 4, "unpriced": 0, "money": { "CNY": "3.50" } }),
        "{cost}"
    );
    assert_eq!(
        total["saved"],
        json!({ "calls": 2, "unpriced": 0, "money": { "CNY": "1.75" } }),
        "{cost}"
    );
    assert_eq!(
        (&total["answered"], &total["per_answered"]["CNY"]),
        (&json!(2), &json!("1.75")),
        "{cost}"
    );
    assert_eq!(cost["ledger"]["events"], 3, "{cost}");
    for (by, groups) in [
        ("account", &["recognition", "verification"][..]),
        ("code", &["(none: checkpoint)", "200", "316", "OK"]),
        ("submitter", &["claims", "north"]),
        ("status", &["completed", "not answered yet"]),
    ] {
        let cost = json_of(&file, &["cost", "--by", by, "--since", "1h"]).await;
        let found = cost["groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| group["group"].as_str().unwrap());
        assert_eq!(found.collect::<Vec<_>>(), groups, "{cost}");
        let text = told(&file, &["cost", "--by", by]).await;
        assert!(
            groups.iter().all(|group| text.stdout.contains(group)),
            "{text:?}"
        );
    }
    let day = json_of(&file, &["cost", "--by", "day"]).await;
    assert_eq!(day["groups"].as_array().unwrap().len(), 1, "{day}");
    // Before there was anything.
    let before = json_of(&file, &["cost", "--since", "2020-01", "--until", "2020-01"]).await;
    assert_eq!(before["total"]["paid"]["calls"], 0, "{before}");
    let text = told(&file, &["cost", "--since", "yesterday"]).await.stdout;
    assert!(
        text.contains("3.50 CNY") && text.contains("answered jobs"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_found_by_its_id_or_its_claim_with_the_queue_in_which_it_is() {
    let (mut system, file) = with_jobs().await;
    let waits = json_of(&file, &["where", "waits"]).await;
    let run = &waits["runs"][0];
    let queue = format!("{}.1h", system.config.broker.retry_queue_prefix);
    assert_eq!(run["stands"]["as"], "waiting", "{waits}");
    assert_eq!(run["stands"]["for"]["code"], "316", "{waits}");
    assert_eq!(run["stands"]["queue"], queue, "{waits}");
    assert_eq!(run["submitter"], "north", "{waits}");
    assert_eq!(
        run["paid"],
        json!({ "calls": 2, "money": { "CNY": "1.75" } }),
        "{waits}"
    );
    assert!(run["stands"]["for"]["deadline"].is_string(), "{waits}");
    assert_eq!(
        json_of(&file, &["where", "--by", "claim_id", "CLM-7"]).await["runs"][0]["run"],
        run["run"]
    );
    let ledger = serde_json::to_string(&ledger_of(&system).await).unwrap();
    assert!(
        ledger.contains("CLM-7") && !ledger.contains("business"),
        "{ledger}"
    );
    let text = told(&file, &["where", "waits"]).await.stdout;
    for part in [
        "verification 316 paid",
        "the province is in maintenance",
        &queue,
        "It paid for 2 calls, 1.75 CNY",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let answered = json_of(&file, &["where", "answered"]).await;
    assert_eq!(
        answered["runs"][0]["stands"]["verdict"], "genuine",
        "{answered}"
    );

    let absent = told(&file, &["where", "CLM-9"]).await;
    assert!(
        absent.code == Some(1) && absent.stderr.contains("has no turn of CLM-9"),
        "{absent:?}"
    );
    let unlisted = told(&file, &["where", "--by", "name", "x"]).await;
    assert!(
        unlisted.code == Some(64) && unlisted.stderr.contains("ledger.metadata_keys"),
        "{unlisted:?}"
    );
    system.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_counted_and_held_against_the_queues() {
    let (mut system, file) = with_jobs().await;
    system.drain().await;
    for by in [
        &[][..],
        &["--by", "code"],
        &["--by", "province"],
        &["--by", "account"],
    ] {
        let waiting = json_of(&file, &[&["waiting"], by].concat()).await;
        assert_eq!(waiting["waiting"]["jobs"], 1, "{waiting}");
        assert_eq!(waiting["agrees"], true, "{waiting}");
        assert!(
            waiting["waiting"]["nearest_deadline"].is_string(),
            "{waiting}"
        );
        let group = match by.last() {
            Some(&"code") => json!("verification 316"),
            Some(&"account") => json!("verification"),
            _ => continue,
        };
        assert_eq!(waiting["groups"][0]["group"], group, "{waiting}");
    }
    let text = told(&file, &["waiting"]).await.stdout;
    assert!(text.contains("The queues have as many"), "{text}");
    // The job is taken out of its queue by hand.
    let queues = system
        .config
        .broker
        .retry_delays
        .iter()
        .map(|delay| system.config.broker.retry_queue(delay));
    for queue in queues.chain([system.config.broker.due_queue.clone()]) {
        system.session.delete_queue(&queue).await.unwrap();
    }
    let text = told(&file, &["waiting"]).await;
    assert!(
        text.code == Some(0)
            && text.stdout.contains(
                "The queues do not agree: the ledger has 1 waiting jobs, the queues have 0: none."
            ),
        "{text:?}"
    );
}

/// The least that `deploy/README.md` names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_that_may_read_the_stream_and_nothing_else_is_enough() {
    let (mut system, _) = with_jobs().await;
    let read = format!(
        "^{}$",
        system.config.broker.ledger_queue.replace('.', "\\.")
    );
    let permissions = Permissions {
        configure: "^$".into(),
        write: "^$".into(),
        read,
    };
    let user = users::user(&permissions).await;
    system.config.broker.urls = vec![Secret::new(&rabbitmq::url_of(&user, &user, "%2f").await)];
    let file = ConfigFile::of(&system);
    for arguments in [
        &["cost"][..],
        &["where", "waits"],
        &["waiting"],
        &["ledger", "export"],
    ] {
        let ended = told(&file, arguments).await;
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
    }
    let nothing = Permissions {
        read: "^$".into(),
        ..permissions
    };
    users::grant(&user, &nothing).await;
    let ended = told(&file, &["cost"]).await;
    assert!(
        ended.code == Some(1) && ended.stderr.contains("no read permission"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_ledger_that_cannot_be_read_is_named() {
    let system = Setup::new(On::RabbitMq).await.prepare().await;
    let file = ConfigFile::of(&system);
    let ended = told(&file, &["cost"]).await;
    assert!(
        ended.code == Some(1) && ended.stderr.contains("there is no stream"),
        "{ended:?}"
    );
    for (variable, value, problem) in [
        (
            "INVOICE_WORKER__BROKER__URLS",
            "[\"memory://\"]",
            "memory:// lives within one process",
        ),
        ("INVOICE_WORKER__LEDGER__STORE", "none", "write no ledger"),
        (
            "INVOICE_WORKER__LEDGER__METADATA_KEYS",
            "[\"a\", \"a\"]",
            "listed twice",
        ),
        (
            "INVOICE_WORKER__POLICY__TIMEZONE",
            "Mars/Base",
            "is not a time zone",
        ),
    ] {
        let path = file.path();
        for arguments in [&["cost", "-c", &path][..], &["-c", &path, "ledger", "tail"]] {
            let ended = output(arguments, &[(variable, value)]).await;
            assert!(
                ended.code == Some(64) && ended.stderr.contains(problem),
                "{variable}: {ended:?}"
            );
        }
    }
    for arguments in [
        &["cost", "--since", "soon"][..],
        &["cost", "--by", "moon"],
        &["where"],
    ] {
        let ended = told(&file, arguments).await;
        assert_eq!(ended.code, Some(64), "{arguments:?}: {ended:?}");
    }
}

/// Other clients can write anything to the stream, also while it is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_messages_are_counted_and_a_stream_that_grows_has_an_end() {
    let (system, file) = with_jobs().await;
    let (name, publisher) = (
        system.config.broker.ledger_queue.clone(),
        system.session.publisher(),
    );
    let publish = async |body: Vec<u8>| {
        publisher
            .publish(&name, &Message::json("x", body))
            .await
            .unwrap();
    };
    let first = ledger_of(&system).await.remove(0);
    for body in [
        b"no JSON".to_vec(),
        b"{\"schema\":\"invoice.ledger/2\",\"calls\":7}".to_vec(),
        b"{\"schema\":\"invoice.ledger/1\",\"at\":7}".to_vec(),
        vec![b'['; 300_000],
        serde_json::to_vec(&first).unwrap(),
    ] {
        publish(body).await;
    }
    let cost = json_of(&file, &["cost"]).await;
    let counts = json!({ "events": 3, "repeated_events": 1, "repeated_calls": 0, "foreign": 2, "newer": 1, "damaged": 1, "unsealed": 0 });
    assert_eq!(cost["ledger"], counts);
    assert_eq!(cost["total"]["paid"]["calls"], 4, "{cost}");
    let remarks = told(&file, &["waiting"]).await.stderr;
    assert!(
        remarks.contains("later version") && remarks.contains("are no events"),
        "{remarks}"
    );

    let ended = {
        let reading = told(&file, &["cost"]);
        tokio::pin!(reading);
        loop {
            tokio::select! {
                ended = &mut reading => break ended,
                () = publish(b"more".to_vec()) => {}
            }
        }
    };
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
