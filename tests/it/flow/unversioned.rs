//! Images by URL in a bucket that keeps no versions: an address means whatever lies there when a
//! provider fetches it.

use super::{SHORT_316, codes, paid_calls};
use crate::harness::eventually::eventually;
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use invoice_worker::policy::Transfer;
use invoice_worker::telemetry::job_event::JobEvent;
use invoice_worker::worker::Drained;
use serde_json::{Value, json};
use std::time::Duration;

promises![
    after_each_call_by_url_the_image_is_looked_at_once_more,
    an_image_that_is_replaced_before_a_provider_fetches_it_is_judged_anew,
    one_that_is_replaced_while_its_job_is_parked_is_judged_anew,
    a_last_word_about_one_that_was_replaced_is_not_the_jobs,
    a_picture_that_has_to_be_turned_is_turned_although_the_store_does_not_tell,
    who_waited_for_anothers_call_does_not_pay_for_one_that_was_replaced,
    another_image_under_the_same_key_inherits_nothing,
    one_that_is_replaced_again_and_again_ends_its_job,
    a_paid_answer_travels_with_its_job_while_the_store_does_not_tell,
    what_travelled_is_worth_nothing_to_another_image,
    an_answer_about_an_image_that_is_gone_is_none,
    a_store_that_names_a_part_otherwise_than_the_whole_is_no_replacement,
    what_was_recognised_by_url_need_not_fit_to_be_sent,
];

const KEY: &str = "a.jpg";
const FIRST: &str = "01-beijing-outpatient";
const SECOND: &str = "02-henan-inpatient";
const GLIMPSE: u64 = 64 << 10;
/// Who fetches the image.
const BY_URL: [(Transfer, Transfer); 3] = [
    (Transfer::Url, Transfer::Url),
    (Transfer::Url, Transfer::Inline),
    (Transfer::Inline, Transfer::Url),
];
/// What the policy has for minutes.
const SHORT: &str = r#"
    [[rule]]
    stage = "storage"
    code = ["replaced", "SlowDown"]
    do = [{ action = "park", delays = ["100ms"], attempts = 1 }, { action = "fail" }]
    billed = "no"
    reason = "shortened"
"#;

async fn setup(on: On, (recognition, verification): (Transfer, Transfer), faults: &str) -> Setup {
    let mut setup = Setup::new(on)
        .await
        .faults(faults)
        .rules(&format!("{SHORT}{SHORT_316}"));
    setup.scenario.storage.versions = false;
    setup.config.recognition.transfer = recognition;
    setup.config.verification.transfer = verification;
    setup
}

async fn system(on: On, transfers: (Transfer, Transfer), faults: &str) -> System {
    let system = setup(on, transfers, faults).await.start().await;
    put(&system, FIRST).await;
    system
}

/// Over whatever is there.
async fn put(system: &System, sample: &str) {
    system
        .sandbox
        .put(BUCKET, KEY, samples::named(sample).unwrap().bytes)
        .await
        .unwrap();
}

fn size(sample: &str) -> u64 {
    samples::named(sample).unwrap().bytes.len() as u64
}

/// Bytes of each of the worker's own downloads.
fn own(system: &System) -> Vec<u64> {
    let calls = system
        .sandbox
        .calls()
        .about(Stage::Storage, &format!("get {KEY}"));
    calls
        .into_iter()
        .map(|call| call.bytes.unwrap_or_default())
        .collect()
}

/// Returns once providers have fetched the image so many times.
async fn is_fetched(system: &System, times: usize) {
    let calls = system.sandbox.calls();
    eventually("a provider fetches the image", async || {
        calls.about(Stage::Storage, &format!("fetch {KEY}")).len() == times
    })
    .await;
}

/// The bills that both providers read, which must be one.
fn bill(result: &Value) -> &str {
    let [recognised, verified] =
        ["recognition", "verification"].map(|stage| &result[stage]["invoice"]["note_no"]);
    assert_eq!(recognised, verified, "{result}");
    recognised
        .as_str()
        .unwrap_or_else(|| panic!("a bill: {result}"))
}

async fn after_each_call_by_url_the_image_is_looked_at_once_more(on: On) {
    for transfers in BY_URL {
        let mut system = system(on, transfers, "").await;
        let result = system.ask(&system.job("job", KEY)).await;
        assert_eq!(
            (&result["verdict"], &result["image"]["version_id"]),
            (&json!("genuine"), &Value::Null),
            "{result}"
        );
        let expected = if transfers == BY_URL[0] {
            vec![GLIMPSE, GLIMPSE, GLIMPSE]
        } else {
            vec![size(FIRST), GLIMPSE]
        };
        assert_eq!(
            (own(&system), paid_calls(&system)),
            (expected, 2),
            "{transfers:?}"
        );
    }
}

async fn an_image_that_is_replaced_before_a_provider_fetches_it_is_judged_anew(on: On) {
    // The second to fetch it is verification. It waits for the store until another picture lies
    // there.
    let faults = "[[fault]]\nstage = 'storage'\noperation = 'fetch'\nanswer = 'genuine'\ndelay = '3s'\ncalls = [2]\n";
    let mut system = system(on, BY_URL[0], faults).await;
    system.submit(&system.job("job", KEY)).await;
    system.is_called(Stage::Verification).await;
    put(&system, SECOND).await;
    let result = system.result().await;
    assert_eq!(
        codes(&result),
        [
            "recognition 200 yes",
            "verification OK yes",
            "recognition 200 yes",
            "verification OK yes"
        ]
    );
    let of_another_key = system.sample(SECOND).await;
    let expected = system.ask(&system.job("another", &of_another_key)).await;
    assert_eq!(bill(&result), bill(&expected));
}

async fn one_that_is_replaced_while_its_job_is_parked_is_judged_anew(on: On) {
    let faults =
        "[[fault]]\nstage = 'verification'\nanswer = '316'\nsample = '01-beijing-outpatient'\n";
    let mut system = system(on, BY_URL[0], faults).await;
    system.submit(&system.job("job", KEY)).await;
    assert!(matches!(system.event().await, JobEvent::Parked(_)));
    put(&system, SECOND).await;
    let result = system.result().await;
    assert_eq!(result["verdict"], "genuine", "{result}");
    let of_another_key = system.sample(SECOND).await;
    let expected = system.ask(&system.job("another", &of_another_key)).await;
    assert_eq!(bill(&result), bill(&expected));
}

async fn a_last_word_about_one_that_was_replaced_is_not_the_jobs(on: On) {
    // One that ends the job, and one that has the picture turned.
    for code in ["INVALID_ARGUMENT", "DETECTION_FAILED"] {
        let faults = format!(
            "[[fault]]\nstage = 'verification'\nanswer = '{code}'\ndelay = '3s'\nsample = '{FIRST}'\n"
        );
        let mut system = system(on, BY_URL[0], &faults).await;
        system.submit(&system.job("job", KEY)).await;
        is_fetched(&system, 2).await;
        put(&system, SECOND).await;
        let result = system.result().await;
        let expected = [
            "recognition 200 yes",
            &format!("verification {code} no"),
            "recognition 200 yes",
            "verification OK yes",
        ]
        .map(str::to_owned);
        assert_eq!(codes(&result), expected, "{result}");
        assert_eq!(result["verdict"], "genuine", "{result}");
    }
}

async fn a_picture_that_has_to_be_turned_is_turned_although_the_store_does_not_tell(on: On) {
    // The third look follows verification.
    let faults = format!(
        "[[fault]]\nstage = 'verification'\nanswer = 'DETECTION_FAILED'\ncalls = [1]\n\
         [[fault]]\nstage = 'storage'\nkey = '{KEY}'\nanswer = 'SlowDown'\ncalls = [3]\n"
    );
    let mut system = system(on, BY_URL[0], &faults).await;
    let result = system.ask(&system.job("job", KEY)).await;
    assert_eq!(
        codes(&result),
        [
            "recognition 200 yes",
            "verification DETECTION_FAILED no",
            "verification OK yes"
        ],
        "{result}"
    );
    let JobEvent::Parked(parked) = system.event().await else {
        panic!("parked")
    };
    assert_eq!(
        (parked.stage, parked.code.as_str()),
        (Stage::Storage, "SlowDown")
    );
}

async fn who_waited_for_anothers_call_does_not_pay_for_one_that_was_replaced(on: On) {
    let mut setup = setup(on, BY_URL[0], "").await;
    setup.scenario.recognition.latency = Duration::from_secs(3);
    let mut system = setup.start().await;
    put(&system, FIRST).await;
    system.submit(&system.job("one", KEY)).await;
    system.submit(&system.job("another", KEY)).await;
    is_fetched(&system, 1).await;
    put(&system, SECOND).await;
    let results = [system.result().await, system.result().await];
    assert_eq!(bill(&results[0]), bill(&results[1]));
    assert_eq!(
        paid_calls(&system),
        3,
        "one about the image that was replaced: {results:?}"
    );
}

async fn another_image_under_the_same_key_inherits_nothing(on: On) {
    for transfers in BY_URL {
        let mut system = system(on, transfers, "").await;
        let first = system.ask(&system.job("first", KEY)).await;
        put(&system, SECOND).await;
        let second = system.ask(&system.job("second", KEY)).await;
        assert_ne!(bill(&first), bill(&second));
        assert_eq!(paid_calls(&system), 4, "{transfers:?}");
        // The same image again is known.
        put(&system, FIRST).await;
        let third = system.ask(&system.job("third", KEY)).await;
        assert_eq!(
            (bill(&third), paid_calls(&system)),
            (bill(&first), 4),
            "{transfers:?}"
        );
    }
}

async fn one_that_is_replaced_again_and_again_ends_its_job(on: On) {
    let mut setup = setup(on, BY_URL[0], "").await;
    setup.scenario.recognition.latency = Duration::from_secs(3);
    let mut system = setup.start().await;
    put(&system, FIRST).await;
    system.submit(&system.job("job", KEY)).await;
    for (times, sample) in [(1, SECOND), (2, FIRST)] {
        is_fetched(&system, times).await;
        put(&system, sample).await;
    }
    let result = system.result().await;
    assert_eq!(
        (&result["status"], &result["verdict"]),
        (&json!("undetermined"), &Value::Null),
        "{result}"
    );
    assert_eq!(
        (&result["error"]["stage"], &result["error"]["code"]),
        (&json!("storage"), &json!("replaced")),
        "{result}"
    );
    assert_eq!(
        codes(&result),
        ["recognition 200 yes", "recognition 200 yes"]
    );
}

async fn a_paid_answer_travels_with_its_job_while_the_store_does_not_tell(on: On) {
    // The second look follows recognition. Another turn of the job begins with the third, and the
    // fourth follows verification.
    for call in [2, 3] {
        let faults = format!(
            "[[fault]]\nstage = 'storage'\nkey = '{KEY}'\nanswer = 'SlowDown'\ncalls = [{call}]\n"
        );
        let mut system = system(on, BY_URL[0], &faults).await;
        let result = system.ask(&system.job("job", KEY)).await;
        assert_eq!(
            codes(&result),
            ["recognition 200 yes", "verification OK yes"],
            "{result}"
        );
        let JobEvent::Parked(parked) = system.event().await else {
            panic!("parked")
        };
        assert_eq!(
            (parked.stage, parked.code.as_str(), paid_calls(&system)),
            (Stage::Storage, "SlowDown", 2)
        );
        assert_eq!(result["verdict"], "genuine", "{result}");
    }
}

async fn what_travelled_is_worth_nothing_to_another_image(on: On) {
    let faults =
        format!("[[fault]]\nstage = 'storage'\nkey = '{KEY}'\nanswer = 'SlowDown'\ncalls = [2]\n");
    let mut system = system(on, BY_URL[0], &faults).await;
    system.submit(&system.job("job", KEY)).await;
    assert!(matches!(system.event().await, JobEvent::Parked(_)));
    assert_eq!(system.drain().await, Drained::Yes);
    put(&system, SECOND).await;
    system.work().await;
    let result = system.result().await;
    assert_eq!(
        codes(&result),
        [
            "recognition 200 yes",
            "recognition 200 yes",
            "verification OK yes"
        ]
    );
    assert_eq!(
        (&result["verdict"], bill(&result).is_empty()),
        (&json!("genuine"), false)
    );
}

async fn an_answer_about_an_image_that_is_gone_is_none(on: On) {
    let faults =
        format!("[[fault]]\nstage = 'storage'\nkey = '{KEY}'\nanswer = 'NoSuchKey'\ncalls = [3]\n");
    let mut system = system(on, BY_URL[0], &faults).await;
    let result = system.ask(&system.job("job", KEY)).await;
    assert_eq!(
        (&result["status"], &result["error"]["code"]),
        (&json!("invalid_job"), &json!("image.not_found")),
        "{result}"
    );
    assert!(
        result["recognition"].is_object(),
        "the image was there once more after it: {result}"
    );
    assert_eq!(
        (&result["verdict"], &result["verification"]),
        (&Value::Null, &Value::Null),
        "{result}"
    );
    // Nor for anybody else.
    let another = system.ask(&system.job("another", KEY)).await;
    assert_eq!(
        (&another["verdict"], codes(&another)),
        (&json!("genuine"), vec!["verification OK yes".to_owned()])
    );
}

async fn a_store_that_names_a_part_otherwise_than_the_whole_is_no_replacement(on: On) {
    let cannot_fetch =
        "[[fault]]\nstage = 'storage'\noperation = 'fetch'\nanswer = 'AccessDenied'\ncalls = [2]\n";
    for (transfers, faults) in BY_URL
        .map(|transfers| (transfers, ""))
        .into_iter()
        .chain([(BY_URL[0], cannot_fetch)])
    {
        let mut setup = setup(on, transfers, faults).await;
        setup.scenario.storage.part_etags = true;
        let mut system = setup.start().await;
        put(&system, FIRST).await;
        let result = system.ask(&system.job("job", KEY)).await;
        assert_eq!(
            (&result["verdict"], paid_calls(&system)),
            (&json!("genuine"), 2),
            "{transfers:?}: {result}"
        );
        assert!(
            matches!(system.event().await, JobEvent::Answered(_)),
            "{transfers:?}"
        );
        // A replacement is noticed all the same.
        put(&system, SECOND).await;
        let second = system.ask(&system.job("second", KEY)).await;
        assert_ne!(bill(&result), bill(&second), "{transfers:?}");
    }
}

async fn what_was_recognised_by_url_need_not_fit_to_be_sent(on: On) {
    let faults = "[[fault]]\nstage = 'verification'\nanswer = '316'\ncalls = [1]\n";
    let mut setup = setup(on, BY_URL[0], faults).await;
    // Enough for what is fetched, and not for what is percent-encoded as well.
    setup.config.recognition.max_encoded_bytes = format!("{}B", size(FIRST).div_ceil(3) * 4 + 100)
        .parse()
        .unwrap();
    let mut system = setup.start().await;
    put(&system, FIRST).await;
    system.submit(&system.job("job", KEY)).await;
    assert!(matches!(system.event().await, JobEvent::Parked(_)));
    assert_eq!(system.drain().await, Drained::Yes);
    system.config.recognition.transfer = Transfer::Inline;
    system.work().await;
    let result = system.result().await;
    assert_eq!(
        (&result["verdict"], codes(&result).len()),
        (&json!("genuine"), 3),
        "{result}"
    );
    // Behind the end of the picture: another file.
    system
        .sandbox
        .put(
            BUCKET,
            KEY,
            [samples::named(FIRST).unwrap().bytes, b"!"].concat(),
        )
        .await
        .unwrap();
    let refused = system.ask(&system.job("never recognised", KEY)).await;
    assert_eq!(
        (&refused["error"]["code"], codes(&refused).len()),
        (&json!("image.too_large"), 0),
        "{refused}"
    );
}
