//! `failed replay`: a copy becomes another run of its job, once, whatever happens to the command.

use super::{after_two_failures, depths, done, failed, listed, with_copies};
use crate::harness::eventually::eventually;
use crate::harness::program::{ConfigFile, NONE, Program};
use crate::harness::system::{On, PATIENCE, Setup, System};
use invoice_worker::broker::{failed_copy, run_id};
use invoice_worker::domain::failure::Stage;
use serde_json::{Value, json};
use std::collections::HashSet;
use tokio::time::timeout;

#[tokio::test]
async fn a_replayed_job_is_another_run_answered_to_the_same_place_and_does_not_pay_for_recognition_again()
 {
    let (mut system, file, answer) = after_two_failures().await;
    let told = done(&file, &["replay", "--job-id", "CLM-1"]).await;
    assert_eq!(
        told,
        format!("replayed 1 to {}\n", system.config.broker.jobs_queue)
    );
    let again = system.reply().await;
    assert_eq!(
        serde_json::from_slice::<Value>(&again.body).unwrap()["verdict"],
        "genuine"
    );
    assert_eq!(
        again.properties.correlation_id.as_deref(),
        Some("correlation of CLM-1")
    );
    assert_ne!(again.properties.message_id, answer.properties.message_id);
    assert_eq!(system.sandbox.calls().count(Stage::Recognition).billed, 1);
    assert_eq!(listed(&file).await["total"], 1);

    assert_eq!(
        done(&file, &["drop", "--yes"]).await,
        "CLM-2\ndropped 1\n".replace("CLM-2", "message of CLM-2")
    );
    let empty = failed(&file, &["list"]).await;
    assert_eq!((empty.code, empty.stdout.as_str()), (Some(0), ""));
    let queue = &system.config.broker.failed_queue;
    assert_eq!(empty.stderr, format!("{queue} is empty\n"));

    let mut elsewhere = Vec::new();
    for held_by in ["another consumer holds", "2 other consumers hold"] {
        elsewhere.push(system.session.consume(queue, 1).await.unwrap());
        let nothing = failed(&file, &["list"]).await;
        let told =
            format!("{queue} has nothing to hand out: it is empty, or {held_by} all of it\n");
        assert_eq!(nothing.stderr, told);
    }
}

#[tokio::test]
async fn a_replay_whose_acknowledgement_was_lost_is_the_same_run_when_it_is_repeated() {
    let (mut system, file, _) = after_two_failures().await;
    done(&file, &["drop", "--code", "job.malformed", "--yes"]).await;
    let copy = system.take(&system.config.broker.failed_queue).await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        system
            .session
            .publisher()
            .publish(&system.config.broker.failed_queue, &copy)
            .await
            .unwrap();
        done(&file, &["replay"]).await;
        answers.push(system.reply().await);
    }
    assert_eq!(
        answers[0].properties.message_id,
        answers[1].properties.message_id
    );
    assert_eq!(answers[0].body, answers[1].body);
    assert_eq!(
        system.sandbox.calls().count(Stage::Verification).billed,
        2,
        "the failed call, and one for both replays"
    );
}

/// A replay of one a second that has begun.
async fn replaying(system: &System, file: &ConfigFile) -> Program {
    let program = Program::start(
        &[
            "failed",
            "replay",
            "--yes",
            "--rate",
            "1",
            "-c",
            &file.path(),
        ],
        &NONE,
    );
    eventually("a first job", async || {
        system.depth(&system.config.broker.jobs_queue).await > 0
    })
    .await;
    program
}

#[tokio::test]
async fn an_interrupted_replay_says_how_far_it_came() {
    const COPIES: u32 = 60;
    let (system, file) = with_copies(COPIES).await;
    let program = replaying(&system, &file).await;
    program.signal("INT").await;
    let ended = program.end().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let (failed, jobs) = depths(&system).await;
    assert_eq!(failed + jobs, COPIES);
    let queues = &system.config.broker;
    let told = format!(
        "replayed {jobs} of {COPIES} to {}; interrupted, the others are still in {}\n",
        queues.jobs_queue, queues.failed_queue
    );
    assert_eq!(ended.stdout, told);
}

#[tokio::test]
async fn a_job_is_replayed_by_its_id() {
    let (mut system, file, _) = after_two_failures().await;
    assert_eq!(
        done(&file, &["replay", "CLM-1"]).await,
        format!("replayed 1 to {}\n", system.config.broker.jobs_queue)
    );
    assert_eq!(system.result().await["verdict"], "genuine");
    let other = failed(&file, &["replay", "CLM-7"]).await;
    assert!(
        other.code == Some(1) && other.stderr.contains("none of 1"),
        "{other:?}"
    );
}

#[tokio::test]
async fn a_killed_replay_is_finished_by_the_next_and_makes_no_further_run() {
    const COPIES: u32 = 20;
    let (system, file) = with_copies(COPIES).await;
    let program = replaying(&system, &file).await;
    program.signal("KILL").await;
    assert_eq!(program.end().await.code, None);
    let queues = &system.config.broker;
    // What it had in hand is back when its connection is gone.
    let jobs = system.depth(&queues.jobs_queue).await;
    eventually("what it had in hand", async || {
        system.depth(&queues.failed_queue).await + jobs >= COPIES
    })
    .await;
    done(&file, &["replay", "--yes", "--rate", "1000"]).await;
    let (failed, jobs) = depths(&system).await;
    assert!(failed == 0 && jobs >= COPIES, "{failed} {jobs}");
    let mut runs = HashSet::new();
    for _ in 0..jobs {
        runs.insert(run_id(&system.take(&queues.jobs_queue).await));
    }
    assert_eq!(runs.len(), COPIES as usize);
}

/// Whoever of them gets a copy first has it; what neither finds, because the other one holds it,
/// stays for the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replays_at_once_submit_every_job_once_and_lose_none() {
    const COPIES: u32 = 300;
    let (system, file) = with_copies(COPIES).await;
    let replay = || {
        Program::start(
            &[
                "failed",
                "replay",
                "--yes",
                "--rate",
                "200",
                "-c",
                &file.path(),
            ],
            &NONE,
        )
    };
    let (one, other) = (replay(), replay());
    let (one, other) = tokio::join!(one.end(), other.end());
    assert_eq!(
        (one.stderr.contains("lost"), other.stderr.contains("lost")),
        (false, false),
        "{one:?} {other:?}"
    );
    let (failed, jobs) = (&system.config.broker.failed_queue, depths(&system).await.1);
    // What they had in hand at the end goes back when their connections are gone.
    system.holds(failed, COPIES - jobs).await;
    done(&file, &["replay", "--yes", "--rate", "1000"]).await;
    assert_eq!(depths(&system).await, (0, COPIES));
    let mut runs = HashSet::new();
    let mut jobs = system
        .session
        .consume(&system.config.broker.jobs_queue, 0)
        .await
        .unwrap();
    for _ in 0..COPIES {
        let delivery = timeout(PATIENCE, jobs.next())
            .await
            .expect("a job in time")
            .unwrap();
        runs.insert(run_id(&delivery.message));
    }
    assert_eq!(runs.len(), COPIES as usize);
}

#[tokio::test]
async fn a_replay_past_the_jobs_own_deadline_is_reported_as_useless() {
    let mut system = Box::pin(Setup::new(On::RabbitMq).await.start()).await;
    let key = system.sample("01-beijing-outpatient").await;
    let job =
        json!({ "job_id": "CLM-1", "image": { "key": key }, "deadline": "2026-01-01T00:00:00Z" });
    assert_eq!(
        system.ask(&system.message("CLM-1", job.to_string())).await["error"]["code"],
        "job.deadline"
    );
    system.holds(&system.config.broker.failed_queue, 1).await;
    let file = ConfigFile::of(&system);
    let told = done(&file, &["replay"]).await;
    assert!(
        told.contains("replayed 1 to ")
            && told.contains("\n1 past the job's own deadline: no call"),
        "{told}"
    );
    assert_eq!(
        system.result().await["error"]["code"],
        "job.deadline",
        "as it was said"
    );
    assert_eq!(system.sandbox.calls().count(Stage::Recognition).billed, 0);
}

#[tokio::test]
async fn the_rest_of_a_body_that_was_too_large_is_shown_and_never_replayed() {
    let (system, file) = with_copies(1).await;
    let failure = json!({ "job_id": "large", "status": "invalid_job", "error": { "stage": "job", "code": "job.malformed" } });
    let copy = failed_copy(
        &system.message("large", vec![b' '; 2 << 20]),
        &failure.to_string(),
        1 << 20,
    );
    system
        .session
        .publisher()
        .publish(&system.config.broker.failed_queue, &copy)
        .await
        .unwrap();
    assert!(done(&file, &["show", "large"]).await.starts_with("large\n"));
    let alone = failed(&file, &["replay", "--job-id", "large"]).await;
    assert_eq!(alone.code, Some(1), "{alone:?}");
    assert!(
        alone.stdout.contains("1 cannot be replayed")
            && alone.stdout.contains("worker.max_job_bytes"),
        "{alone:?}"
    );
    assert_eq!(depths(&system).await, (2, 0));
    let both = failed(&file, &["replay", "--yes"]).await;
    assert_eq!(both.code, Some(1), "{both:?}");
    assert!(
        both.stdout.contains("1 cannot be replayed") && both.stdout.contains("replayed 1 to "),
        "{both:?}"
    );
    assert_eq!(depths(&system).await, (1, 1), "the others are replayed");
    done(&file, &["drop", "--job-id", "large", "--yes"]).await;
    assert_eq!(depths(&system).await, (0, 1));
}
