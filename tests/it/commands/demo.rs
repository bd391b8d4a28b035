//! `demo`: the whole system, and nothing left of it afterwards.

use crate::harness::program::{NONE, output};
use crate::harness::rabbitmq;
use invoice_worker::broker::Broker;
use invoice_worker::config::Config;
use invoice_worker::settings::secret::Secret;

async fn shown(arguments: &[&str]) -> String {
    let ended = output(arguments, &NONE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for told in ["DEMO-01", "DEMO-again", "16 of 16", "genuine", "voided"] {
        assert!(ended.stdout.contains(told), "{told}: {}", ended.stdout);
    }
    assert!(!ended.stderr.contains("rror"), "{}", ended.stderr);
    let prefix = ended
        .stderr
        .split("begin with ")
        .nth(1)
        .and_then(|rest| rest.split(';').next());
    prefix.expect("it tells the queues' prefix").to_owned()
}

#[tokio::test]
async fn needs_nothing_but_itself() {
    shown(&["demo", "--jobs", "16"]).await;
}

#[tokio::test]
async fn leaves_a_real_broker_as_it_was() {
    let url = rabbitmq::url().await;
    let prefix = shown(&["demo", "--jobs", "16", "--broker", &url]).await;
    assert!(prefix.starts_with("invoice-demo."), "{prefix}");
    let mut config = Config::default();
    config.broker.urls = vec![Secret::new(&url)];
    let broker = Broker::new(&config.broker).unwrap();
    for queue in [
        "jobs",
        "due",
        "results",
        "failed",
        "retry.1s",
        "retry.2s",
        "retry.30s",
        "jobs.replies",
    ] {
        let session = broker.connect().await.unwrap();
        let name = format!("{prefix}.{queue}");
        assert!(
            session.queue_depth(&name).await.is_err(),
            "{name} is still there"
        );
    }
}
