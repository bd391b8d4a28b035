//! `resume`: what an operator opens on all workers at once, and who is told about it.

use crate::harness::eventually::eventually;
use crate::harness::program::{ConfigFile, Ended, NONE, Program, output};
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use serde_json::{Value, json};

const MAINTENANCE: &str =
    "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\nprovince = \"河南\"\n";
const RESUMED: &str =
    "an operator resumes: pauses end and closed scopes open without waiting for a probe";

async fn resume(file: &ConfigFile, arguments: &[&str]) -> Ended {
    let path = file.path();
    output(&[&["resume", "-c", &path], arguments].concat(), &NONE).await
}

async fn is_closed(telemetry: &str) -> bool {
    let answer = reqwest::get(format!("{telemetry}/metrics")).await.unwrap();
    let text = answer.text().await.unwrap();
    text.lines()
        .any(|line| line == "invoice_province_closed{province=\"河南\"} 1")
}

async fn submit(system: &System, id: &str) {
    let mut picture = samples::named("02-henan-inpatient").unwrap().bytes.to_vec();
    picture.extend(id.bytes());
    system.sandbox.put(BUCKET, id, picture).await.unwrap();
    system.submit(&system.job(id, id)).await;
}

#[tokio::test]
async fn every_worker_opens_at_once_what_the_operator_names_and_logs_who_it_was() {
    let system = Setup::new(On::RabbitMq)
        .await
        .faults(MAINTENANCE)
        .prepare()
        .await;
    let file = ConfigFile::of(&system);
    let (mut workers, mut telemetry): (Vec<Program>, Vec<String>) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let mut program = file.run(&[]);
        telemetry.push(program.telemetry().await);
        program.event("consuming").await;
        workers.push(program);
    }
    submit(&system, "first").await;
    for worker in &telemetry {
        eventually("both know that it is closed", async || {
            is_closed(worker).await
        })
        .await;
    }

    let told = resume(&file, &["Henan", "--json", "--by", "ops@night"]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let heard: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(heard["what"], "province 河南");
    let opened: Vec<&Value> = heard["heard"]
        .as_array()
        .unwrap()
        .iter()
        .map(|worker| &worker["opened"])
        .collect();
    assert_eq!(opened, [&json!(1), &json!(1)], "{heard}");
    assert_eq!(heard["silent"], json!([]));
    for program in &mut workers {
        let event = program.event(RESUMED).await;
        assert_eq!(
            (&event["by"], &event["opened"], &event["id"]),
            (&json!("ops@night"), &json!(1), &heard["id"])
        );
    }
    for worker in &telemetry {
        assert!(!is_closed(worker).await);
    }
    submit(&system, "second").await;
    eventually("the province is asked again", async || {
        system.sandbox.calls().count(Stage::Verification).calls == 2
    })
    .await;

    let told = resume(&file, &["storage"]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(
        told.stdout
            .starts_with("resumed storage: 2 workers heard it, 0 opened\n")
            && told.stdout.matches("nothing was closed").count() == 2,
        "{told:?}"
    );
    for program in workers {
        assert_eq!(program.stop().await.code, Some(0));
    }
}

#[tokio::test]
async fn a_resume_that_nobody_hears_is_a_failure() {
    let mut system = Setup::new(On::RabbitMq).await.start().await;
    let file = ConfigFile::of(&system);
    let other_key = [(
        "INVOICE_WORKER__SEAL__KEY",
        "a-key-that-the-running-worker-does-not-have",
    )];
    let told = output(&["resume", "all", "-c", &file.path()], &other_key).await;
    assert!(
        told.code == Some(1) && told.stderr.contains("is this the workers' configuration?"),
        "{told:?}"
    );
    system.drain().await;
    let told = resume(&file, &["all"]).await;
    assert!(
        told.code == Some(1) && told.stderr.contains("no worker of this fleet was heard"),
        "{told:?}"
    );
    for wrong in ["Utopia", "recognize", ""] {
        let told = resume(&file, &[wrong]).await;
        assert!(
            told.code == Some(64) && told.stderr.contains("neither a stage"),
            "{told:?}"
        );
    }
}
