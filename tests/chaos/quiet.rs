//! What every bill ends with when nothing goes wrong: asked of a worker in this process, with
//! nobody else around, and held against what the script means.

use super::faults;
use super::harness::system::{BUCKET, On, Setup, System};
use super::hastened;
use super::pictures::Bill;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Waits that are nobody's subject here.
const IN_NO_TIME: u32 = 36_000;

/// By the bill's index and whether it is to be verified.
pub(crate) type Expected = BTreeMap<(usize, bool), Value>;

/// What the script means: with verification, and for those that fail without it, too.
const MEANT: [(&str, &str, &str, &str); 14] = [
    ("01-beijing-outpatient", "completed", "genuine", ""),
    ("02-henan-inpatient", "completed", "genuine", ""),
    ("03-zhejiang-outpatient", "completed", "genuine", ""),
    ("04-shanghai-outpatient", "completed", "genuine", ""),
    ("05-guangdong-inpatient-voided", "completed", "voided", ""),
    (
        "06-jiangsu-outpatient-red-lettered",
        "completed",
        "red_lettered",
        "400",
    ),
    (
        "07-shandong-outpatient-posted",
        "completed",
        "invalid",
        "320",
    ),
    (
        "08-hebei-inpatient-reimbursed",
        "completed",
        "mismatch",
        "306",
    ),
    ("09-beijing-outpatient-misread", "undetermined", "", "300"),
    ("10-henan-outpatient-scan", "completed", "recognized", ""),
    ("11-tianjin-outpatient-photo", "completed", "genuine", ""),
    (
        "12-shanghai-inpatient-long",
        "completed",
        "not_usable",
        "315",
    ),
    ("unknown-bill", "undetermined", "", "321"),
    (
        "06-jiangsu-outpatient-red-lettered, unverified",
        "undetermined",
        "",
        "400",
    ),
];

pub(crate) async fn expected(bills: &[Bill]) -> Expected {
    let mut setup = Setup::new(On::Memory)
        .await
        .rules(&hastened::rules(IN_NO_TIME, IN_NO_TIME));
    setup.scenario = faults::quiet();
    let mut system = setup.start().await;
    let mut asked = BTreeMap::new();
    for (index, bill) in bills.iter().enumerate() {
        for verify in [false, true] {
            if !(verify && bill.for_recognition_only) {
                let job_id = format!("{index} {verify}");
                ask(&system, bill, &job_id, verify).await;
                asked.insert(job_id, (index, verify));
            }
        }
    }
    let mut expected = Expected::new();
    while expected.len() < asked.len() {
        let result = system.result().await;
        let (index, verify) = asked[result["job_id"].as_str().unwrap()];
        assert_meant(bills[index].name, verify, &result);
        expected.insert((index, verify), lasting(result));
    }
    system.drain().await;
    expected
}

/// Pictures of their own: what recognition found about the one is not known of the other.
async fn ask(system: &System, bill: &Bill, job_id: &str, verify: bool) {
    let picture = bill.picture(usize::from(verify));
    system
        .sandbox
        .put(BUCKET, &picture.key, picture.bytes)
        .await
        .unwrap();
    let body = json!({ "job_id": job_id, "image": { "key": picture.key }, "verify": verify });
    system
        .submit(&system.message(job_id, body.to_string()))
        .await;
}

fn assert_meant(name: &str, verify: bool, result: &Value) {
    let unverified = format!("{name}, unverified");
    let row = MEANT
        .iter()
        .find(|row| !verify && row.0 == unverified)
        .or_else(|| MEANT.iter().find(|row| row.0 == name))
        .unwrap();
    let (_, status, verdict, error) = *row;
    let plainly_read = !verify && row.0 == name;
    let (status, verdict, error) = if plainly_read {
        ("completed", "recognized", "")
    } else {
        (status, verdict, error)
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = (
        text(&result["status"]),
        text(&result["verdict"]),
        text(&result["error"]["code"]),
    );
    assert_eq!(
        found,
        (status.to_owned(), verdict.to_owned(), error.to_owned()),
        "{name}, verify {verify}: {result}"
    );
}

/// What is the same whatever happened on the way, and for every file of the bill.
pub(crate) fn lasting(mut result: Value) -> Value {
    let Some(fields) = result.as_object_mut() else {
        return result;
    };
    for passing in [
        "job_id",
        "metadata",
        "calls",
        "first_seen",
        "finished",
        "seen_before",
    ] {
        fields.remove(passing);
    }
    // Other jobs brought the same bill, and the verdict looks at those by itself.
    if let Some(flags) = fields.get_mut("flags").and_then(Value::as_array_mut) {
        flags.retain(|flag| flag != "seen_before");
    }
    // The QR code is read where the picture is decoded, which an answer that is kept saves; it may
    // be the only one that names the bill's code.
    if let Some(checks) = fields.get_mut("checks").and_then(Value::as_array_mut) {
        checks.retain(|check| {
            let id = check["id"].as_str().unwrap_or_default();
            !id.starts_with("qr_equals_") && id != "province_equals_note_code"
        });
    }
    let image = fields.remove("image").unwrap_or_default();
    fields.insert(
        "image".to_owned(),
        json!([image["format"], image["width"], image["height"]]),
    );
    let error = fields.remove("error").unwrap_or_default();
    fields.insert("error".to_owned(), json!([error["stage"], error["code"]]));
    for part in ["recognition", "verification"] {
        if let Some(part) = fields.get_mut(part).and_then(Value::as_object_mut) {
            part.remove("request_id");
        }
    }
    result
}
