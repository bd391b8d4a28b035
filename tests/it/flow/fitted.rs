//! Pictures that a provider does not take as they are: made fit for it, and only for it.

use super::paid_calls;
use crate::harness::picture::{
    page_with_its_code, tiff_with_its_code, tiny_code, turned_page_with_its_code,
};
use crate::harness::system::{BUCKET, On, Setup};
use serde_json::{Value, json};

promises![
    each_provider_is_sent_what_it_takes_and_the_result_says_so,
    a_page_of_a_tiff_is_a_picture_of_its_own,
    what_recognition_cannot_be_sent_is_verified_all_the_same,
    what_verification_cannot_be_sent_is_undetermined_with_what_was_read,
];

const SAMPLE: &str = "01-beijing-outpatient";

async fn each_provider_is_sent_what_it_takes_and_the_result_says_so(on: On) {
    let mut system = Setup::new(on).await.start().await;
    let cases = [
        (
            "turned.jpg",
            turned_page_with_its_code(SAMPLE, (1_400, 900)),
            (true, false),
        ),
        (
            "large.jpg",
            page_with_its_code(SAMPLE, (4_400, 900)),
            (true, false),
        ),
        (
            "larger.jpg",
            page_with_its_code(SAMPLE, (6_100, 900)),
            (true, true),
        ),
    ];
    for (key, bytes, made) in cases {
        system.sandbox.put(BUCKET, key, bytes).await.unwrap();
        let result = system.ask(&system.job(key, key)).await;
        assert_eq!(result["verdict"], "genuine", "{key}: {result}");
        let prepared = &result["image"]["prepared"];
        let is_made = |stage: &str| prepared[stage].is_object();
        let seen = (is_made("recognition"), is_made("verification"));
        assert_eq!(seen, made, "{key}: {prepared}");
        assert_eq!(prepared["recognition"]["turned"], key == "turned.jpg");
    }
    let key = system.sample("10-henan-outpatient-scan").await;
    let result = system.ask(&system.job("scan", &key)).await;
    let prepared = &result["image"]["prepared"];
    for stage in ["recognition", "verification"] {
        assert!(prepared[stage]["bytes"].as_u64() < result["image"]["bytes"].as_u64());
    }
    let key = system.sample(SAMPLE).await;
    let result = system.ask(&system.job("as it is", &key)).await;
    assert_eq!(result["image"]["prepared"], Value::Null);
}

async fn a_page_of_a_tiff_is_a_picture_of_its_own(on: On) {
    let mut system = Setup::new(on).await.start().await;
    let bytes = tiff_with_its_code(SAMPLE);
    system.sandbox.put(BUCKET, "scan.tif", bytes).await.unwrap();
    for (page, verdict) in [(1, Value::Null), (2, json!("genuine"))] {
        let image = json!({ "key": "scan.tif", "page": page });
        let job = json!({ "job_id": "scan", "image": image }).to_string();
        let result = system.ask(&system.message(&page.to_string(), job)).await;
        assert_eq!(result["verdict"], verdict, "page {page}: {result}");
        assert_eq!(result["image"]["format"], "tiff");
        let prepared = &result["image"]["prepared"];
        assert_eq!(
            prepared["recognition"], prepared["verification"],
            "one for both"
        );
        assert_eq!(prepared["recognition"]["format"], "png");
    }
    let image = json!({ "key": "scan.tif", "page": 3 });
    let job = json!({ "job_id": "scan", "image": image }).to_string();
    let result = system.ask(&system.message("3", job)).await;
    assert_eq!(result["error"]["code"], "image.not_found", "{result}");
}

async fn what_recognition_cannot_be_sent_is_verified_all_the_same(on: On) {
    let mut setup = Setup::new(on).await;
    // Room for the pixels of 12 megapixels.
    setup.config.worker.image_memory = "58MiB".parse().unwrap();
    let mut system = setup.start().await;
    let bytes = page_with_its_code(SAMPLE, (5_900, 5_900));
    system.sandbox.put(BUCKET, "huge.jpg", bytes).await.unwrap();
    let result = system.ask(&system.job("huge", "huge.jpg")).await;
    assert_eq!(
        (&result["verdict"], &result["recognition"]),
        (&json!("genuine"), &Value::Null),
        "{result}"
    );
    assert_eq!(
        (&result["error"]["stage"], &result["error"]["code"]),
        (&json!("image"), &json!("image.too_large"))
    );
    assert_eq!(paid_calls(&system), 1);
}

async fn what_verification_cannot_be_sent_is_undetermined_with_what_was_read(on: On) {
    let mut system = Setup::new(on).await.start().await;
    let bytes = tiny_code(SAMPLE);
    system
        .sandbox
        .put(BUCKET, "small.png", bytes)
        .await
        .unwrap();
    let result = system.ask(&system.job("small", "small.png")).await;
    assert_eq!(
        (&result["status"], &result["error"]["code"]),
        (&json!("undetermined"), &json!("image.too_small")),
        "{result}"
    );
    assert!(result["recognition"].is_object(), "{result}");
    let calls = result["calls"].as_array().unwrap();
    assert_eq!(
        (calls.len(), &calls[0]["stage"]),
        (1, &json!("recognition"))
    );
}
