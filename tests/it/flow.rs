//! One job's whole way, from outside: submitted to a broker, answered on its reply queue, over real HTTP and a real S3 protocol.

use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::broker::{FAILURE, Message, NOT_BEFORE, PROGRESS, run_id};
use invoice_worker::domain::failure::Stage;
use invoice_worker::domain::progress::Progress;
use invoice_worker::sandbox::samples;
use invoice_worker::worker::{Drained, Event};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Each promise is a test on both brokers.
macro_rules! promises {
    ($($promise:ident),* $(,)?) => {
        mod through_rabbitmq {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $promise() { super::$promise(super::On::RabbitMq).await; })*
        }
        mod through_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $promise() { super::$promise(super::On::Memory).await; })*
        }
    };
}

promises![
    every_sample_comes_back_as_it_was_drawn,
    a_reply_carries_the_properties_of_the_contract,
    a_malformed_job_is_answered_and_kept_with_its_reason,
    an_image_that_is_not_there_is_the_jobs_fault_and_costs_nothing,
    an_image_no_provider_takes_costs_nothing,
    a_passing_failure_is_retried_in_place,
    a_province_in_maintenance_parks_the_job_and_recognition_is_not_bought_again,
    a_bill_without_checks_left_waits_for_the_next_day,
    a_recognition_that_fails_does_not_end_a_job_that_wants_verification,
    a_negative_verdict_carries_its_code,
    what_the_provider_cannot_tell_is_undetermined_and_kept,
    without_verification_the_job_ends_after_recognition,
    the_same_message_twice_is_answered_with_the_same_bytes_and_paid_once,
    another_run_of_the_same_job_gets_the_same_answer_with_its_own_metadata,
    a_redelivered_job_waits_once,
    a_result_without_a_living_reply_queue_goes_to_the_results_queue,
    a_stopped_worker_finishes_its_call_and_hands_the_job_on,
    one_misread_brands_no_bill_and_two_do,
    a_throttled_call_is_made_again_in_place_uncharged,
    checkpoints_that_cannot_be_read_delay_a_job_and_judge_nothing,
    a_redelivery_past_its_deadline_replays_what_was_found_before,
    a_store_that_stays_unusable_ends_the_job_at_its_deadline,
    a_failed_run_that_is_submitted_again_is_asked_again_and_answered,
    with_auto_rotate_from_the_first_call_one_misread_is_not_two,
    a_url_that_the_provider_cannot_fetch_is_tried_again_and_given_up,
    headers_too_large_to_be_parked_cost_nobody_else_anything,
    two_copies_of_a_forked_run_are_answered_with_the_same_bytes,
    a_strangers_progress_starts_the_job_afresh,
    an_action_of_a_later_version_parks_for_five_minutes,
];

async fn every_sample_comes_back_as_it_was_drawn(on: On) {
    let mut system = System::start(on).await;
    for sample in samples::all() {
        let key = system.sample(sample.name).await;
        let job = system.job(sample.name, &key);
        system.submit(&job).await;
    }
    let mut results = BTreeMap::new();
    for _ in samples::all() {
        let result = system.result().await;
        results.insert(result["job_id"].as_str().unwrap().to_owned(), result);
    }
    for sample in samples::all() {
        let result = &results[sample.name];
        let expected = expected(sample.name);
        assert_eq!(result["status"], expected["status"], "{}: {}", sample.name, result["error"]);
        assert_eq!(result["verdict"], expected["verdict"], "{}", sample.name);
        assert_eq!(result["flags"], expected["flags"], "{}", sample.name);
        assert_eq!(said(&result["recognition"]["invoice"]), expected["recognition"], "{}: recognition", sample.name);
        assert_eq!(said(&result["verification"]["invoice"]), expected["verification"]["invoice"], "{}: verification", sample.name);
        assert_eq!(said(&result["verification"]["registry"]), said(&expected["verification"]["registry"]), "{}: registry", sample.name);
        let failed: Vec<&str> = checks(result, "failed");
        assert_eq!(json!(failed), expected["failed_checks"], "{}: checks", sample.name);
        for field in ["format", "width", "height"] {
            assert_eq!(result["image"][field], expected[field], "{}: {field}", sample.name);
        }
        assert_eq!(result["metadata"], json!({ "claim": sample.name }));
    }
    assert_eq!(system.sandbox.calls().count(Stage::Recognition).billed, samples::all().len() as u64);
    assert_eq!(system.sandbox.calls().count(Stage::Verification).billed, samples::all().len() as u64);
    assert_eq!(system.depth(&system.config.broker.failed_queue).await, 0);
}

async fn a_reply_carries_the_properties_of_the_contract(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let mut job = system.job("job", &key);
    job.properties.headers.set_text("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    system.submit(&job).await;
    let reply = system.reply().await;
    let properties = &reply.properties;
    assert_eq!(properties.correlation_id, job.properties.correlation_id);
    assert_eq!(properties.message_id, Some(run_id(&job)));
    assert_eq!(properties.kind.as_deref(), Some("invoice.result"));
    assert_eq!(properties.content_type.as_deref(), Some("application/json"));
    assert_eq!(properties.headers.text("traceparent"), job.properties.headers.text("traceparent"));
    assert!(properties.timestamp.is_some_and(|seconds| seconds > 1_700_000_000));
    let result: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(result["schema"], "invoice.result/1");
    assert_eq!(result["image"]["bucket"], BUCKET);
    assert_eq!(result["image"]["key"], key);
    assert_eq!(codes(&result), ["recognition 200 yes", "verification OK yes"]);
}

async fn a_malformed_job_is_answered_and_kept_with_its_reason(on: On) {
    let mut system = System::start(on).await;
    let bodies = [
        ("{\"job_id\": ", "job.malformed"),
        (r#"{"job_id":"j","image":{}}"#, "job.malformed"),
        (r#"{"schema":"invoice.job/9","job_id":"j","image":{"key":"a"}}"#, "job.unsupported_version"),
        (r#"{"job_id":"j","image":{"url":"ftp://h/a"}}"#, "image.url_invalid"),
    ];
    for (body, code) in bodies {
        let job = system.message("malformed", body);
        let result = system.ask(&job).await;
        assert_eq!(result["status"], "invalid_job", "{body}");
        assert_eq!(result["error"]["code"], code, "{body}");
        let kept = system.take(&system.config.broker.failed_queue).await;
        assert_eq!(kept.body, job.body);
        assert_eq!(kept.properties.reply_to, job.properties.reply_to);
        let reason: Value = serde_json::from_str(&kept.properties.headers.text(FAILURE).unwrap()).unwrap();
        assert_eq!(reason["error"]["code"], code, "{reason}");
    }
    let mut nameless = system.message("malformed", "not JSON");
    nameless.properties.reply_to = None;
    system.submit(&nameless).await;
    let result: Value = serde_json::from_slice(&system.take(&system.config.broker.results_queue).await.body).unwrap();
    assert_eq!(result["error"]["code"], "job.malformed");
    assert_eq!(paid_calls(&system), 0);
}

async fn an_image_that_is_not_there_is_the_jobs_fault_and_costs_nothing(on: On) {
    let mut system = System::start(on).await;
    let cases = [
        (json!({ "key": "nowhere.jpg" }), "nowhere"),
        (json!({ "bucket": "no-such-bucket", "key": "a.jpg" }), "bucket"),
        (json!({ "key": "nowhere.jpg", "version_id": "11111111-1111-1111-1111-111111111111" }), "version"),
    ];
    for (image, name) in cases {
        let job = system.message(name, json!({ "job_id": name, "image": image }).to_string());
        let result = system.ask(&job).await;
        assert_eq!((&result["status"], &result["error"]["code"]), (&json!("invalid_job"), &json!("image.not_found")), "{result}");
        assert_eq!(result["error"]["stage"], "image");
        assert_eq!(result["image"]["key"], image["key"]);
    }
    assert_eq!(paid_calls(&system), 0);
    assert_eq!(system.depth(&system.config.broker.failed_queue).await, 3);
}

async fn an_image_no_provider_takes_costs_nothing(on: On) {
    let mut setup = Setup::new(on).await;
    setup.config.storage.max_image_bytes = "64KiB".parse().unwrap();
    let mut system = setup.start().await;
    let gif = b"GIF89a\x10\x00\x10\x00\x00\x00\x00;".to_vec();
    let whole = samples::named("03-zhejiang-outpatient").unwrap().bytes;
    let cases = [
        ("text.jpg", b"no image at all".to_vec(), "image.unsupported_format"),
        ("moving.gif", gif, "image.unsupported_format"),
        ("empty.jpg", Vec::new(), "image.corrupt"),
        ("cut.png", whole[..20].to_vec(), "image.corrupt"),
        ("large.jpg", vec![0xff; 65 * 1024], "image.too_large"),
        ("tiny.bmp", bmp(100, 300), "image.too_small"),
        ("long.bmp", bmp(4097, 130), "image.too_large"),
    ];
    for (key, bytes, code) in cases {
        system.sandbox.put(BUCKET, key, bytes).await.unwrap();
        let job = system.job(key, key);
        let result = system.ask(&job).await;
        assert_eq!((&result["status"], &result["error"]["code"]), (&json!("invalid_job"), &json!(code)), "{key}: {result}");
    }
    assert_eq!(paid_calls(&system), 0);
}

async fn a_passing_failure_is_retried_in_place(on: On) {
    let setup = Setup::new(on).await.faults(
        r#"
        [[fault]]
        stage = "recognition"
        answer = "http.502"
        calls = [1]
        [[fault]]
        stage = "verification"
        answer = "INTERNAL_ERROR"
        calls = [1]
        [[fault]]
        stage = "storage"
        key = "samples/*"
        answer = "SlowDown"
        calls = [1]
        "#,
    );
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    let result = system.ask(&job).await;
    assert_eq!(result["verdict"], "genuine", "{result}");
    assert_eq!(codes(&result), ["recognition http.502 no", "recognition 200 yes", "verification INTERNAL_ERROR no", "verification OK yes"]);
    let Event::Answered(event) = system.event().await else { panic!("answered, not parked") };
    assert_eq!((event.totals.retries, event.totals.parked, event.totals.billed), (3, 0, 2));
}

const SHORT_316: &str = r#"
    [[rule]]
    stage = "verification"
    code = ["316"]
    do = [{ action = "park", delays = ["300ms", "600ms"], attempts = 4 }, { action = "fail" }]
    scope = "province"
    billed = "yes"
    reason = "shortened"
"#;

async fn a_province_in_maintenance_parks_the_job_and_recognition_is_not_bought_again(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\ncalls = [1, 2]\n";
    let mut system = Setup::new(on).await.faults(faults).rules(SHORT_316).start().await;
    let key = system.sample("02-henan-inpatient").await;
    let mut job = system.job("job", &key);
    job.properties.headers.set_text("x-theirs", "kept");
    job.properties.priority = Some(3);
    let result = system.ask(&job).await;
    assert_eq!(result["verdict"], "genuine");
    assert_eq!(codes(&result), ["recognition 200 yes", "verification 316 yes", "verification 316 yes", "verification OK yes"]);
    assert_eq!(system.sandbox.calls().count(Stage::Recognition).calls, 1);
    let mut parked = 0;
    while let Event::Parked(event) = system.event().await {
        assert_eq!((event.stage, event.code.as_str()), (Stage::Verification, "316"));
        parked += 1;
    }
    assert_eq!(parked, 2);
    // Never before its time: 300 ms and 600 ms between the calls.
    let times: Vec<_> = system.sandbox.calls().of(Stage::Verification).iter().map(|call| call.at.as_millis()).collect();
    assert!(times[1] - times[0] >= 300 && times[2] - times[1] >= 600, "{times:?}");
}

async fn a_bill_without_checks_left_waits_for_the_next_day(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"313\"\n";
    let mut setup = Setup::new(on).await.faults(faults);
    setup.config.broker.retry_delays.push("1h".parse().unwrap());
    let mut system = setup.start().await;
    let key = system.sample("10-henan-outpatient-scan").await;
    let job = system.job("job", &key);
    system.submit(&job).await;
    let Event::Parked(event) = system.event().await else { panic!("parked") };
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    let (now, until) = (jiff::Timestamp::now().to_zoned(zone.clone()), event.until.to_zoned(zone));
    assert_eq!(until.date(), now.date().tomorrow().unwrap());
    let minutes = i32::from(until.hour()) * 60 + i32::from(until.minute());
    assert!((10..=120).contains(&minutes), "{until}");
    // The message that waits is the job itself, with its progress.
    let queue = system
        .config
        .broker
        .retry_queue(system.config.broker.retry_delays.iter().rfind(|delay| delay.duration() < Duration::from_mins(1)).unwrap());
    let hour = system.config.broker.retry_queue(system.config.broker.retry_delays.last().unwrap());
    let waiting = system.take(if system.depth(&hour).await == 1 { &hour } else { &queue }).await;
    assert_eq!(waiting.body, job.body);
    assert_eq!(waiting.properties.reply_to, job.properties.reply_to);
    assert_eq!(waiting.properties.headers.number(NOT_BEFORE), Some(event.until.as_millisecond()));
    let progress: Value = serde_json::from_str(&waiting.properties.headers.text(PROGRESS).unwrap()).unwrap();
    assert_eq!(progress["run"], json!(run_id(&job)));
    assert_eq!(progress["totals"], json!({ "calls": 2, "billed": 2, "parked": 1, "retries": 0 }));
}

async fn a_recognition_that_fails_does_not_end_a_job_that_wants_verification(on: On) {
    let faults = "[[fault]]\nstage = \"recognition\"\nanswer = \"400\"\n";
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("both", &key);
    let result = system.ask(&job).await;
    assert_eq!((&result["verdict"], &result["recognition"]), (&json!("genuine"), &Value::Null));
    assert_eq!((&result["error"]["stage"], &result["error"]["code"]), (&json!("recognition"), &json!("400")));
    assert_eq!(result["verification"]["qr_code_found"], true);
    let alone = json!({ "job_id": "alone", "image": { "key": key }, "verify": false });
    let job = system.message("alone", alone.to_string());
    let result = system.ask(&job).await;
    assert_eq!((&result["status"], &result["verdict"]), (&json!("undetermined"), &Value::Null));
}

async fn a_negative_verdict_carries_its_code(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"315\"\n";
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    let result = system.ask(&job).await;
    assert_eq!((&result["status"], &result["verdict"]), (&json!("completed"), &json!("not_usable")));
    assert_eq!((&result["error"]["stage"], &result["error"]["code"]), (&json!("verification"), &json!("315")));
    assert_eq!(system.depth(&system.config.broker.failed_queue).await, 0);
}

async fn what_the_provider_cannot_tell_is_undetermined_and_kept(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"319\"\n";
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    let result = system.ask(&job).await;
    assert_eq!((&result["status"], &result["verdict"]), (&json!("undetermined"), &Value::Null));
    assert_eq!(result["error"]["code"], "319");
    assert!(result["recognition"]["invoice"]["note_no"].is_string(), "what had been obtained is in the result");
    let kept = system.take(&system.config.broker.failed_queue).await;
    let reason: Value = serde_json::from_str(&kept.properties.headers.text(FAILURE).unwrap()).unwrap();
    assert_eq!((&reason["status"], &reason["error"]["code"]), (&json!("undetermined"), &json!("319")));
}

async fn without_verification_the_job_ends_after_recognition(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.message("job", json!({ "job_id": "job", "image": { "key": key }, "verify": false }).to_string());
    let result = system.ask(&job).await;
    assert_eq!((&result["status"], &result["verdict"]), (&json!("completed"), &json!("recognized")));
    assert_eq!(result["verification"], Value::Null);
    assert_eq!(system.sandbox.calls().count(Stage::Verification).calls, 0);
}

async fn the_same_message_twice_is_answered_with_the_same_bytes_and_paid_once(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    system.submit(&job).await;
    let first = system.reply().await;
    system.submit(&job).await;
    let second = system.reply().await;
    assert_eq!(first.body, second.body);
    assert_eq!(first.properties.message_id, second.properties.message_id);
    assert_eq!(paid_calls(&system), 2);
}

async fn another_run_of_the_same_job_gets_the_same_answer_with_its_own_metadata(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    system.submit(&job).await;
    let first = system.reply().await;
    let mut again =
        system.message("job", json!({ "job_id": "job", "image": { "key": key }, "metadata": { "claim": "another" } }).to_string());
    again.properties.message_id = Some("resubmitted".into());
    system.submit(&again).await;
    let second = system.reply().await;
    assert_ne!(first.properties.message_id, second.properties.message_id);
    let (first, second): (Value, Value) = (serde_json::from_slice(&first.body).unwrap(), serde_json::from_slice(&second.body).unwrap());
    assert_eq!(second["metadata"]["claim"], "another");
    assert_eq!(second["calls"], json!([]), "this run made none");
    for field in ["verdict", "recognition", "verification", "checks", "image"] {
        assert_eq!(first[field], second[field], "{field}");
    }
    assert_eq!(paid_calls(&system), 2);
}

async fn a_redelivered_job_waits_once(on: On) {
    let mut system = Setup::new(on).await.prepare().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    hand_out_and_lose(&system, &job).await;
    system.work().await;
    let result = system.result().await;
    assert_eq!(result["verdict"], "genuine");
    let Event::Parked(waits) = system.event().await else { panic!("it waits first") };
    assert_eq!((waits.stage, waits.code.as_str(), waits.totals.calls), (Stage::Worker, "redelivered", 0));
    assert!(matches!(system.event().await, Event::Answered(_)), "it waits once");
}

async fn a_result_without_a_living_reply_queue_goes_to_the_results_queue(on: On) {
    let system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let mut job = system.job("gone", &key);
    job.properties.reply_to = Some(format!("{}.gone", system.reply_to));
    system.submit(&job).await;
    let kept = system.take(&system.config.broker.results_queue).await;
    assert_eq!(kept.properties.message_id, Some(run_id(&job)));
    assert_eq!(kept.properties.correlation_id, job.properties.correlation_id);
    job.properties.reply_to = None;
    system.submit(&job).await;
    let kept = system.take(&system.config.broker.results_queue).await;
    assert_eq!(kept.properties.message_id, Some(run_id(&job)));
}

async fn a_stopped_worker_finishes_its_call_and_hands_the_job_on(on: On) {
    let mut setup = Setup::new(on).await;
    setup.scenario.recognition.latency = Duration::from_millis(400);
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    system.submit(&job).await;
    let calls = system.sandbox.calls();
    while calls.count(Stage::Recognition).in_flight == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(system.drain().await, Drained::Yes);
    assert_eq!(calls.count(Stage::Recognition).billed, 1, "the call in the air was finished");
    assert_eq!(calls.count(Stage::Verification).calls, 0, "no further call was started");
    let Event::Parked(parked) = system.event().await else { panic!("handed on") };
    assert_eq!(parked.code, "worker.stopping");
    // The next worker goes on where the first one stopped.
    system.work().await;
    let reply = system.reply().await;
    assert_eq!(reply.properties.message_id, Some(run_id(&job)));
    let result: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(codes(&result), ["recognition 200 yes", "verification OK yes"]);
    assert_eq!((calls.count(Stage::Recognition).billed, calls.count(Stage::Verification).billed), (1, 1));
}

async fn a_throttled_call_is_made_again_in_place_uncharged(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"RATE_LIMIT_EXCEEDED\"\ncalls = [1]\n";
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    let result = system.ask(&job).await;
    assert_eq!(codes(&result), ["recognition 200 yes", "verification RATE_LIMIT_EXCEEDED no", "verification OK yes"]);
    let Event::Answered(event) = system.event().await else { panic!("not parked") };
    assert_eq!((event.totals.retries, event.totals.parked), (0, 0));
}

async fn one_misread_brands_no_bill_and_two_do(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"307\"\nauto_rotate = false\n";
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("once", &key);
    let result = system.ask(&job).await;
    assert_eq!(result["verdict"], "genuine");
    assert_eq!(codes(&result), ["recognition 200 yes", "verification 307 yes", "verification OK yes"]);

    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"307\"\n";
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("twice", &key);
    let result = system.ask(&job).await;
    assert_eq!((&result["verdict"], &result["error"]["code"]), (&json!("mismatch"), &json!("307")));
    assert_eq!(codes(&result), ["recognition 200 yes", "verification 307 yes", "verification 307 yes"]);
}

async fn checkpoints_that_cannot_be_read_delay_a_job_and_judge_nothing(on: On) {
    let faults = "[[fault]]\nstage = \"storage\"\nkey = \"checkpoints/*\"\nanswer = \"AccessDenied\"\n";
    let mut setup = Setup::new(on).await.faults(faults);
    setup.config.worker.job_deadline = "6s".parse().unwrap();
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    system.submit(&job).await;
    let Event::Parked(parked) = system.event().await else { panic!("parked, not answered") };
    assert_eq!((parked.stage, parked.code.as_str()), (Stage::Storage, "AccessDenied"));
    // Past its deadline the job is answered all the same: for a person, not as its own fault.
    let result = system.result().await;
    assert_eq!((&result["status"], &result["error"]["code"]), (&json!("undetermined"), &json!("AccessDenied")));
    assert_eq!(paid_calls(&system), 0);
}

async fn a_store_that_stays_unusable_ends_the_job_at_its_deadline(on: On) {
    let mut setup = Setup::new(on).await;
    setup.config.worker.job_deadline = "3s".parse().unwrap();
    let mut system = setup.prepare().await;
    system.config.storage.bucket = "nobodys-bucket".into();
    system.work().await;
    let job = system.job("job", "a.jpg");
    let result = system.ask(&job).await;
    assert_eq!((&result["status"], &result["error"]["code"]), (&json!("undetermined"), &json!("NoSuchBucket")), "{result}");
}

async fn a_redelivery_past_its_deadline_replays_what_was_found_before(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let deadline = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(6);
    let body = json!({ "job_id": "job", "image": { "key": key }, "deadline": deadline }).to_string();
    let job = system.message("job", body);
    let first = system.ask(&job).await;
    assert_eq!(first["verdict"], "genuine");
    assert_eq!(system.drain().await, Drained::Yes);
    hand_out_and_lose(&system, &job).await;
    tokio::time::sleep(Duration::try_from(deadline.duration_since(jiff::Timestamp::now())).unwrap_or_default()).await;
    system.work().await;
    assert_eq!(system.result().await, first);
    assert_eq!(paid_calls(&system), 2);
}

/// Somebody receives the job, and goes away without settling it.
async fn hand_out_and_lose(system: &System, job: &Message) {
    system.submit(job).await;
    let elsewhere = system.broker.connect().await.unwrap();
    let mut consumer = elsewhere.consume(&system.config.broker.jobs_queue, 1).await.unwrap();
    drop(consumer.next().await.unwrap());
    elsewhere.close().await;
}

async fn a_failed_run_that_is_submitted_again_is_asked_again_and_answered(on: On) {
    let faults = r#"
        [[fault]]
        stage = "verification"
        answer = "319"
        calls = [1]
        [[fault]]
        stage = "verification"
        answer = "316"
        calls = [2]
    "#;
    let mut system = Setup::new(on).await.faults(faults).rules(SHORT_316).start().await;
    let key = system.sample("02-henan-inpatient").await;
    let job = system.job("job", &key);
    assert_eq!(system.ask(&job).await["error"]["code"], "319");
    // The same message once more: a failure is really tried again, through being parked, and this copy is answered.
    assert_eq!(system.ask(&job).await["verdict"], "genuine");
}

async fn with_auto_rotate_from_the_first_call_one_misread_is_not_two(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"307\"\n";
    let mut setup = Setup::new(on).await.faults(faults);
    setup.config.verification.auto_rotate = true;
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    let result = system.ask(&job).await;
    assert_eq!((&result["status"], &result["verdict"]), (&json!("undetermined"), &Value::Null));
    assert_eq!(codes(&result), ["recognition 200 yes", "verification 307 yes"]);
}

async fn a_url_that_the_provider_cannot_fetch_is_tried_again_and_given_up(on: On) {
    let rules = r#"
        [[rule]]
        stage = "verification"
        code = ["DOWNLOAD_ERROR"]
        do = [{ action = "inline" }, { action = "park", delays = ["100ms"], attempts = 2 }, { action = "fail" }]
        billed = "no"
        reason = "shortened"
    "#;
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"DOWNLOAD_ERROR\"\n";
    let mut system = Setup::new(on).await.faults(faults).rules(rules).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    // Nothing answers there: recognition cannot fetch it either.
    let url = format!("{}/{BUCKET}/{key}?X-Signature=secret", system.sandbox.s3_url());
    let job = system.message("job", json!({ "job_id": "job", "image": { "url": url } }).to_string());
    let result = system.ask(&job).await;
    assert_eq!((&result["status"], &result["error"]["stage"]), (&json!("undetermined"), &json!("verification")), "{result}");
    assert_eq!(result["image"], json!({ "url": url.split('?').next().unwrap() }), "without its query");
    assert!(!result.to_string().contains("secret"), "{result}");
}

async fn headers_too_large_to_be_parked_cost_nobody_else_anything(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\ncalls = [1]\n";
    let mut system = Setup::new(on).await.faults(faults).rules(SHORT_316).start().await;
    let key = system.sample("02-henan-inpatient").await;
    let mut job = system.job("heavy", &key);
    // Almost a frame of 128 KiB: it can be received, but not with our headers beside it.
    job.properties.headers.set_text("invoice-failure", &"x".repeat(124 * 1024));
    let result = system.ask(&job).await;
    assert_eq!(result["verdict"], "genuine");
    assert_eq!(codes(&result), ["recognition 200 yes", "verification 316 yes", "verification OK yes"]);
}

async fn two_copies_of_a_forked_run_are_answered_with_the_same_bytes(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"genuine\"\ncalls = [1]\ndelay = \"1s\"\n";
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let mut copy = system.job("job", &key);
    let progress = Progress::new(run_id(&copy), jiff::Timestamp::now());
    copy.properties.headers.set_text(PROGRESS, &progress.to_header());
    // Both come back from being parked, as after a crash between the park's confirm and its acknowledgement.
    for _ in 0..2 {
        system.session.publisher().publish(&system.config.broker.due_queue, &copy).await.unwrap();
    }
    let (first, second) = (system.reply().await, system.reply().await);
    assert_eq!(first.properties.message_id, second.properties.message_id);
    assert_eq!(first.body, second.body);
}

async fn a_strangers_progress_starts_the_job_afresh(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let mut job = system.job("job", &key);
    let forged = json!({ "v": 1, "run": "ab".repeat(32), "first_seen": "9990-01-01T00:00:00Z", "rotated_for": "307" });
    job.properties.headers.set_text(PROGRESS, &forged.to_string());
    let reply = {
        system.submit(&job).await;
        system.reply().await
    };
    assert_eq!(reply.properties.message_id, Some(run_id(&job)));
    let result: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(codes(&result), ["recognition 200 yes", "verification OK yes"]);
}

async fn an_action_of_a_later_version_parks_for_five_minutes(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"UNAUTHORIZED\"\n";
    let mut setup = Setup::new(on).await.faults(faults);
    setup.config.broker.retry_delays.push("2m".parse().unwrap());
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    system.submit(&job).await;
    let Event::Parked(event) = system.event().await else { panic!("parked") };
    let wait = event.until.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((290..=300).contains(&wait), "{wait} s");
}

fn paid_calls(system: &System) -> u64 {
    [Stage::Recognition, Stage::Verification]
        .map(|stage| system.sandbox.calls().count(stage))
        .iter()
        .map(|count| count.billed + count.billed_unknown)
        .sum()
}

fn codes(result: &Value) -> Vec<String> {
    let told = |call: &Value| format!("{} {} {}", text(&call["stage"]), text(&call["code"]), text(&call["billed"]));
    result["calls"].as_array().unwrap().iter().map(told).collect()
}

fn checks<'a>(result: &'a Value, outcome: &str) -> Vec<&'a str> {
    let all = result["checks"].as_array().unwrap();
    all.iter().filter(|check| check["outcome"] == outcome).map(|check| check["id"].as_str().unwrap()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What the sample's folder says must come back.
fn expected(name: &str) -> Value {
    let path = format!("{}/tests/data/invoices/{name}.expected.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The fields that say something: the samples list no others.
fn said(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let empty = |value: &Value| {
                value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
            };
            fields.iter().map(|(name, value)| (name.clone(), said(value))).filter(|(_, value)| !empty(value)).collect()
        }
        Value::Array(items) => items.iter().map(said).collect(),
        other => other.clone(),
    }
}

/// The header of a picture of this size, and no pixels: enough to be refused by.
fn bmp(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    bytes.extend([0; 8]);
    bytes.extend(54_u32.to_le_bytes());
    bytes.extend(40_u32.to_le_bytes());
    bytes.extend(width.to_le_bytes());
    bytes.extend(height.to_le_bytes());
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    bytes
}
