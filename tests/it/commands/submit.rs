//! `submit`: each job of the command line is in the queue once, whatever interrupts it, and with
//! `--wait` its result is on stdout.

use crate::harness::eventually::eventually;
use crate::harness::program::{ConfigFile, Ended, NONE, Program, output};
use crate::harness::rabbitmq::Node;
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::run_id;
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use invoice_worker::settings::secret::Secret;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fmt::Write;

/// The lines of stdout, each of them JSON.
fn told(ended: &Ended) -> Vec<Value> {
    let lines = ended.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{ended:?}")))
        .collect()
}

fn field<'a>(told: &'a [Value], name: &str) -> HashSet<&'a str> {
    told.iter().filter_map(|line| line[name].as_str()).collect()
}

/// Puts a sample into the folder of the configuration, and returns its path.
fn local(file: &ConfigFile, sample: &str, name: &str) -> String {
    let path = file.file(name);
    std::fs::write(&path, samples::named(sample).unwrap().bytes).unwrap();
    path.display().to_string()
}

/// A file of so many jobs about one object of the bucket, and its path.
fn jobs(file: &ConfigFile, key: &str, number: usize) -> String {
    let mut text = String::new();
    for index in 0..number {
        let job = json!({ "job_id": format!("CLM-{index}"), "image": { "key": key } });
        writeln!(text, "{job}").unwrap();
    }
    let path = file.file("jobs.jsonl");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

async fn submit(file: &ConfigFile, arguments: &[&str]) -> Ended {
    let path = file.path();
    output(&[&["submit", "-c", &path], arguments].concat(), &NONE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn local_images_and_lines_of_jobs_are_uploaded_submitted_and_their_results_collected() {
    let system = System::start(On::RabbitMq).await;
    let file = ConfigFile::of(&system);
    let image = local(&file, "01-beijing-outpatient", "bill of a patient.JPG");
    local(&file, "02-henan-inpatient", "02.jpg");
    let lines = [
        json!({ "job_id": "file", "image": { "file": "02.jpg" }, "metadata": { "claim": 7 } }),
        json!({ "job_id": "missing", "image": { "key": "nowhere.jpg" } }),
    ];
    let path = file.file("jobs.jsonl");
    std::fs::write(&path, format!("{}\n{}\n", lines[0], lines[1])).unwrap();
    let path = path.display().to_string();

    let ended = submit(&file, &[&image, "--jobs", &path, "--wait"]).await;
    assert_eq!(ended.code, Some(1), "one has no image: {ended:?}");
    let told = told(&ended);
    assert_eq!(
        field(&told, "job_id"),
        HashSet::from([image.as_str(), "file", "missing"])
    );
    for result in &told {
        let is_missing = result["job_id"] == "missing";
        let status = if is_missing {
            "invalid_job"
        } else {
            "completed"
        };
        assert_eq!(result["status"], status, "{result}");
        let key = result["image"]["key"].as_str().unwrap();
        assert!(!key.contains("patient"), "{key}");
        assert!(is_missing || key.starts_with("submitted/"), "{key}");
    }
    assert!(
        ended.stderr.contains("3 answered, 2 completed"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains('█'), "a bar without a terminal");

    // All is done: the same command finds nothing to do, and says how it ended.
    let again = submit(&file, &[&image, "--jobs", &path, "--wait"]).await;
    assert_eq!((again.code, again.stdout.as_str()), (Some(1), ""));
    assert!(
        again.stderr.contains("3 of them before"),
        "{}",
        again.stderr
    );
    let calls = system.sandbox.calls();
    assert_eq!(calls.count(Stage::Recognition).billed, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_in_one_line_is_told_before_any_job_is_submitted() {
    let system = Setup::new(On::RabbitMq).await.prepare().await;
    let file = ConfigFile::of(&system);
    let path = file.file("jobs.jsonl");
    std::fs::write(
        &path,
        "{\"image\": {\"key\": \"a\"}}\n{\"image\": {}}\n{\"image\": {\"file\": \"nowhere.jpg\"}}\n",
    )
    .unwrap();
    let ended = submit(&file, &["--jobs", &path.display().to_string()]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(64), ""));
    for says in [
        "jobs.jsonl line 2: job.malformed",
        "line 3: ",
        "nowhere.jpg",
    ] {
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
    assert_eq!(system.depth(&system.config.broker.jobs_queue).await, 0);
    assert!(!file.file("jobs.jsonl.journal").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_that_is_killed_goes_on_and_each_job_is_one_run() {
    const JOBS: usize = 40;
    let system = Setup::new(On::RabbitMq).await.prepare().await;
    let queue = system.config.broker.jobs_queue.clone();
    let file = ConfigFile::of(&system);
    let (config, path) = (file.path(), jobs(&file, "a.jpg", JOBS));
    let arguments = ["submit", "-c", &config, "--jobs", &path, "--rate", "20"];
    let program = Program::start(&arguments, &NONE);
    eventually("some jobs", async || system.depth(&queue).await >= 5).await;
    program.kill().await;
    let before = system.depth(&queue).await;
    assert!((before as usize) < JOBS, "{before}");

    let ended = submit(&file, &["--jobs", &path]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stderr.contains("submitted 40 of 40"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("of them before"), "{}", ended.stderr);
    let told = told(&ended);
    let mut runs = HashSet::new();
    let submitted = system.depth(&queue).await as usize;
    // What was confirmed and not written down yet at the kill is there twice, as one run.
    assert!(submitted <= JOBS + told.len(), "{submitted}");
    let mut consumer = system.session.consume(&queue, 0).await.unwrap();
    for _ in 0..submitted {
        runs.insert(run_id(&consumer.next().await.unwrap().message));
    }
    assert_eq!(runs.len(), JOBS);
    assert!(
        field(&told, "run").iter().all(|run| runs.contains(*run)),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_wait_says_how_to_go_on_and_then_collects_what_came_meanwhile() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let key = system.sample("01-beijing-outpatient").await;
    let file = ConfigFile::of(&system);
    let (config, path) = (file.path(), jobs(&file, &key, 3));
    let arguments = ["submit", "-c", &config, "--jobs", &path, "--wait"];
    let program = Program::start(&arguments, &NONE);
    system.holds(&system.config.broker.jobs_queue, 3).await;
    // A program that was stopped had all confirms; this one is written down, too.
    eventually("a whole journal", async || {
        let journal = std::fs::read_to_string(file.file("jobs.jsonl.journal"));
        journal.unwrap_or_default().matches("submitted").count() == 3
    })
    .await;
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(143), "{ended:?}");
    for says in [
        "submitted 3 of 3",
        "the same command goes on",
        "interrupted",
    ] {
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }

    system.work().await;
    let ended = output(&arguments, &NONE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(told(&ended).len(), 3);
    assert_eq!(
        system.sandbox.calls().count(Stage::Recognition).billed,
        1,
        "one image"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_under_a_waiting_submission_costs_no_result() {
    let mut node = Node::start().await;
    let mut setup = Setup::new(On::RabbitMq).await;
    setup.config.broker.urls = vec![Secret::new(&node.url())];
    let mut system = Box::pin(setup.prepare()).await;
    let key = system.sample("01-beijing-outpatient").await;
    let file = ConfigFile::of(&system);
    let (config, path) = (file.path(), jobs(&file, &key, 20));
    let arguments = ["submit", "-c", &config, "--jobs", &path, "--wait"];
    let program = Program::start(&arguments, &NONE);
    system.holds(&system.config.broker.jobs_queue, 20).await;
    node.write_declarations().await;
    node.kill().await;
    node.start_again().await;
    system.reconnect().await;
    system.work().await;
    let ended = program.end().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told = told(&ended);
    assert_eq!((told.len(), field(&told, "job_id").len()), (20, 20));
}

#[tokio::test]
async fn what_cannot_be_submitted_is_refused_with_a_reason() {
    let system = Setup::new(On::RabbitMq).await.prepare().await;
    let file = ConfigFile::of(&system);
    let path = jobs(&file, "a.jpg", 1);
    let without = submit(&file, &["--jobs", &path]).await;
    assert_eq!(without.code, Some(0), "{without:?}");
    let wait = submit(&file, &["--jobs", &path, "--wait"]).await;
    assert_eq!(wait.code, Some(1), "{wait:?}");
    assert!(wait.stderr.contains("without --wait"), "{}", wait.stderr);

    let config = file.path();
    let arguments = ["submit", "-c", &config, "--jobs", &path];
    let memory = [("INVOICE_WORKER__BROKER__URLS", "[\"memory://\"]")];
    let refused = output(&arguments, &memory).await;
    assert_eq!(refused.code, Some(64), "{refused:?}");
    assert!(refused.stderr.contains("`process`"), "{}", refused.stderr);

    let pattern = [("INVOICE_WORKER__BROKER__REPLY_TO", "claims\\..*")];
    let refused = output(&["submit", "-c", &config, "s3://a/b", "--wait"], &pattern).await;
    assert_eq!(refused.code, Some(64), "{refused:?}");
    assert!(
        refused.stderr.contains("broker.reply_to"),
        "{}",
        refused.stderr
    );
}
