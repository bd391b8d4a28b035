//! `schema`: what it prints is kept in `tests/data/schema`, so that a change of what others depend
//! on is seen as a change of a file; and real messages are valid, as validators in other languages
//! see it.

use crate::harness::ledger::ledger_of;
use crate::harness::picture;
use crate::harness::program::{NONE, output};
use crate::harness::python;
use crate::harness::system::{On, Setup, System};
use invoice_worker::domain::job::Job;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const DOCUMENTS: [&str; 6] = ["job", "result", "progress", "ledger", "config", "asyncapi"];
const FAULTS: &str = "
[[fault]]
stage = \"verification\"
answer = \"319\"
sample = \"02-henan-inpatient\"

[[fault]]
stage = \"verification\"
answer = \"316\"
sample = \"03-zhejiang-outpatient\"
calls = [1]
";

fn kept(document: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/schema/{document}.json"))
}

async fn printed(document: &str) -> String {
    let ended = output(&["schema", document], &NONE).await;
    assert_eq!(ended.code, Some(0), "{document}: {ended:?}");
    ended.stdout
}

/// What a program says that reads this text, and whether it is content.
async fn fed(command: &mut Command, text: &str) -> (bool, String) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = running.stdin.take().unwrap();
    let feeding = async {
        // One that ends before it has read everything says why.
        let _ = stdin.write_all(text.as_bytes()).await;
        drop(stdin);
    };
    let ((), ended) = tokio::join!(feeding, running.wait_with_output());
    let ended = ended.unwrap();
    let told = [ended.stdout, ended.stderr].concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    (ended.status.success(), told)
}

/// What `jsonschema` has to say of each document.
async fn validated(schema: &str, documents: &[Value]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/clients/validate.py");
    let mut python = Command::new(python::program("python3", "INVOICE_WORKER_TEST_PYTHON"));
    python.arg(script).arg(kept(schema));
    let lines: Vec<String> = documents.iter().map(ToString::to_string).collect();
    let (is_content, told) = fed(&mut python, &lines.join("\n")).await;
    assert!(is_content, "{told}");
    let told: Vec<String> = told.lines().map(str::to_owned).collect();
    assert_eq!(told.len(), documents.len(), "{told:?}");
    told
}

async fn all_valid(schema: &str, documents: &[Value]) {
    let told = validated(schema, documents).await;
    for (told, document) in told.iter().zip(documents) {
        assert_eq!(told, "ok", "{document}");
    }
}

#[tokio::test]
async fn a_change_of_a_schema_is_a_change_of_its_file() {
    for document in DOCUMENTS {
        let (path, printed) = (kept(document), printed(document).await);
        if std::env::var_os("INVOICE_WORKER_WRITE_SCHEMAS").is_some() {
            fs::write(&path, &printed).unwrap();
        }
        let mut diff = Command::new("diff");
        diff.arg("-u").arg(&path).arg("-");
        let (is_same, told) = fed(&mut diff, &printed).await;
        assert!(
            is_same,
            "schema {document} is not {}; INVOICE_WORKER_WRITE_SCHEMAS=1 writes it\n{told}",
            path.display()
        );
    }
}

/// Every description of a schema.
fn descriptions(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => found.push(text.clone()),
                    member => descriptions(member, found),
                }
            }
        }
        Value::Array(members) => members
            .iter()
            .for_each(|member| descriptions(member, found)),
        _ => {}
    }
}

/// They are read by people who write in other languages.
#[tokio::test]
async fn descriptions_are_plain_text() {
    for document in DOCUMENTS {
        let schema: Value = serde_json::from_str(&printed(document).await).unwrap();
        let mut found = Vec::new();
        descriptions(&schema, &mut found);
        assert!(!found.is_empty(), "{document}");
        for text in found {
            for mark in ["`", "](", "::", "None", "Some("] {
                assert!(!text.contains(mark), "{document} has {mark:?} in {text:?}");
            }
            let is_broken = text.split("\n\n").any(|paragraph| paragraph.contains('\n'));
            assert!(!is_broken, "{document}: {text:?}");
        }
    }
}

#[tokio::test]
async fn the_ledger_is_a_channel_where_the_configuration_keeps_one() {
    let of = async |environment: &[(&str, &str)]| {
        let ended = output(&["schema", "asyncapi"], environment).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        serde_json::from_str::<Value>(&ended.stdout).unwrap()
    };
    let document = of(&[("INVOICE_WORKER__BROKER__LEDGER_QUEUE", "claims.ledger")]).await;
    let channel = &document["channels"]["ledger"];
    assert_eq!(channel["address"], "claims.ledger");
    let queue = &channel["bindings"]["amqp"]["queue"];
    assert_eq!(
        (&queue["name"], &queue["x-queue-type"]),
        (&json!("claims.ledger"), &json!("stream"))
    );
    let payload = document["components"]["messages"]["event"]["payload"]["$ref"].as_str();
    let payload = payload.and_then(|place| place.strip_prefix('#')).unwrap();
    let event = document.pointer(payload).unwrap();
    assert_eq!(event["properties"]["schema"]["const"], "invoice.ledger/1");
    assert_eq!(
        document["operations"]["recordTurn"]["channel"]["$ref"],
        "#/channels/ledger"
    );

    let without = of(&[("INVOICE_WORKER__LEDGER__STORE", "none")]).await;
    assert!(without["channels"]["jobs"].is_object());
    for place in [
        "/channels/ledger",
        "/operations/recordTurn",
        "/components/messages/event",
        payload,
    ] {
        assert_eq!(without.pointer(place), None, "{place}");
        assert!(document.pointer(place).is_some(), "{place}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_results_of_every_status_and_progress_are_valid() {
    let setup = Setup::new(On::Memory).await.faults(FAULTS);
    let mut system = Box::pin(setup.start()).await;
    let mut results = Vec::new();
    for (job_id, sample) in [
        ("genuine", "01-beijing-outpatient"),
        ("undetermined", "02-henan-inpatient"),
        ("voided", "05-guangdong-inpatient-voided"),
        ("red", "06-jiangsu-outpatient-red-lettered"),
        ("reimbursed", "08-hebei-inpatient-reimbursed"),
        ("misread", "09-beijing-outpatient-misread"),
        ("made fit", "10-henan-outpatient-scan"),
        ("long", "12-shanghai-inpatient-long"),
    ] {
        let key = system.sample(sample).await;
        results.push(system.ask(&system.job(job_id, &key)).await);
    }
    let key = system.sample("04-shanghai-outpatient").await;
    for body in [
        json!({ "job_id": "read", "image": { "key": key }, "verify": false, "metadata": { "a": [1, null] } }),
        json!({ "job_id": "expects", "image": { "key": key }, "expect": { "total_at_most": "1.00" } }),
        json!({ "job_id": "late", "image": { "key": key }, "deadline": "2020-01-01T00:00:00Z" }),
        json!({ "job_id": "missing", "image": { "key": "nowhere.jpg" } }),
        json!({ "job_id": "malformed", "image": 7 }),
    ] {
        results.push(system.ask(&system.message("m", body.to_string())).await);
    }
    let mut no_id = system.message("m", "no JSON");
    no_id.properties.message_id = None;
    results.push(system.ask(&no_id).await);
    system
        .sandbox
        .put(
            "claims",
            "tiny.png",
            picture::tiny_code("01-beijing-outpatient"),
        )
        .await
        .unwrap();
    results.push(system.ask(&system.job("tiny", "tiny.png")).await);
    for status in ["completed", "undetermined", "invalid_job"] {
        assert!(results.iter().any(|result| result["status"] == status));
    }
    assert!(results.iter().any(|result| result["job_id"].is_null()));
    all_valid("result", &results).await;

    // What is not of the contract is refused: so the validation is one.
    let mut strange = Vec::new();
    for (pointer, value) in [
        ("/status", json!("fine")),
        ("/schema", json!("invoice.result/2")),
        ("/first_seen", json!("yesterday")),
        ("/recognition/invoice/total_cost", json!(939.48)),
        ("/calls/0/billed", json!(true)),
        ("/error", json!("none")),
    ] {
        let mut result = results[0].clone();
        *result.pointer_mut(pointer).unwrap() = value;
        strange.push(result);
    }
    for told in validated("result", &strange).await {
        assert_ne!(told, "ok");
    }
    progress_is_valid(&mut system).await;
    events_of_the_ledger_are_valid(&system).await;
}

async fn events_of_the_ledger_are_valid(system: &System) {
    let events = ledger_of(system).await;
    let events = events
        .iter()
        .map(|event| serde_json::to_value(event).unwrap());
    let events: Vec<Value> = events.collect();
    for said in ["status", "parked", "hits", "province", "submitter"] {
        assert!(events.iter().any(|event| !event[said].is_null()), "{said}");
    }
    all_valid("ledger", &events).await;
    let mut strange = Vec::new();
    for (pointer, value) in [
        ("/schema", json!("invoice.ledger/2")),
        ("/ending", json!("lost")),
        ("/at", json!("yesterday")),
        ("/turn", json!("1")),
    ] {
        let mut event = events[0].clone();
        *event.pointer_mut(pointer).unwrap() = value;
        strange.push(event);
    }
    for told in validated("ledger", &strange).await {
        assert_ne!(told, "ok");
    }
}

async fn progress_is_valid(system: &mut System) {
    let key = system.sample("03-zhejiang-outpatient").await;
    let body = json!({ "job_id": "parked", "image": { "key": key }, "progress": true });
    system
        .submit(&system.message("parked", body.to_string()))
        .await;
    let progress = system.result().await;
    assert_eq!(progress["schema"], "invoice.progress/1", "{progress}");
    all_valid("progress", &[progress]).await;
}

/// The bodies that the fuzz targets begin with.
#[tokio::test]
async fn what_a_worker_takes_as_a_job_is_valid_and_what_has_another_shape_is_not() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/job");
    let mut taken = Vec::new();
    for entry in fs::read_dir(corpus).unwrap() {
        let body = fs::read(entry.unwrap().path()).unwrap();
        if Job::parse(&body, Some("m")).is_ok() {
            taken.push(serde_json::from_slice(&body).unwrap());
        }
    }
    let key = json!({ "key": "a" });
    taken.extend([
        json!({ "image": key, "job_id": "", "schema": null, "metadata": null }),
        json!({ "image": { "key": "a", "page": 2, "bucket": "b", "version_id": "v" } }),
        json!({ "image": key, "expect": { "hospitals": ["h"], "total_at_most": 7, "from": "2026-01-01" } }),
        json!({ "image": key, "something": "else" }),
    ]);
    for job in &taken {
        assert!(
            Job::parse(job.to_string().as_bytes(), Some("m")).is_ok(),
            "{job}"
        );
    }
    assert!(taken.len() > 6, "{}", taken.len());
    all_valid("job", &taken).await;

    let refused = [
        json!({}),
        json!([]),
        json!({ "image": {} }),
        json!({ "image": "a" }),
        json!({ "image": key, "job_id": 7 }),
        json!({ "image": key, "job_id": "a".repeat(201) }),
        json!({ "image": key, "verify": "yes" }),
        json!({ "image": { "key": "a", "page": 0 } }),
        json!({ "image": key, "metadata": [1] }),
        json!({ "image": key, "schema": "invoice.job/2" }),
        json!({ "image": key, "expect": { "hospitals": "h" } }),
    ];
    for job in &refused {
        assert!(
            Job::parse(job.to_string().as_bytes(), Some("m")).is_err(),
            "{job}"
        );
    }
    for (told, job) in validated("job", &refused).await.iter().zip(&refused) {
        assert_ne!(told, "ok", "{job}");
    }
}

#[tokio::test]
async fn the_schema_of_the_configuration_knows_every_key_and_refuses_what_the_worker_refuses() {
    let shipped: toml::Table = include_str!("../../config/invoice-worker.toml")
        .parse()
        .unwrap();
    let shipped = serde_json::to_value(shipped).unwrap();
    all_valid("config", std::slice::from_ref(&shipped)).await;
    let budgets = json!({ "budget": [{ "amount": 200 }, { "account": "recognition", "per": "month", "amount": "500 CNY" }] });
    all_valid("config", &[budgets]).await;
    let schema: Value = serde_json::from_str(&printed("config").await).unwrap();
    for (section, keys) in shipped.as_object().unwrap() {
        for (key, default) in keys.as_object().unwrap() {
            let known = &schema["properties"][section]["properties"][key];
            // What an editor shows when it completes the key.
            assert_eq!(&known["default"], default, "{section}.{key}");
        }
    }
    let described = schema.to_string().matches("\"description\"").count();
    assert!(described > 30, "{described}");
    let refused = [
        json!({ "storeage": {} }),
        json!({ "storage": { "bukket": "x" } }),
        json!({ "storage": { "path_style": "yes" } }),
        json!({ "worker": { "image_memory": 512 } }),
        json!({ "worker": { "image_memory": "much" } }),
        json!({ "recognition": { "auth": "none" } }),
        json!({ "broker": { "urls": "amqp://" } }),
        json!({ "recognition": { "sign_payload": "maybe" } }),
        json!({ "budget": { "amount": 1 } }),
        json!({ "budget": [{ "per": "day" }] }),
        json!({ "budget": [{ "amount": 0 }] }),
        json!({ "budget": [{ "amount": "5 yuan" }] }),
        json!({ "budget": [{ "amount": 1, "per": "year" }] }),
    ];
    for (told, config) in validated("config", &refused).await.iter().zip(&refused) {
        assert_ne!(told, "ok", "{config}");
    }
}

#[tokio::test]
async fn the_asyncapi_document_passes_its_own_parser() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed = root.join("target/test-node");
    assert!(
        installed.join("node_modules/@asyncapi/parser").exists(),
        "AsyncAPI's parser is missing: tests/run installs it into target/test-node"
    );
    // A module is looked for beside the file that imports it.
    let script = installed.join(format!("asyncapi-{}.mjs", std::process::id()));
    fs::copy(root.join("tests/data/clients/asyncapi.mjs"), &script).unwrap();
    let mut parser = Command::new("node");
    parser.arg(&script);
    let document = printed("asyncapi").await;
    let (is_content, told) = fed(&mut parser, &document).await;
    assert!(is_content, "{told}");
    assert!(
        told.ends_with("3.0.0 keepFailedJob leaveResult recordTurn takeJob\n"),
        "{told}"
    );
    let (is_content, told) = fed(&mut parser, &document.replace("receive", "eat")).await;
    assert!(!is_content, "{told}");
    fs::remove_file(script).unwrap();
}
