//! Commands where there are several job queues: what is submitted, declared and replayed, and where.

use crate::harness::program::{ConfigFile, Ended, NONE, output};
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::{JobQueue, failed_copy};
use serde_json::{Value, json};

/// Two job queues, without a worker.
async fn two_queues() -> (System, ConfigFile, [String; 2]) {
    let mut setup = Setup::new(On::RabbitMq).await;
    let first = setup.config.broker.jobs_queue.clone();
    let names = [first.clone(), format!("{first}.urgent")];
    let entry = |queue: &String| JobQueue {
        queue: queue.clone(),
        ..JobQueue::default()
    };
    setup.config.broker.jobs = names.iter().map(entry).collect();
    let system = setup.prepare().await;
    let file = ConfigFile::of(&system);
    (system, file, names)
}

async fn run(file: &ConfigFile, arguments: &[&str]) -> Ended {
    let path = file.path();
    output(&[arguments, &["-c", &path]].concat(), &NONE).await
}

#[tokio::test]
async fn submit_chooses_a_job_queue_and_where_counts_all_of_them() {
    let (system, file, [first, urgent]) = two_queues().await;
    for (arguments, counts) in [
        (&["submit", "s3://claims/a.jpg"][..], (1, 0)),
        (&["submit", "s3://claims/a.jpg", "--queue", &urgent], (1, 1)),
        (&["submit", "s3://claims/a.jpg", "--queue", &first], (2, 1)),
    ] {
        let ended = run(&file, arguments).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(
            (system.depth(&first).await, system.depth(&urgent).await),
            counts
        );
    }
    let other = run(&file, &["submit", "s3://claims/a.jpg", "--queue", "other"]).await;
    let says = format!("--queue: other is none of the job queues, which are: {first}, {urgent}");
    assert!(
        other.code == Some(64) && other.stderr.contains(&says),
        "{other:?}"
    );

    let declared = run(&file, &["topology", "declare"]).await;
    assert_eq!(declared.code, Some(0), "{declared:?}");
    let unknown = run(&file, &["where", "CLM-1"]).await;
    let says = format!("{first} has 2 jobs and {urgent} has 1 jobs that no worker has begun");
    assert!(
        unknown.code == Some(1) && unknown.stderr.contains(&says),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn each_job_queue_is_exported_described_and_compared() {
    let (_system, file, names) = two_queues().await;
    let exported = run(&file, &["topology", "export"]).await;
    let definitions: Value = serde_json::from_str(&exported.stdout).unwrap();
    let queues = definitions["queues"].as_array().unwrap();
    for name in &names {
        let queue = queues.iter().find(|queue| queue["name"] == name.as_str());
        let limit = &queue.unwrap()["arguments"]["x-delivery-limit"];
        assert_eq!(*limit, json!(20), "{name}");
    }
    let described = run(&file, &["schema", "asyncapi"]).await;
    let document: Value = serde_json::from_str(&described.stdout).unwrap();
    for (channel, name) in ["jobs", "jobs2"].iter().zip(&names) {
        assert_eq!(document["channels"][channel]["address"], name.as_str());
    }
    let taking = &document["operations"]["takeJob2"];
    assert_eq!(taking["channel"]["$ref"], "#/channels/jobs2");
    run(&file, &["topology", "declare"]).await;
    let compared = run(&file, &["topology", "check"]).await;
    let says = format!("{} and the others are as they have to be", names.join(", "));
    assert!(
        compared.code == Some(0) && compared.stdout.contains(&says),
        "{compared:?}"
    );
}

#[tokio::test]
async fn a_replay_goes_to_the_queue_that_the_job_came_from_or_else_to_the_first() {
    let (system, file, [first, urgent]) = two_queues().await;
    let publisher = system.session.publisher();
    for (number, queue) in [json!(urgent), json!("gone"), json!(null)]
        .iter()
        .enumerate()
    {
        let failure = json!({
            "job_id": format!("CLM-{number}"), "queue": queue, "status": "undetermined",
            "calls": 1, "billed": 1, "at": "2026-01-01T00:00:00Z",
            "error": { "stage": "verification", "code": "319", "message": "", "attempts": 1 },
        });
        let job = system.message(&number.to_string(), "{}");
        let copy = failed_copy(&job, &failure.to_string(), 1 << 20);
        publisher
            .publish(&system.config.broker.failed_queue, &copy)
            .await
            .unwrap();
    }
    let ended = run(&file, &["failed", "replay", "--yes"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(
        ended.stdout,
        "replayed 3 to the job queues that they came from\n"
    );
    assert_eq!(
        (system.depth(&first).await, system.depth(&urgent).await),
        (2, 1)
    );
    let replayed = system.take(&urgent).await;
    assert_eq!(
        replayed.properties.message_id,
        system.message("0", "{}").properties.message_id
    );
}
