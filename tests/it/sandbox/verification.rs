//! Verification.

use image::ImageFormat;
use invoice_worker::dev::sandbox::{Fault, SandboxScenario, samples};
use invoice_worker::domain::failure::Stage;
use reqwest::multipart::Form;

use super::caller::{
    answers, blank, client, document, file, recognise_sample, sample, sandbox, start, verify,
    verify_sample,
};

const NAME: &str = "01-beijing-outpatient";

#[tokio::test]
async fn every_sample_that_is_no_bmp_is_verified_and_its_data_comes_as_written() {
    let sandbox = sandbox(vec![]).await;
    for sample in samples::all()
        .iter()
        .filter(|sample| !sample.file.ends_with("bmp"))
    {
        let (status, answer) = verify(&sandbox, file(sample.bytes)).await;
        assert_eq!(
            (status, &answer["status"], &answer["qrcode_scan_result"]),
            (200, &"OK".into(), &1.into()),
            "{}",
            sample.name
        );
        assert_eq!(
            answer["data"],
            answers(sample)["verification"],
            "{}",
            sample.name
        );
    }
}

#[tokio::test]
async fn amounts_travel_as_they_were_written_down() {
    let sandbox = sandbox(vec![]).await;
    let written = sample("02-henan-inpatient").answers_json;
    assert!(written.contains("7562.29"));
    assert_eq!(
        verify_sample(&sandbox, "02-henan-inpatient").await.1["data"]["invoice_standard_result"]["total_cost"].to_string(),
        "7562.29"
    );
}

#[tokio::test]
async fn wrong_credentials_and_wrong_paths_are_refused() {
    let sandbox = sandbox(vec![]).await;
    let bare = client()
        .post(sandbox.verification_url())
        .multipart(file(sample(NAME).bytes));
    let (status, answer) = document(bare.send().await.unwrap()).await;
    assert_eq!(
        (status, answer["status"].as_str()),
        (401, Some("UNAUTHORIZED"))
    );
    let other = client().post(format!("{}/ocr/medical/other", sandbox.s3_url()));
    let (status, answer) = document(other.send().await.unwrap()).await;
    assert_eq!(
        (status, answer["status"].as_str()),
        (404, Some("NOT_FOUND"))
    );
}

#[tokio::test]
async fn a_request_that_the_document_rules_out_is_an_invalid_argument() {
    let sandbox = sandbox(vec![]).await;
    let table = [
        ("nothing", Form::new().text("auto_rotate", "true")),
        (
            "both",
            file(sample(NAME).bytes).text("url", "http://127.0.0.1/"),
        ),
        ("a bmp", file(sample("10-henan-outpatient-scan").bytes)),
        ("a side of 128", file(blank(128, 400, ImageFormat::Png))),
        ("a side of 6001", file(blank(6001, 200, ImageFormat::Png))),
        ("more than 5 MB", file(vec![0_u8; 5_000_001])),
        ("no picture", file(b"%PDF-1.7".as_slice())),
        (
            "no boolean",
            file(sample(NAME).bytes).text("auto_rotate", "perhaps"),
        ),
    ];
    for (what, form) in table {
        let (status, answer) = verify(&sandbox, form).await;
        assert_eq!(
            (status, answer["status"].as_str()),
            (400, Some("INVALID_ARGUMENT")),
            "{what}: {answer}"
        );
        assert!(answer["reason"].is_string());
    }
}

#[tokio::test]
async fn a_picture_without_a_bill_fails_detection() {
    let sandbox = sandbox(vec![]).await;
    let (status, answer) = verify(&sandbox, file(blank(300, 300, ImageFormat::Png))).await;
    assert_eq!(
        (status, answer["status"].as_str()),
        (400, Some("DETETION_FAILED"))
    );
}

#[tokio::test]
async fn a_picture_can_be_given_by_its_address_unless_it_is_not_there() {
    let sandbox = sandbox(vec![]).await;
    sandbox
        .put("claims", "病历/a.jpg", sample(NAME).bytes)
        .await
        .unwrap();
    let address = super::storage::presigned(&sandbox, "claims", "病历/a.jpg").await;
    assert_eq!(
        verify(&sandbox, Form::new().text("url", address)).await.1["status"],
        "OK"
    );
    let (status, answer) = verify(
        &sandbox,
        Form::new().text("url", format!("{}/claims/a.jpg", sandbox.s3_url())),
    )
    .await;
    assert_eq!(
        (status, answer["status"].as_str()),
        (400, Some("DOWNLOAD_ERROR"))
    );
}

#[tokio::test]
async fn every_documented_error_code_can_be_had_with_its_reason() {
    let codes = (300..=321).chain([100, 198, 325]).zip(1_u32..);
    let faults = codes
        .clone()
        .map(|(code, nth)| Fault::new(Stage::Verification, &code.to_string()).calls([nth]))
        .collect();
    let sandbox = sandbox(faults).await;
    let document = include_str!("../../data/providers/verification-codes.txt");
    for (code, _) in codes {
        let (status, answer) = verify_sample(&sandbox, NAME).await;
        assert_eq!(
            (status, &answer["status"], &answer["error_code"]),
            (200, &"VERIFY_FAILED".into(), &code.into())
        );
        let reason = document
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{code} ")))
            .unwrap();
        assert_eq!(answer["reason"], reason);
        assert_eq!(answer["qrcode_scan_result"], 1);
    }
    assert_eq!(verify_sample(&sandbox, NAME).await.1["status"], "OK");
}

#[tokio::test]
async fn every_documented_status_can_be_had_with_its_http_status() {
    let statuses = [
        ("INVALID_ARGUMENT", 400),
        ("DETETION_FAILED", 400),
        ("DOWNLOAD_ERROR", 400),
        ("UNAUTHORIZED", 401),
        ("KEY_EXPIRED", 401),
        ("NO_PERMISSION", 403),
        ("OUT_OF_QUOTA", 403),
        ("RATE_LIMIT_EXCEEDED", 403),
        ("NOT_FOUND", 404),
        ("INTERNAL_ERROR", 500),
    ];
    let faults = statuses.iter().zip(1_u32..);
    let faults = faults
        .map(|((name, _), nth)| Fault::new(Stage::Verification, name).calls([nth]))
        .collect();
    let sandbox = sandbox(faults).await;
    for (name, http_status) in statuses {
        let (status, answer) = verify_sample(&sandbox, NAME).await;
        assert_eq!(
            (status, answer["status"].as_str()),
            (http_status, Some(name))
        );
        assert!(answer["reason"].is_string() && answer["request_id"].is_string());
    }
}

#[tokio::test]
async fn a_scenario_can_ask_for_the_picture_to_be_turned_and_change_the_details() {
    let text = "[[fault]]\nstage = 'verification'\nanswer = '300'\nauto_rotate = false\nqr = 0\nmessage = 'turn it'\nretry_after = '7s'";
    let sandbox = start(SandboxScenario::parse(text, "test").unwrap()).await;
    let (_, answer) = verify_sample(&sandbox, NAME).await;
    assert_eq!(
        (&answer["qrcode_scan_result"], &answer["reason"]),
        (&0.into(), &"turn it".into())
    );
    let turned = verify(
        &sandbox,
        file(sample(NAME).bytes).text("auto_rotate", "true"),
    )
    .await;
    assert_eq!(turned.1["status"], "OK");
}

#[tokio::test]
async fn the_words_of_policy_scenarios_are_played_here_too() {
    let text = "[[fault]]\nstage = 'verification'\ncode = '317'\ntimes = 1\n\
                [[fault]]\nstage = 'verification'\ncode = 'OK'\nregistry = 'voided'\nfrom = '0s'\n\
                [[fault]]\nstage = 'recognition'\ncode = '200'\nnothing_read = true\n";
    let sandbox = start(SandboxScenario::parse(text, "test").unwrap()).await;
    assert_eq!(verify_sample(&sandbox, NAME).await.1["error_code"], 317);
    let (_, voided) = verify_sample(&sandbox, NAME).await;
    let standard = &voided["data"]["invoice_standard_result"];
    assert_eq!(
        (&voided["status"], &standard["img_status"][0]["yizuofei"]),
        (&"OK".into(), &"是".into())
    );
    assert_eq!(
        standard["note_no"],
        answers(sample(NAME))["verification"]["invoice_standard_result"]["note_no"]
    );
    let (_, blank) = recognise_sample(&sandbox, NAME).await;
    assert_eq!(
        (&blank["code"], &blank["data"]["InvoiceNum"]),
        (&200.into(), &"".into())
    );
}
