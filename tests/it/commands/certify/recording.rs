//! The recording: nothing personal is in it, and the sandbox answers from it.

use super::{Certified, certify, deviating, names};
use crate::harness::program::{ConfigFile, NONE, command, output};
use crate::harness::system::{On, Setup};
use invoice_worker::certify::CallRecording;
use invoice_worker::dev::sandbox::{Deviation, samples};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

/// Every text of the sample that says something about a bill or a person.
fn texts_of(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, found)),
        Value::Object(fields) => {
            let is_name =
                |(name, value): &(&String, &Value)| !(*name == "name" && value.is_string());
            let said = fields.iter().filter(is_name);
            said.for_each(|(_, value)| texts_of(value, found));
        }
        Value::Null | Value::Bool(_) => {}
    }
}

#[tokio::test]
async fn the_recording_has_nothing_of_the_bills_nor_of_the_credentials() {
    let (system, file) = deviating(&[], "").await;
    let images: Vec<_> = samples::all()
        .iter()
        // A BMP, and a photo with an EXIF orientation, are not sent as they stand.
        .filter(|sample| !sample.file.ends_with("bmp") && !sample.file.contains("photo"))
        .collect();
    let mut arguments = vec!["--spend".to_owned(), "40".to_owned()];
    for image in &images {
        let path = file.file(image.file);
        std::fs::write(&path, image.bytes).unwrap();
        arguments.push(path.display().to_string());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Certified {
        told, recording, ..
    } = certify(&file, &arguments).await;
    let recorded = std::fs::read_to_string(recording).unwrap();
    assert!(told["calls"].as_array().unwrap().len() > 2 * images.len());
    let mut texts = Vec::new();
    for image in &images {
        let answers: Value = serde_json::from_str(image.answers_json).unwrap();
        texts_of(&answers, &mut texts);
        assert!(!recorded.contains(image.name));
    }
    let credentials = system.sandbox.credentials();
    texts.extend([
        credentials.app_key,
        credentials.app_secret,
        credentials.app_code,
        credentials.api_id,
        credentials.api_secret,
        system.config.recognition.url.clone(),
    ]);
    let findings = told["findings"].as_array().unwrap();
    let seen: Vec<&str> = findings
        .iter()
        .filter_map(|found| found["seen"].as_str())
        .collect();
    let (seen, mut looked_for) = (seen.join("\n"), 0);
    for text in &texts {
        let is_telling = text.chars().count() > 2
            && !text.chars().all(|character| "01.,-".contains(character))
            && !["已打印", "已入账", "已作废", "已开红票", "false", "true"]
                .contains(&text.as_str());
        if is_telling {
            looked_for += 1;
            for output in [&recorded, &seen] {
                // A short number may be part of a duration or of a length.
                let quoted = format!("\"{text}\"");
                let long = text.chars().count() > 6 && output.contains(text.as_str());
                assert!(!long && !output.contains(&quoted), "{text}");
            }
        }
    }
    assert!(looked_for > 500, "{looked_for}");
    assert!(!recorded.contains('男') && !recorded.contains('女'));
}

#[tokio::test]
async fn the_sandbox_replays_it_and_a_worker_works_against_that() {
    let (system, file) = deviating(&[Deviation::AmountSpelling, Deviation::QrAsBoolean], "").await;
    let Certified { recording, .. } = certify(&file, &[]).await;
    drop(system);
    let recorded = recording.display().to_string();
    let arguments = ["sandbox", "--listen", "127.0.0.1:0", "--replay", &recorded];
    let mut sandbox = command(&arguments, &NONE).spawn().unwrap();
    let mut lines = BufReader::new(sandbox.stdout.take().unwrap()).lines();
    let mut printed = String::new();
    while !printed.contains("api_secret") {
        let line = lines
            .next_line()
            .await
            .unwrap()
            .expect("the whole introduction");
        printed.push_str(&line);
        printed.push('\n');
    }
    let replaying = ConfigFile::with(&printed);
    let image = "s3://claims/samples/01-beijing-outpatient.jpg";
    let path = replaying.path();
    let processed = output(&["process", "-c", &path, "--json", image], &NONE).await;
    assert_eq!(processed.code, Some(0), "{processed:?}");
    let result: Value = serde_json::from_str(&processed.stdout).unwrap();
    assert_eq!(result["status"], "completed", "{result:#}");
    assert_eq!(result["verdict"], "genuine", "{result:#}");
    let invoice = &result["recognition"]["invoice"];
    assert_eq!(invoice["billing_date"], "1111-11-11", "{invoice:#}");
    assert!(invoice["total_cost"].is_string(), "{invoice:#}");

    // It deviates as what was recorded did.
    let again = certify(&replaying, &[]).await;
    assert_eq!(
        names(&again.told, "differs"),
        ["recognition.amount_spelling", "verification.qr_result"],
        "{:#}",
        again.told
    );
}

#[tokio::test]
async fn a_worker_answers_a_job_from_what_was_recorded() {
    let (system, file) = deviating(&[], "").await;
    let Certified { recording, .. } = certify(&file, &["--spend", "2"]).await;
    drop(system);
    let recorded = std::fs::read_to_string(recording).unwrap();
    let mut setup = Setup::new(On::Memory).await;
    setup.scenario.replay = Some(CallRecording::parse(&recorded).unwrap());
    let mut system = setup.start().await;
    let key = system.sample("02-henan-inpatient").await;
    system.submit(&system.job("replayed", &key)).await;
    let result = system.result().await;
    assert_eq!(
        (&result["status"], &result["verdict"]),
        (&json!("completed"), &json!("genuine"))
    );
    assert_eq!(
        result["recognition"]["invoice"]["note_no"], "1111111111",
        "{result:#}"
    );
    assert_eq!(
        result["verification"]["invoice"]["billing_date"], "1111-11-11",
        "{result:#}"
    );
    let flags = result["flags"].as_array().unwrap();
    assert!(flags.contains(&json!("posted")), "{result:#}");
    system.drain().await;
}
