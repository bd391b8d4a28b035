//! `results`: what lies in the results queue is looked at without being used up, and delivered.

use crate::harness::program::{ConfigFile, Ended, NONE, output};
use crate::harness::rabbitmq::unique_name;
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::{Message, Properties, REPLY_TO};
use serde_json::{Value, json};

async fn results(file: &ConfigFile, arguments: &[&str]) -> Ended {
    let path = file.path();
    output(&[&["results"], arguments, &["-c", &path]].concat(), &NONE).await
}

async fn done(file: &ConfigFile, arguments: &[&str]) -> String {
    let ended = results(file, arguments).await;
    assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
    ended.stdout
}

/// Results as a worker leaves them: of two submitters in turn, all for one reply queue.
async fn with_results(number: u32, reply_to: Option<&str>) -> (System, ConfigFile) {
    let system = Setup::new(On::RabbitMq).await.prepare().await;
    for index in 0..number {
        let bucket = if index % 2 == 0 { "north" } else { "south" };
        let body = json!({
            "schema": "invoice.result/1", "job_id": format!("CLM-{index}"), "status": "completed", "verdict": "genuine",
            "image": { "bucket": bucket }, "finished": "2026-01-01T00:00:00Z",
        });
        let mut properties = Properties {
            correlation_id: Some(format!("c{index}")),
            message_id: Some(format!("run{index}")),
            kind: Some("invoice.result".into()),
            ..Properties::default()
        };
        if let Some(reply_to) = reply_to {
            properties.headers.set_text(REPLY_TO, reply_to);
        }
        properties.headers.set_text("traceparent", "00-1-2-01");
        let message = Message {
            body: body.to_string().into(),
            properties,
        };
        let queue = &system.config.broker.results_queue;
        let publisher = system.session.publisher();
        publisher.publish(queue, &message).await.unwrap();
    }
    let file = ConfigFile::of(&system);
    (system, file)
}

async fn left(system: &System) -> u32 {
    system.depth(&system.config.broker.results_queue).await
}

#[tokio::test]
async fn a_result_whose_reply_queue_was_gone_is_delivered_there_once_it_is_back() {
    let system = Box::pin(Setup::new(On::RabbitMq).await.start()).await;
    let key = system.sample("01-beijing-outpatient").await;
    let (mut job, gone) = (system.job("CLM-1", &key), unique_name());
    job.properties.reply_to = Some(gone.clone());
    system.submit(&job).await;
    let results_queue = system.config.broker.results_queue.clone();
    system.holds(&results_queue, 1).await;
    let file = ConfigFile::of(&system);
    let listed: Value = serde_json::from_str(&done(&file, &["list", "--json"]).await).unwrap();
    let group = &listed["groups"][0];
    assert_eq!(
        (&listed["total"], &group["outcome"], &group["reply_to"]),
        (&json!(1), &json!("genuine"), &json!(gone))
    );

    let refused = results(&file, &["deliver"]).await;
    assert!(
        refused.code == Some(1)
            && refused.stdout.contains("the queue does not exist")
            && refused.stdout.contains("1 are still in"),
        "{refused:?}"
    );
    assert_eq!(left(&system).await, 1);
    system.session.temporary_queue(&gone).await.unwrap();
    assert_eq!(
        done(&file, &["deliver"]).await,
        format!("delivered 1 to {gone}\n")
    );
    let delivered = system.take(&gone).await;
    let properties = &delivered.properties;
    assert_eq!(
        properties.correlation_id.as_deref(),
        Some("correlation of CLM-1")
    );
    assert_eq!(properties.kind.as_deref(), Some("invoice.result"));
    assert!(properties.message_id.is_some() && !properties.headers.contains(REPLY_TO));
    let result: Value = serde_json::from_slice(&delivered.body).unwrap();
    assert_eq!(result["verdict"], "genuine");
    assert_eq!(left(&system).await, 0);
    let empty = results(&file, &["list"]).await;
    assert!(
        empty.code == Some(0) && empty.stderr.contains("is empty"),
        "{empty:?}"
    );
}

#[tokio::test]
async fn more_than_one_is_only_listed_without_consent_and_filters_choose() {
    let (mut system, file) = with_results(6, Some("nobodys.replies")).await;
    let to = system.reply_to.clone();
    let told = done(&file, &["deliver", "--to", &to]).await;
    assert!(
        told.contains(&format!("Would deliver 6 to {to}")) && told.contains("--yes"),
        "{told}"
    );
    assert_eq!(left(&system).await, 6);
    assert_eq!(
        done(
            &file,
            &["deliver", "--to", &to, "--submitter", "north", "--yes"]
        )
        .await,
        format!("delivered 3 to {to}\n")
    );
    assert_eq!(
        done(&file, &["deliver", "--to", &to, "CLM-5"]).await,
        format!("delivered 1 to {to}\n")
    );
    let told = done(
        &file,
        &[
            "deliver", "--to", &to, "--json", "--limit", "1", "--rate", "1000",
        ],
    )
    .await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["planned"], &told["delivered"][&to]),
        (&json!(1), &json!(1)),
        "{told}"
    );
    assert_eq!(left(&system).await, 1);
    let mut ids = Vec::new();
    for _ in 0..5 {
        let message = system.reply().await;
        assert_eq!(
            message.properties.headers.text("traceparent").as_deref(),
            Some("00-1-2-01")
        );
        ids.push(message.properties.message_id.unwrap());
    }
    ids.sort();
    assert_eq!(ids, ["run0", "run1", "run2", "run4", "run5"]);

    let missing = results(&file, &["deliver", "--to", &to, "CLM-9"]).await;
    assert!(
        missing.code == Some(1) && missing.stderr.contains("none of 1"),
        "{missing:?}"
    );
}

#[tokio::test]
async fn a_result_goes_nowhere_where_it_would_be_taken_for_a_job_or_nobody_knows_where() {
    let (system, file) = with_results(2, None).await;
    for own in [
        &system.config.broker.jobs_queue,
        &system.config.broker.results_queue,
        &system.config.broker.failed_queue,
    ] {
        let refused = results(&file, &["deliver", "--yes", "--to", own]).await;
        assert!(
            refused.code == Some(64) && refused.stderr.contains("own queues"),
            "{refused:?}"
        );
    }
    let unknown = results(&file, &["deliver", "--yes"]).await;
    assert!(
        unknown.code == Some(1) && unknown.stdout.contains("2 have no reply queue"),
        "{unknown:?}"
    );
    assert_eq!(left(&system).await, 2);
}
