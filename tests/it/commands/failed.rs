//! `failed`: what lies in the failed queue is looked at without being used up, replayed as another
//! run, and dropped.

mod replay;

use crate::harness::eventually::eventually;
use crate::harness::program::{ConfigFile, Ended, NONE, output};
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::{Message, failed_copy, run_id};
use serde_json::{Value, json};
use tokio::time::timeout;

/// The registry's first answer is one that only a person can help with.
const FAULT: &str = "[[fault]]\nstage = \"verification\"\nanswer = \"319\"\ncalls = [1]\n";

async fn failed(file: &ConfigFile, arguments: &[&str]) -> Ended {
    let path = file.path();
    output(&[&["failed"], arguments, &["-c", &path]].concat(), &NONE).await
}

async fn done(file: &ConfigFile, arguments: &[&str]) -> String {
    let ended = failed(file, arguments).await;
    assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
    ended.stdout
}

async fn listed(file: &ConfigFile) -> Value {
    serde_json::from_str(&done(file, &["list", "--json"]).await).unwrap()
}

/// A worker that has failed at a job, CLM-1, and at one that was none; both have been answered.
async fn after_two_failures() -> (System, ConfigFile, Message) {
    let mut system = Box::pin(Setup::new(On::RabbitMq).await.faults(FAULT).start()).await;
    let key = system.sample("01-beijing-outpatient").await;
    system.submit(&system.job("CLM-1", &key)).await;
    let answer = system.reply().await;
    assert_eq!(
        serde_json::from_slice::<Value>(&answer.body).unwrap()["status"],
        "undetermined"
    );
    let nonsense = system.message("CLM-2", "not JSON, but a patient's name");
    assert_eq!(system.ask(&nonsense).await["status"], "invalid_job");
    system.holds(&system.config.broker.failed_queue, 2).await;
    let file = ConfigFile::of(&system);
    (system, file, answer)
}

/// Copies as a worker leaves them, in a queue that no worker is at.
async fn with_copies(number: u32) -> (System, ConfigFile) {
    let system = Setup::new(On::RabbitMq).await.prepare().await;
    for index in 0..number {
        let code = if index % 2 == 0 { "even" } else { "odd" };
        let failure = json!({
            "job_id": format!("CLM-{index}"), "status": "undetermined", "calls": 1, "billed": 1, "at": "2026-01-01T00:00:00Z",
            "error": { "stage": "verification", "code": code, "message": "", "attempts": 1 },
        });
        let copy = failed_copy(
            &system.message(&index.to_string(), "{}"),
            &failure.to_string(),
            1 << 20,
        );
        system
            .session
            .publisher()
            .publish(&system.config.broker.failed_queue, &copy)
            .await
            .unwrap();
    }
    let file = ConfigFile::of(&system);
    (system, file)
}

async fn depths(system: &System) -> (u32, u32) {
    let queues = &system.config.broker;
    (
        system.depth(&queues.failed_queue).await,
        system.depth(&queues.jobs_queue).await,
    )
}

#[tokio::test]
async fn failed_jobs_are_listed_and_shown_without_their_content() {
    let (system, file, answer) = after_two_failures().await;
    let told = listed(&file).await;
    assert_eq!(
        (&told["total"], &told["queue"]),
        (&json!(2), &json!(system.config.broker.failed_queue))
    );
    let groups: Vec<_> = told["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (&group["stage"], &group["code"], &group["count"]))
        .collect();
    assert_eq!(
        groups,
        [
            (&json!("job"), &json!("job.malformed"), &json!(1)),
            (&json!("verification"), &json!("319"), &json!(1))
        ]
    );
    let table = done(&file, &["list"]).await;
    assert!(
        table.contains("319") && table.contains("undetermined") && table.contains("total"),
        "{table}"
    );

    let shown = done(&file, &["show", "CLM-1"]).await;
    let run = answer.properties.message_id.unwrap();
    for text in [
        &run,
        &system.reply_to,
        "correlation of CLM-1",
        "verification 319",
        "2, of which 2 paid",
        "samples/01-beijing",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(
        !shown.contains("CLM-2") && !shown.contains("claim"),
        "{shown}"
    );
    let all = done(&file, &["show"]).await;
    assert!(
        all.contains("CLM-1") && all.contains("job.malformed") && !all.contains("patient's"),
        "{all}"
    );
    assert!(
        done(&file, &["show", "--code", "job.malformed", "--body"])
            .await
            .contains("not JSON, but a patient's name")
    );
    assert_eq!(system.depth(&system.config.broker.failed_queue).await, 2);

    let missing = failed(&file, &["show", "CLM-3"]).await;
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(
        missing.stderr.contains("none of 2") && missing.stdout.is_empty(),
        "{missing:?}"
    );
}

#[tokio::test]
async fn more_than_one_job_is_only_listed_without_consent() {
    let (system, file) = with_copies(4).await;
    for action in ["replay", "drop"] {
        let told = done(&file, &[action]).await;
        assert!(
            told.contains(&format!("Would {action} 4"))
                && told.contains("--yes")
                && told.contains("even"),
            "{told}"
        );
        assert_eq!(depths(&system).await, (4, 0));
    }
    assert_eq!(
        done(&file, &["drop", "--code", "odd", "--yes"]).await,
        "CLM-1\nCLM-3\ndropped 2\n"
    );
    assert_eq!(
        done(
            &file,
            &["drop", "--yes", "--limit", "1", "--newer-than", "1s"]
        )
        .await,
        "",
        "none is so new"
    );
    assert_eq!(
        done(
            &file,
            &["drop", "--yes", "--limit", "1", "--older-than", "1d"]
        )
        .await,
        "CLM-0\ndropped 1\n"
    );
    let told = done(&file, &["replay", "--yes"]).await;
    assert_eq!(
        told,
        format!("replayed 1 to {}\n", system.config.broker.jobs_queue)
    );
    assert_eq!(depths(&system).await, (0, 1));
    let job = system.take(&system.config.broker.jobs_queue).await;
    let original = system.message("2", "{}");
    assert_eq!(
        (&job.body, &job.properties.reply_to),
        (&original.body, &original.properties.reply_to)
    );
    assert_ne!(run_id(&job), run_id(&original));
}

#[tokio::test]
async fn a_queue_of_many_windows_is_seen_whole_and_what_does_not_match_stays() {
    let (system, file) = with_copies(501).await;
    assert_eq!(listed(&file).await["total"], 501);
    assert_eq!(depths(&system).await, (501, 0));
    let told = done(
        &file,
        &["replay", "--code", "odd", "--rate", "1000", "--yes"],
    )
    .await;
    assert_eq!(
        told,
        format!("replayed 250 to {}\n", system.config.broker.jobs_queue)
    );
    assert_eq!(depths(&system).await, (251, 250));
    let left = listed(&file).await;
    assert_eq!(
        (&left["total"], &left["groups"][0]["code"]),
        (&json!(251), &json!("even"))
    );
}

#[tokio::test]
async fn looking_more_often_than_a_job_may_be_delivered_costs_no_copy() {
    let (system, file) = with_copies(3).await;
    for _ in 0..22 {
        assert_eq!(listed(&file).await["total"], 3);
    }
    assert_eq!(depths(&system).await, (3, 0));
}

#[tokio::test]
async fn a_job_that_the_broker_dead_lettered_has_the_brokers_reason() {
    let system = Setup::new(On::RabbitMq).await.prepare().await;
    let file = ConfigFile::of(&system);
    let queues = &system.config.broker;
    system.submit(&system.job("CLM-1", "a.jpg")).await;
    eventually("a job that the broker gives up", async || {
        let mut consumer = system.session.consume(&queues.jobs_queue, 1).await.unwrap();
        // Gone is gone: the broker may take it away in between.
        let _ = timeout(std::time::Duration::from_secs(1), consumer.next()).await;
        system.depth(&queues.failed_queue).await > 0
    })
    .await;
    let told = listed(&file).await;
    let group = &told["groups"][0];
    assert_eq!(
        (&group["stage"], &group["code"], &group["status"]),
        (
            &json!("broker"),
            &json!("delivery_limit"),
            &json!("unknown")
        )
    );
    assert!(group["oldest"].is_string(), "{told}");
    let shown = done(&file, &["show"]).await;
    assert!(
        shown.starts_with("CLM-1\n")
            && shown.contains(&queues.jobs_queue)
            && shown.contains("too often"),
        "{shown}"
    );
}

/// The last copy is the only one there is.
#[tokio::test]
async fn nothing_is_dropped_without_consent_or_the_jobs_own_id() {
    let (system, file) = with_copies(1).await;
    for arguments in [
        &["drop"][..],
        &["drop", "--code", "even"],
        &["drop", "--limit", "1"],
    ] {
        let told = done(&file, arguments).await;
        assert!(
            told.contains("Would drop 1 for good. Nothing was changed: say --yes"),
            "{arguments:?}: {told}"
        );
    }
    system.holds(&system.config.broker.failed_queue, 1).await;
    let other = failed(&file, &["drop", "CLM-7"]).await;
    assert!(
        other.code == Some(1) && other.stderr.contains("none of 1"),
        "{other:?}"
    );
    assert_eq!(done(&file, &["drop", "CLM-0"]).await, "CLM-0\ndropped 1\n");
    system.holds(&system.config.broker.failed_queue, 0).await;
}

#[tokio::test]
async fn dropped_jobs_can_be_kept_in_a_file_and_published_again_from_it() {
    let (mut system, file, answer) = after_two_failures().await;
    let kept = file.file("kept.jsonl");
    let to = ["--to", kept.to_str().unwrap()];
    done(&file, &[&["drop"][..], &to].concat()).await;
    assert!(!kept.exists(), "without consent nothing is written");
    let dropped = done(&file, &[&["drop", "CLM-1"][..], &to].concat()).await;
    assert_eq!(dropped, "CLM-1\ndropped 1\n");
    system.holds(&system.config.broker.failed_queue, 1).await;

    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&kept).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "it holds personal data");
    let text = std::fs::read_to_string(&kept).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (lines.len(), &lines[0]["job_id"], &lines[0]["code"]),
        (1, &json!("CLM-1"), &json!("319"))
    );
    assert_eq!(lines[0]["run"], json!(answer.properties.message_id));

    let again = failed(&file, &[&["drop", "--yes"][..], &to].concat()).await;
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (Some(1), ""),
        "{again:?}"
    );
    assert!(
        again.stderr.contains("nothing was dropped") && again.stderr.contains("not there yet"),
        "{}",
        again.stderr
    );
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), text);
    system.holds(&system.config.broker.failed_queue, 1).await;

    // As an operator would submit it anew.
    let text = |name: &str| lines[0]["properties"][name].as_str().map(str::to_owned);
    let body = base64_simd::STANDARD
        .decode_to_vec(lines[0]["body_base64"].as_str().unwrap())
        .unwrap();
    let mut job = system.message("anew", body);
    (job.properties.reply_to, job.properties.correlation_id) =
        (text("reply_to"), text("correlation_id"));
    assert!(
        lines[0]["headers"]["invoice-failure"]["string"]
            .as_str()
            .unwrap()
            .contains("319"),
        "{}",
        lines[0]
    );
    system.submit(&job).await;
    let reply = system.reply().await;
    assert_eq!(
        serde_json::from_slice::<Value>(&reply.body).unwrap()["verdict"],
        "genuine"
    );
    assert_eq!(
        reply.properties.correlation_id.as_deref(),
        Some("correlation of CLM-1")
    );
}

#[tokio::test]
async fn an_impossible_command_is_refused_with_the_remedy() {
    let memory = ConfigFile::with("[broker]\nurls = [\"memory://\"]\n");
    let refused = failed(&memory, &["list"]).await;
    assert_eq!(refused.code, Some(64), "{refused:?}");
    assert!(
        refused.stderr.contains("broker.urls: memory://"),
        "{}",
        refused.stderr
    );
    for arguments in [
        &["failed"][..],
        &["failed", "replay", "--rate", "0"],
        &["failed", "list", "--older-than", "soon"],
    ] {
        assert_eq!(
            output(arguments, &NONE).await.code,
            Some(64),
            "{arguments:?}"
        );
    }

    let (system, file) = with_copies(1).await;
    let environment = [("INVOICE_WORKER__BROKER__FAILED_QUEUE", "nobodys-queue")];
    let missing = output(&["failed", "list", "-c", &file.path()], &environment).await;
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(
        missing.stderr.contains("nobodys-queue"),
        "{}",
        missing.stderr
    );

    system
        .session
        .delete_queue(&system.config.broker.jobs_queue)
        .await
        .unwrap();
    let nowhere = failed(&file, &["replay"]).await;
    assert_eq!(nowhere.code, Some(1), "{nowhere:?}");
    assert!(
        nowhere.stderr.contains("\"CLM-0\"") && nowhere.stderr.contains("the queue does not exist"),
        "{}",
        nowhere.stderr
    );
    assert!(
        nowhere.stdout.starts_with("replayed 0 of 1"),
        "{}",
        nowhere.stdout
    );
    system.holds(&system.config.broker.failed_queue, 1).await;
}
