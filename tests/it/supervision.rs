//! A broker in trouble under a worker at work: every job is answered, each of its calls is paid
//! once, and the worker comes back by itself.

mod alarm;
mod cluster;
mod restart;

use crate::harness::system::{On, Setup, System};
use invoice_worker::domain::failure::Stage;
use invoice_worker::settings::secret::Secret;
use invoice_worker::settings::units::span;
use std::collections::BTreeMap;
use std::time::Duration;

const SAMPLES: [&str; 4] = [
    "01-beijing-outpatient",
    "02-henan-inpatient",
    "03-zhejiang-outpatient",
    "04-shanghai-outpatient",
];

/// On brokers of the test's own, with calls that are still in the air when the broker goes away.
async fn on(urls: &[String]) -> Setup {
    let mut setup = Setup::new(On::Memory).await;
    setup.config.broker.urls = urls.iter().map(|url| Secret::new(url)).collect();
    // A call ends long before another worker takes its job for given up, also on a slow machine.
    setup.config.worker.redelivery_wait = span("8s");
    setup.scenario.recognition.latency = Duration::from_millis(700);
    setup
}

/// One job about each sample; the first calls are under way.
async fn submit(system: &System) {
    for name in SAMPLES {
        let key = system.sample(name).await;
        system.submit(&system.job(name, &key)).await;
    }
    system.is_called(Stage::Recognition).await;
}

/// An answer that was published when the broker went away may come twice, and then with the same
/// bytes.
async fn all_are_answered_and_paid_once(system: &mut System) {
    let mut answers = BTreeMap::new();
    while answers.len() < SAMPLES.len() {
        let answer = system.reply().await;
        let before = answers.insert(answer.properties.message_id, answer.body.clone());
        assert!(
            before.is_none_or(|before| before == answer.body),
            "another answer of the same run"
        );
    }
    for body in answers.values() {
        let result: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!(result["status"], "completed", "{result}");
    }
    for stage in [Stage::Recognition, Stage::Verification] {
        let paid = system.sandbox.calls().count(stage);
        assert_eq!(
            (paid.billed, paid.billed_unknown),
            (SAMPLES.len() as u64, 0),
            "{stage:?}"
        );
    }
    assert_eq!(system.depth(&system.config.broker.failed_queue).await, 0);
}
