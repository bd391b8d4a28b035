//! What a stranger makes large, through a broker that carries it: bodies of many megabytes, headers
//! that fill a frame, and frames that are smaller than usual.

use crate::harness::program::ConfigFile;
use crate::harness::rabbitmq::{self, Node};
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::Message;
use invoice_worker::domain::failure::Stage;
use invoice_worker::settings::secret::Secret;
use invoice_worker::settings::units::Size;
use serde_json::json;

const TRACE: &str = "traceparent";
const OFTEN: &str = r#"
    [[rule]]
    stage = "verification"
    code = ["321"]
    do = [{ action = "park", delays = ["100ms"], attempts = 40 }, { action = "fail" }]
    billed = "yes"
    reason = "shortened"
"#;

fn always(code: &str) -> String {
    format!("[[fault]]\nstage = \"verification\"\nanswer = \"{code}\"\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_was_called_forty_times_is_parked_in_frames_of_eight_kibibytes() {
    let mut system = Setup::new(On::RabbitMq)
        .await
        .faults(&always("321"))
        .rules(OFTEN)
        .prepare()
        .await;
    system.put_behind(Secret::new(&format!(
        "{}?frame_max=8192",
        rabbitmq::url().await
    )));
    system.work().await;
    let key = system.sample("01-beijing-outpatient").await;
    for (bytes, is_kept) in [(1_000, true), (100_000, false)] {
        let id = format!("beside {bytes}");
        let mut job = system.job(&id, &key);
        job.properties
            .headers
            .set_text("x-caller", &"x".repeat(bytes));
        job.properties.headers.set_text("x-small", "kept");
        let result = system.ask(&job).await;
        assert_eq!(
            (&result["job_id"], &result["error"]["code"]),
            (&json!(id), &json!("321")),
            "{result}"
        );
        assert_eq!(result["error"]["attempts"], 41, "every call is counted");
        let listed = result["calls"].as_array().unwrap();
        assert!((10..41).contains(&listed.len()), "{} calls", listed.len());
        let copy = system.take(&system.config.broker.failed_queue).await;
        assert_eq!(copy.properties.headers.contains("x-caller"), is_kept);
        assert_eq!(
            copy.properties.headers.text("x-small").as_deref(),
            Some("kept")
        );
    }
    assert!(system.workers[0].health.state().is_ready());
    system.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_fill_a_frame_cost_themselves_and_not_the_job() {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"321\"\ncalls = [1]\n[[fault]]\nstage = \"verification\"\nanswer = \"319\"\n";
    let mut system = Setup::new(On::RabbitMq)
        .await
        .faults(faults)
        .rules(OFTEN)
        .start()
        .await;
    let key = system.sample("01-beijing-outpatient").await;
    let mut job = system.job("traced", &key);
    job.properties.headers.set_text(TRACE, &"0".repeat(130_000));
    job.properties.headers.set_text("x-small", "kept");
    system.submit(&job).await;
    let reply = system.reply().await;
    let result: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(
        (&result["job_id"], &result["error"]["code"]),
        (&json!("traced"), &json!("319")),
        "it was parked, and answered: {result}"
    );
    assert!(!reply.properties.headers.contains(TRACE));
    let copy = system.take(&system.config.broker.failed_queue).await;
    assert!(!copy.properties.headers.contains(TRACE));
    assert_eq!(
        copy.properties.headers.text("x-small").as_deref(),
        Some("kept")
    );
    assert!(system.workers[0].health.state().is_ready());
    assert_eq!(system.sandbox.calls().count(Stage::Verification).calls, 2);
}

/// Bodies that no job has, and one job behind them.
async fn submit_bodies(system: &System, number: usize, bytes: usize, key: &str) {
    for index in 0..number {
        let large = Message {
            body: vec![b' '; bytes].into(),
            ..system.message(&index.to_string(), "")
        };
        system.submit(&large).await;
    }
    system.submit(&system.job("small", key)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_bodies_of_sixteen_mebibytes_cost_no_more_than_bodies_may() {
    const BODIES: usize = 40;
    // 640 MiB, of which a worker may have 40 in hand.
    let node = Node::start().await;
    let mut setup = Setup::new(On::RabbitMq).await;
    setup.config.broker.urls = vec![Secret::new(&node.url())];
    setup.config.worker.image_memory = Size(128 << 20);
    let mut system = setup.prepare().await;
    let key = system.sample("01-beijing-outpatient").await;
    submit_bodies(&system, BODIES, 16 << 20, &key).await;
    let file = ConfigFile::of(&system);
    let mut program = file.run(&[]);
    let telemetry = program.telemetry().await;
    let mut genuine = 0;
    for _ in 0..=BODIES {
        let result = system.result().await;
        match result["job_id"].as_str() {
            Some("small") => genuine += u32::from(result["verdict"] == "genuine"),
            _ => assert_eq!(result["error"]["code"], "job.malformed"),
        }
    }
    assert_eq!(genuine, 1);
    assert_eq!(
        reqwest::get(format!("{telemetry}/readyz"))
            .await
            .unwrap()
            .status(),
        200
    );
    let peak = program.peak_memory();
    // 68 MiB were measured; without the bound it were 640 more.
    assert!(peak < 200 << 20, "{} MiB", peak >> 20);
    let ended = program.stop().await;
    assert_eq!(
        (ended.code, ended.lines_at("ERROR")),
        (Some(0), 0),
        "{}",
        ended.stderr
    );
    assert_eq!(
        system.depth(&system.config.broker.failed_queue).await as usize,
        BODIES
    );
}
