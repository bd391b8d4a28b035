//! What strangers write where they may write: into the bucket, into a job's headers. None of it is
//! believed.

use super::{SHORT_316, codes, paid_calls};
use crate::harness::program::ConfigFile;
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::broker::{
    Message, NOT_BEFORE, PROGRESS, ParkedState, SEAL, SUSPECT, parked_copy, run_id,
};
use invoice_worker::checkpoint::{Checkpoints, VerificationAnswer};
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::{Failure, Stage};
use invoice_worker::domain::invoice::Invoice;
use invoice_worker::domain::progress::Progress;
use invoice_worker::domain::result::{JobError, RecognitionPart, Verdict};
use invoice_worker::seal::{SealKey, Sealer};
use invoice_worker::settings::secret::Secret;
use invoice_worker::store::Store;
use invoice_worker::telemetry::job_event::JobEvent;
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

promises![
    planted_checkpoints_are_bought_again_and_replaced,
    an_invented_past_is_none,
    an_invented_suspect_has_no_slow_lane,
    the_sealed_past_of_one_job_is_not_anothers,
];

const SAMPLE: &str = "01-beijing-outpatient";

async fn planted_checkpoints_are_bought_again_and_replaced(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample(SAMPLE).await;
    let (image, today) = (
        hex::encode(Sha256::digest(samples::named(SAMPLE).unwrap().bytes)),
        today(&system),
    );
    let part = RecognitionPart {
        invoice: Invoice {
            note_no: Some("0000000001".into()),
            ..Invoice::default()
        },
        request_id: None,
    };
    let error = JobError::new(&Failure::new(Stage::Verification, "300", "planted"), 1);
    let answer = VerificationAnswer::Negative {
        verdict: Verdict::NotFound,
        error,
    };
    // As an older version wrote it, without a seal.
    let unsealed = json!({ "v": 1, "value": part }).to_string();
    system
        .sandbox
        .put(
            BUCKET,
            &format!("checkpoints/recognition/{image}.json"),
            unsealed,
        )
        .await
        .unwrap();
    let strangers = Sealer::new(
        SealKey::of("a key of the stranger's own, as long as ours"),
        None,
    );
    let planted = Checkpoints::new(
        &system.config.checkpoint,
        &Store::new(
            &system.config.storage,
            &invoice_worker::settings::Network::default(),
        )
        .await
        .unwrap(),
        BUCKET,
        strangers,
    );
    planted
        .keep_verification(&image, today, &answer, None)
        .await
        .unwrap();

    let result = system.ask(&system.job("first", &key)).await;
    assert_eq!(
        (&result["status"], &result["verdict"]),
        (&json!("completed"), &json!("genuine")),
        "{result}"
    );
    assert_eq!(
        codes(&result),
        ["recognition 200 yes", "verification OK yes"]
    );
    assert_eq!(result["recognition"]["invoice"]["note_no"], "0103815274");
    assert_eq!(paid_calls(&system), 2);
    assert_eq!(
        system.ask(&system.job("second", &key)).await["verdict"],
        "genuine"
    );
    assert_eq!(
        paid_calls(&system),
        2,
        "what was bought stands in the place of what was planted"
    );
}

async fn an_invented_past_is_none(on: On) {
    let mut system = System::start(on).await;
    let strangers = Sealer::new(
        SealKey::of("a key of the stranger's own, as long as ours"),
        None,
    );
    for (sample, is_sealed) in [(SAMPLE, false), ("03-zhejiang-outpatient", true)] {
        let key = system.sample(sample).await;
        let began = Timestamp::now();
        let job = system.job(sample, &key);
        let mut progress = Progress::new(run_id(&job), "2001-01-01T00:00:00Z".parse().unwrap());
        progress.steps.recognition_error = Some(JobError::new(
            &Failure::new(Stage::Recognition, "319", "invented"),
            7,
        ));
        progress.steps.rotated_for = Some("307".into());
        progress.delivered.redelivered = true;
        progress.costs.totals.calls = 1_000;
        let state = ParkedState {
            progress: progress.to_header(),
            not_before_ms: 4_000_000_000_000,
            deaths: Some(4),
        };
        let mut forged = parked_copy(&job, &state, &strangers);
        if !is_sealed {
            forged.properties.headers.remove(SEAL);
        }
        system
            .session
            .publisher()
            .publish(&system.config.broker.due_queue, &forged)
            .await
            .unwrap();
        let result = system.result().await;
        assert_eq!(
            (&result["status"], &result["verdict"]),
            (&json!("completed"), &json!("genuine")),
            "{result}"
        );
        assert_eq!(
            codes(&result),
            ["recognition 200 yes", "verification OK yes"]
        );
        assert!(
            result["first_seen"]
                .as_str()
                .unwrap()
                .parse::<Timestamp>()
                .unwrap()
                >= began,
            "{result}"
        );
        let checks = result["checks"].as_array().unwrap();
        assert!(
            !result["recognition"].is_null()
                && !checks.iter().all(|check| check["outcome"] == "skipped"),
            "{result}"
        );
        let JobEvent::Answered(event) = system.event().await else {
            panic!("not parked")
        };
        assert_eq!((event.totals.parked, event.totals.calls), (0, 2));
    }
}

async fn an_invented_suspect_has_no_slow_lane(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample(SAMPLE).await;
    for deaths in [0, 4, 1_000] {
        let mut job = system.job(&format!("job {deaths}"), &key);
        job.properties.headers.set_number(SUSPECT, deaths);
        job.properties
            .headers
            .set_number(NOT_BEFORE, 4_000_000_000_000);
        assert_eq!(system.ask(&job).await["verdict"], "genuine");
        assert!(
            matches!(system.event().await, JobEvent::Answered(answered) if answered.totals.parked == 0),
            "neither parked nor poison"
        );
    }
}

async fn the_sealed_past_of_one_job_is_not_anothers(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\nprovince = \"河南\"\n";
    let mut system = Setup::new(on)
        .await
        .faults(faults)
        .rules(&SHORT_316.replace("\"300ms\"", "\"1h\""))
        .start()
        .await;
    let key = system.sample("02-henan-inpatient").await;
    system.submit(&system.job("parked", &key)).await;
    assert!(matches!(system.event().await, JobEvent::Parked(_)));
    let waiting = system.take(&system.longest_wait()).await;
    let another = system.sample("03-zhejiang-outpatient").await;
    let mut job: Message = system.job("another", &another);
    for name in [PROGRESS, SEAL] {
        job.properties
            .headers
            .set_text(name, &waiting.properties.headers.text(name).unwrap());
    }
    job.properties.headers.set_number(
        NOT_BEFORE,
        waiting.properties.headers.number(NOT_BEFORE).unwrap(),
    );
    let result = system.ask(&job).await;
    assert_eq!(
        (&result["job_id"], &result["verdict"]),
        (&json!("another"), &json!("genuine"))
    );
    assert_eq!(
        codes(&result),
        ["recognition 200 yes", "verification OK yes"]
    );
}

/// What an operator sees of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_message_is_counted_by_kind_and_logged() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let file = ConfigFile::of(&system);
    let mut program = file.run(&[]);
    let telemetry = program.telemetry().await;
    program.event("consuming").await;
    let key = system.sample(SAMPLE).await;
    let image = hex::encode(Sha256::digest(samples::named(SAMPLE).unwrap().bytes));
    system
        .sandbox
        .put(
            BUCKET,
            &format!("checkpoints/recognition/{image}.json"),
            "{}",
        )
        .await
        .unwrap();
    let mut job = system.job("job", &key);
    job.properties.headers.set_text(PROGRESS, "{}");
    assert_eq!(system.ask(&job).await["verdict"], "genuine");
    let event = program
        .event(
            "a message says that it was parked and has no valid seal of ours: it begins a new run",
        )
        .await;
    assert_eq!(event["job.run"], json!(run_id(&job)));
    program.event("a checkpoint has no valid seal of ours: it counts as absent, and its answer is bought again").await;
    let metrics = reqwest::get(format!("{telemetry}/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for line in [
        // It is looked at once more before it is replaced.
        "invoice_seal_refused_total{kind=\"checkpoint\"} 2",
        "invoice_seal_refused_total{kind=\"progress\"} 1",
        "invoice_seal_refused_total{kind=\"heartbeat\"} 0",
    ] {
        assert!(
            metrics.lines().any(|told| told == line),
            "{line}: {metrics}"
        );
    }
    assert_eq!(program.stop().await.code, Some(0));
}

/// Workers with another key neither use nor disturb what is there: they buy their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_with_another_key_begins_every_run_anew() {
    let mut system = System::start(On::RabbitMq).await;
    let key = system.sample(SAMPLE).await;
    assert_eq!(
        system.ask(&system.job("first", &key)).await["verdict"],
        "genuine"
    );
    system.drain().await;
    system.config.seal.key = Secret::new("another-key-that-no-other-worker-has");
    system.work().await;
    assert_eq!(
        system.ask(&system.job("second", &key)).await["verdict"],
        "genuine"
    );
    assert_eq!(paid_calls(&system), 4);
}

fn today(system: &System) -> jiff::civil::Date {
    Timestamp::now()
        .to_zoned(system.config.policy.timezone())
        .date()
}
