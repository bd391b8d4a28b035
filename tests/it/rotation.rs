//! A secret is replaced while jobs pass: workers are restarted one by one, nothing is lost, nothing
//! is bought twice, and no call is refused.

use crate::harness::program::{ConfigFile, Program};
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::config::Config;
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use invoice_worker::settings::secret::Secret;
use std::collections::BTreeSet;

const OLD: &str = "the-key-that-all-workers-have-at-first";
const NEW: &str = "the-key-that-all-workers-have-at-last";
/// Submitted before each restart.
const JOBS: usize = 20;
/// What is parked crosses the restarts with its headers, and what was recognised is found in the
/// store.
const PARKS: &str = "[[rule]]\nstage = \"verification\"\ncode = [\"321\"]\ndo = [{ action = \"park\", delays = [\"1s\"], attempts = 50 }, \
                     { action = \"fail\" }]\nbilled = \"yes\"\nreason = \"an unknown error\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn rotating_the_seal_key_worker_by_worker_loses_nothing_and_buys_nothing_twice() {
    let system = setup().await.prepare().await;
    let keys = |previous, key| {
        configured(&system, |config| {
            config.seal.key = Secret::new(key);
            config.seal.previous_key = Secret::new(previous);
        })
    };
    let phases = [keys("", OLD), keys(OLD, NEW), keys("", NEW)];
    rotate(system, &phases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rotating_the_recognition_secret_worker_by_worker_loses_nothing_and_buys_nothing_twice() {
    let mut setup = setup().await;
    setup.scenario.recognition.previous_app_secret = Secret::new(OLD);
    let system = setup.prepare().await;
    let old = configured(&system, |config| {
        config.recognition.app_secret = Secret::new(OLD);
    });
    let new = configured(&system, |_| ());
    rotate(system, &[old, new]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rotating_the_verification_secret_worker_by_worker_loses_nothing_and_buys_nothing_twice() {
    let mut setup = setup().await;
    setup.scenario.verification.previous_api_secret = Secret::new(OLD);
    let system = setup.prepare().await;
    let old = configured(&system, |config| {
        config.verification.api_secret = Secret::new(OLD);
    });
    let new = configured(&system, |_| ());
    rotate(system, &[old, new]).await;
}

/// A key of S3 has one secret: both are replaced.
#[tokio::test(flavor = "multi_thread")]
async fn rotating_the_store_keys_worker_by_worker_loses_nothing_and_buys_nothing_twice() {
    let mut setup = setup().await;
    setup.scenario.storage.previous_access_key_id = "the-old-key".to_owned();
    setup.scenario.storage.previous_secret_access_key = Secret::new(OLD);
    let system = setup.prepare().await;
    let old = configured(&system, |config| {
        config.storage.access_key_id = Secret::new("the-old-key");
        config.storage.secret_access_key = Secret::new(OLD);
    });
    let new = configured(&system, |_| ());
    rotate(system, &[old, new]).await;
}

async fn setup() -> Setup {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"321\"\nprobability = 0.5\n";
    let mut setup = Setup::new(On::RabbitMq).await.faults(faults);
    setup.config.worker.max_in_flight = 8;
    setup
}

/// Two workers are restarted, one after the other, with the next of the configurations, until both
/// have the last; jobs are submitted before each restart.
async fn rotate(mut system: System, phases: &[ConfigFile]) {
    let mut workers = [started(&phases[0]).await, started(&phases[0]).await];
    let mut submitted = 0;
    let mut answered = BTreeSet::new();
    for phase in &phases[1..] {
        for worker in &mut workers {
            submit(&system, submitted).await;
            submitted += JOBS;
            let before = std::mem::replace(worker, started(phase).await);
            let ended = before.stop().await;
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
            assert!(!ended.stderr.contains("no valid seal"), "{}", ended.stderr);
        }
        // The previous key is needed as long as jobs wait whose answers were kept with it alone.
        while answered.len() < submitted {
            let result = system.result().await;
            assert_eq!(result["status"], "completed", "{result}");
            assert!(
                answered.insert(result["job_id"].as_str().unwrap().to_owned()),
                "answered twice: {result}"
            );
        }
    }
    let calls = system.sandbox.calls();
    assert_eq!(
        calls.count(Stage::Recognition).billed,
        submitted as u64,
        "recognitions that were paid"
    );
    let (mut failed, mut refused) = (0, Vec::new());
    for call in calls.all() {
        match (call.stage, call.answer.as_str()) {
            (Stage::Verification, "321") => failed += 1,
            (_, "403" | "UNAUTHORIZED") => refused.push(call),
            (_, answer) if answer.starts_with("APIG.") => refused.push(call),
            _ => {}
        }
    }
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(
        calls.count(Stage::Verification).billed,
        (submitted + failed) as u64,
        "verifications that were paid"
    );
    assert!(failed * 4 > submitted, "hardly a job was parked");
    for worker in workers {
        assert_eq!(worker.stop().await.code, Some(0));
    }
}

fn configured(system: &System, change: impl FnOnce(&mut Config)) -> ConfigFile {
    let mut config = system.config.clone();
    change(&mut config);
    let file = ConfigFile::of_config(&config);
    std::fs::write(file.file("policy.toml"), PARKS).unwrap();
    file
}

async fn started(file: &ConfigFile) -> Program {
    let policy = file.file("policy.toml").display().to_string();
    let mut program = file.run(&[("INVOICE_WORKER__POLICY__FILE", &policy)]);
    program.event("consuming").await;
    program
}

async fn submit(system: &System, from: usize) {
    let sample = samples::named("01-beijing-outpatient").unwrap();
    for number in from..from + JOBS {
        let key = format!("images/{number}");
        // Bytes behind a picture's end make another picture of it, for those who pay.
        let picture = [sample.bytes, format!("copy {number}").as_bytes()].concat();
        system.sandbox.put(BUCKET, &key, picture).await.unwrap();
        system
            .submit(&system.job(&format!("CLM-{number}"), &key))
            .await;
    }
}
