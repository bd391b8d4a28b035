//! Images by URL in a bucket that keeps no versions: an address means whatever lies there when a
//! provider fetches it, so the worker sends the image instead.

use super::{SHORT_316, paid_calls};
use crate::harness::program::ConfigFile;
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use invoice_worker::policy::Transfer;
use invoice_worker::telemetry::job_event::JobEvent;
use serde_json::{Value, json};

promises![
    the_image_is_sent_to_both_providers,
    an_image_that_is_replaced_while_its_job_is_parked_is_processed_anew,
    another_image_under_the_same_key_inherits_nothing,
];

const KEY: &str = "a.jpg";
const FIRST: &str = "01-beijing-outpatient";
const SECOND: &str = "02-henan-inpatient";
/// What is read of an image before it is known that it cannot be fetched.
const HEADER: u64 = 64 << 10;
/// Which providers the configuration lets fetch the image.
const BY_URL: [(Transfer, Transfer); 3] = [
    (Transfer::Url, Transfer::Url),
    (Transfer::Url, Transfer::Inline),
    (Transfer::Inline, Transfer::Url),
];

async fn setup(on: On, (recognition, verification): (Transfer, Transfer), faults: &str) -> Setup {
    let mut setup = Setup::new(on).await.faults(faults).rules(SHORT_316);
    setup.scenario.storage.versions = false;
    setup.config.recognition.transfer = recognition;
    setup.config.verification.transfer = verification;
    setup
}

async fn system(on: On, transfers: (Transfer, Transfer), faults: &str) -> System {
    let system = setup(on, transfers, faults).await.start().await;
    put(&system, FIRST).await;
    system
}

/// Over whatever is there.
async fn put(system: &System, sample: &str) {
    system
        .sandbox
        .put(BUCKET, KEY, samples::named(sample).unwrap().bytes)
        .await
        .unwrap();
}

/// Bytes of each download of the image: the worker's own, and the providers'.
fn downloads(system: &System) -> [Vec<u64>; 2] {
    ["get", "fetch"].map(|operation| {
        let calls = system
            .sandbox
            .calls()
            .about(Stage::Storage, &format!("{operation} {KEY}"));
        calls
            .into_iter()
            .map(|call| call.bytes.unwrap_or_default())
            .collect()
    })
}

/// The bills that both providers read, which must be one.
fn bill(result: &Value) -> &str {
    let [recognised, verified] =
        ["recognition", "verification"].map(|stage| &result[stage]["invoice"]["note_no"]);
    assert_eq!(recognised, verified, "{result}");
    recognised
        .as_str()
        .unwrap_or_else(|| panic!("a bill: {result}"))
}

async fn the_image_is_sent_to_both_providers(on: On) {
    let size = samples::named(FIRST).unwrap().bytes.len() as u64;
    for transfers in BY_URL {
        let mut system = system(on, transfers, "").await;
        let result = system.ask(&system.job("job", KEY)).await;
        assert_eq!(
            (&result["verdict"], &result["image"]["version_id"]),
            (&json!("genuine"), &Value::Null),
            "{result}"
        );
        assert!(result["image"]["sha256"].is_string(), "{result}");
        let own = if transfers == BY_URL[0] {
            vec![HEADER, size]
        } else {
            vec![size]
        };
        assert_eq!(
            (downloads(&system), paid_calls(&system)),
            ([own, vec![]], 2),
            "{transfers:?}"
        );
    }
}

async fn an_image_that_is_replaced_while_its_job_is_parked_is_processed_anew(on: On) {
    let faults =
        "[[fault]]\nstage = 'verification'\nanswer = '316'\nsample = '01-beijing-outpatient'\n";
    let mut system = system(on, BY_URL[0], faults).await;
    system.submit(&system.job("job", KEY)).await;
    assert!(matches!(system.event().await, JobEvent::Parked(_)));
    put(&system, SECOND).await;
    let result = system.result().await;
    assert_eq!(result["verdict"], "genuine", "{result}");
    let of_another_key = system.sample(SECOND).await;
    let expected = system.ask(&system.job("another", &of_another_key)).await;
    assert_eq!(bill(&result), bill(&expected));
}

async fn another_image_under_the_same_key_inherits_nothing(on: On) {
    for transfers in BY_URL {
        let mut system = system(on, transfers, "").await;
        let first = system.ask(&system.job("first", KEY)).await;
        put(&system, SECOND).await;
        let second = system.ask(&system.job("second", KEY)).await;
        assert_ne!(bill(&first), bill(&second));
        assert_eq!(paid_calls(&system), 4, "{transfers:?}");
        // The same image again is known.
        put(&system, FIRST).await;
        let third = system.ask(&system.job("third", KEY)).await;
        assert_eq!(
            (bill(&third), paid_calls(&system)),
            (bill(&first), 4),
            "{transfers:?}"
        );
    }
}

/// An operator reads it once, with what to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_images_are_sent_instead_is_logged_once() {
    let mut system = setup(On::RabbitMq, BY_URL[0], "").await.prepare().await;
    put(&system, FIRST).await;
    let file = ConfigFile::of(&system);
    let program = file.run(&[]);
    for job in ["one", "another"] {
        let result = system.ask(&system.job(job, KEY)).await;
        assert_eq!(result["verdict"], "genuine", "{result}");
    }
    let ended = program.stop().await;
    let lines = ended.stderr.lines().filter(|line| {
        line.contains("this bucket keeps no versions") && line.contains("turn versioning on")
    });
    assert_eq!(lines.count(), 1, "{}", ended.stderr);
}
