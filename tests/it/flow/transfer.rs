//! The image by its address instead of its bytes: who fetches what, what becomes of what cannot be
//! fetched, and what is paid.

use super::answers::bmp;
use super::runs::hand_out_and_lose;
use super::{SHORT_316, codes, paid_calls};
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use invoice_worker::policy::Transfer;
use invoice_worker::telemetry::job_event::JobEvent;
use invoice_worker::worker::Drained;
use serde_json::{Value, json};

promises![
    by_url_to_both_the_bytes_stay_out_of_the_worker,
    by_url_to_one_the_image_is_fetched_once,
    an_address_that_cannot_be_fetched_is_made_up_for_by_the_bytes,
    an_image_that_was_sent_inline_once_is_sent_inline_after_parking,
    a_job_that_returns_to_another_worker_is_known_by_its_object,
    a_redelivered_job_finds_what_was_paid_for_its_object,
    another_run_is_answered_from_the_checkpoint,
    a_bmp_is_sent_to_the_provider_that_does_not_take_it,
    an_image_that_no_provider_takes_is_refused_by_its_header,
    a_header_that_ends_far_inside_is_read_all_the_same,
    another_image_under_the_same_key_inherits_nothing,
    an_image_that_is_replaced_before_it_is_sent_is_read_by_its_version,
];

const SAMPLE: &str = "01-beijing-outpatient";
/// What is read of an image that the providers fetch.
const HEADER: u64 = 64 << 10;

async fn setup(on: On, recognition: Transfer, verification: Transfer) -> Setup {
    let mut setup = Setup::new(on).await;
    setup.config.recognition.transfer = recognition;
    setup.config.verification.transfer = verification;
    setup
}

async fn by_url(on: On) -> Setup {
    setup(on, Transfer::Url, Transfer::Url).await
}

/// Bytes of each download of this object, none where it was refused: the worker's own, and the
/// providers'.
fn downloads(system: &System, key: &str) -> (Vec<u64>, Vec<u64>) {
    let of = |operation: &str| {
        let calls = system
            .sandbox
            .calls()
            .about(Stage::Storage, &format!("{operation} {key}"));
        calls
            .into_iter()
            .map(|call| call.bytes.unwrap_or_default())
            .collect()
    };
    (of("get"), of("fetch"))
}

fn size(name: &str) -> u64 {
    samples::named(name).unwrap().bytes.len() as u64
}

async fn by_url_to_both_the_bytes_stay_out_of_the_worker(on: On) {
    let mut system = by_url(on).await.start().await;
    let key = system.sample(SAMPLE).await;
    let result = system.ask(&system.job("job", &key)).await;
    assert_eq!(
        (&result["verdict"], codes(&result)),
        (
            &json!("genuine"),
            vec!["recognition 200 yes".into(), "verification OK yes".into()]
        )
    );
    let image = &result["image"];
    assert_eq!(
        (&image["sha256"], &image["format"], image["width"].is_u64()),
        (&Value::Null, &json!("jpeg"), true),
        "{image}"
    );
    assert!(image["version_id"].is_string(), "{image}");
    let whole = size(SAMPLE);
    assert!(whole > HEADER);
    assert_eq!(downloads(&system, &key), (vec![HEADER], vec![whole, whole]));
    assert!(!result.to_string().contains("X-Amz"), "{result}");
}

async fn by_url_to_one_the_image_is_fetched_once(on: On) {
    for (recognition, verification) in [
        (Transfer::Url, Transfer::Inline),
        (Transfer::Inline, Transfer::Url),
    ] {
        let mut system = setup(on, recognition, verification).await.start().await;
        let key = system.sample(SAMPLE).await;
        let result = system.ask(&system.job("job", &key)).await;
        assert_eq!(result["verdict"], "genuine", "{result}");
        assert!(result["image"]["sha256"].is_string(), "{result}");
        assert_eq!(
            downloads(&system, &key),
            (vec![size(SAMPLE)], vec![size(SAMPLE)]),
            "{recognition:?}, {verification:?}"
        );
    }
}

async fn an_address_that_cannot_be_fetched_is_made_up_for_by_the_bytes(on: On) {
    // The first download is recognition's.
    let faults = "[[fault]]\nstage = 'storage'\noperation = 'fetch'\nanswer = 'AccessDenied'\ncalls = { from = 2 }\n";
    let mut system = by_url(on).await.faults(faults).start().await;
    let key = system.sample(SAMPLE).await;
    let result = system.ask(&system.job("job", &key)).await;
    assert_eq!(result["verdict"], "genuine", "{result}");
    assert_eq!(
        codes(&result),
        [
            "recognition 200 yes",
            "verification DOWNLOAD_ERROR no",
            "verification OK yes"
        ]
    );
    assert_eq!(downloads(&system, &key).0, [HEADER, size(SAMPLE)]);
    assert_eq!(paid_calls(&system), 2);
}

async fn an_image_that_was_sent_inline_once_is_sent_inline_after_parking(on: On) {
    let faults = "[[fault]]\nstage = 'storage'\noperation = 'fetch'\nanswer = 'AccessDenied'\ncalls = { from = 2 }\n\
                  [[fault]]\nstage = 'verification'\nanswer = '316'\ncalls = [1]\n";
    let mut system = by_url(on)
        .await
        .faults(faults)
        .rules(SHORT_316)
        .start()
        .await;
    let key = system.sample(SAMPLE).await;
    let result = system.ask(&system.job("job", &key)).await;
    assert_eq!(result["verdict"], "genuine", "{result}");
    let expected = [
        "recognition 200 yes",
        "verification DOWNLOAD_ERROR no",
        "verification 316 yes",
        "verification OK yes",
    ];
    assert_eq!(codes(&result), expected);
    let (own, providers) = downloads(&system, &key);
    assert_eq!(own, [HEADER, size(SAMPLE), HEADER, size(SAMPLE)]);
    assert_eq!(
        providers,
        [size(SAMPLE), 0],
        "nobody goes back to the address"
    );
}

async fn a_job_that_returns_to_another_worker_is_known_by_its_object(on: On) {
    let faults = "[[fault]]\nstage = 'verification'\nanswer = '316'\ncalls = [1]\n";
    let mut system = by_url(on)
        .await
        .faults(faults)
        .rules(SHORT_316)
        .start()
        .await;
    let key = system.sample(SAMPLE).await;
    system.submit(&system.job("job", &key)).await;
    assert!(matches!(system.event().await, JobEvent::Parked(_)));
    assert_eq!(system.drain().await, Drained::Yes);
    system.work().await;
    assert_eq!(
        codes(&system.result().await),
        [
            "recognition 200 yes",
            "verification 316 yes",
            "verification OK yes"
        ]
    );
    assert_eq!(system.sandbox.calls().count(Stage::Recognition).calls, 1);
    assert_eq!(downloads(&system, &key).0, [HEADER, HEADER]);
}

async fn a_redelivered_job_finds_what_was_paid_for_its_object(on: On) {
    let mut system = by_url(on).await.start().await;
    let key = system.sample(SAMPLE).await;
    assert_eq!(codes(&system.ask(&system.job("one", &key)).await).len(), 2);
    assert_eq!(system.drain().await, Drained::Yes);
    hand_out_and_lose(&system, &system.job("another", &key)).await;
    system.work().await;
    let result = system.result().await;
    assert_eq!(
        (&result["verdict"], codes(&result).len()),
        (&json!("genuine"), 0),
        "{result}"
    );
    assert_eq!(paid_calls(&system), 2);
}

async fn another_run_is_answered_from_the_checkpoint(on: On) {
    let mut system = by_url(on).await.start().await;
    let key = system.sample(SAMPLE).await;
    let first = system.ask(&system.job("job", &key)).await;
    let mut again = system.job("job", &key);
    again.properties.message_id = Some("resubmitted".into());
    let second = system.ask(&again).await;
    assert_eq!(
        (&second["verdict"], &second["image"]),
        (&first["verdict"], &first["image"])
    );
    assert_eq!(paid_calls(&system), 2);
    assert_eq!(downloads(&system, &key).0, [HEADER, HEADER]);
}

async fn a_bmp_is_sent_to_the_provider_that_does_not_take_it(on: On) {
    let mut system = by_url(on).await.start().await;
    let name = "10-henan-outpatient-scan";
    let key = system.sample(name).await;
    let result = system.ask(&system.job("job", &key)).await;
    assert_eq!(
        (&result["verdict"], &result["image"]["format"]),
        (&json!("genuine"), &json!("bmp")),
        "{result}"
    );
    assert_eq!(
        downloads(&system, &key),
        (vec![HEADER, size(name)], vec![size(name)])
    );
}

async fn an_image_that_no_provider_takes_is_refused_by_its_header(on: On) {
    let mut setup = by_url(on).await;
    setup.config.storage.max_image_bytes = "1MiB".parse().unwrap();
    let mut system = setup.start().await;
    let picture = samples::named(SAMPLE).unwrap().bytes;
    let cases = [
        (
            "text.jpg",
            b"no image at all".to_vec(),
            "image.unsupported_format",
        ),
        ("empty.jpg", Vec::new(), "image.corrupt"),
        ("cut.jpg", picture[..20].to_vec(), "image.corrupt"),
        (
            "large.jpg",
            [picture, &vec![0; 1 << 20]].concat(),
            "image.too_large",
        ),
        ("tiny.bmp", bmp(10, 300), "image.too_small"),
        ("long.bmp", bmp(4097, 130), "image.too_large"),
    ];
    for (key, bytes, code) in cases {
        system.sandbox.put(BUCKET, key, bytes).await.unwrap();
        let result = system.ask(&system.job(key, key)).await;
        assert_eq!(
            (&result["status"], &result["error"]["code"]),
            (&json!("invalid_job"), &json!(code)),
            "{key}: {result}"
        );
        let (own, providers) = downloads(&system, key);
        assert!(
            own.iter().sum::<u64>() <= HEADER && providers.is_empty(),
            "{key}: {own:?}, {providers:?}"
        );
    }
    assert_eq!(paid_calls(&system), 0);
}

async fn a_header_that_ends_far_inside_is_read_all_the_same(on: On) {
    let mut system = by_url(on).await.start().await;
    let picture = samples::named(SAMPLE).unwrap().bytes;
    // A comment as long as one can be, twice, before anything is said about the sides.
    let comment = [&[0xff, 0xfe, 0xff, 0xff][..], &vec![b' '; 0xffff - 2]].concat();
    let talkative = [&picture[..2], &comment, &comment, &picture[2..]].concat();
    let whole = talkative.len() as u64;
    system
        .sandbox
        .put(BUCKET, "talkative.jpg", talkative)
        .await
        .unwrap();
    let result = system.ask(&system.job("job", "talkative.jpg")).await;
    assert_eq!(result["verdict"], "genuine", "{result}");
    assert_eq!(
        downloads(&system, "talkative.jpg"),
        (vec![HEADER, whole], vec![whole, whole])
    );
}

async fn another_image_under_the_same_key_inherits_nothing(on: On) {
    let mut system = by_url(on).await.start().await;
    let mut bills = Vec::new();
    for name in [SAMPLE, "02-henan-inpatient"] {
        system
            .sandbox
            .put(BUCKET, "a.jpg", samples::named(name).unwrap().bytes)
            .await
            .unwrap();
        let mut job = system.job("job", "a.jpg");
        job.properties.message_id = Some(name.to_owned());
        bills.push(system.ask(&job).await["recognition"]["invoice"]["note_no"].clone());
    }
    assert!(
        bills[0].is_string() && bills[1].is_string() && bills[0] != bills[1],
        "{bills:?}"
    );
    assert_eq!(paid_calls(&system), 4);
}

async fn an_image_that_is_replaced_before_it_is_sent_is_read_by_its_version(on: On) {
    // Verification waits for the store until another image lies under the key, and is refused then.
    let faults = "[[fault]]\nstage = 'storage'\noperation = 'fetch'\nanswer = 'AccessDenied'\ndelay = '3s'\ncalls = [2]\n";
    let mut system = by_url(on).await.faults(faults).start().await;
    let (key, other) = (system.sample(SAMPLE).await, "02-henan-inpatient");
    system.submit(&system.job("job", &key)).await;
    system.is_called(Stage::Verification).await;
    system
        .sandbox
        .put(BUCKET, &key, samples::named(other).unwrap().bytes)
        .await
        .unwrap();
    let result = system.result().await;
    assert_eq!(
        codes(&result),
        [
            "recognition 200 yes",
            "verification DOWNLOAD_ERROR no",
            "verification OK yes"
        ]
    );
    assert_eq!(
        result["recognition"]["invoice"]["note_no"], result["verification"]["invoice"]["note_no"],
        "{result}"
    );
    assert_eq!(
        downloads(&system, &key).0,
        [HEADER, size(other), size(SAMPLE)]
    );
}
