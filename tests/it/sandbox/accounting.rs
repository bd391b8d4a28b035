//! The rate, the latency, and what the ledger counts.

use invoice_worker::dev::sandbox::{Fault, SandboxScenario};
use invoice_worker::dev::sandbox::{SandboxRecognition, SandboxVerification};
use invoice_worker::domain::failure::{Billed, Stage};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::caller::{
    base64_form, client, document, file, recognise, recognise_sample, sample, sandbox, start,
    verify, verify_sample,
};

const NAME: &str = "03-zhejiang-outpatient";

#[tokio::test]
async fn no_second_holds_more_answers_than_the_account_allows() {
    let scenario = SandboxScenario {
        recognition: SandboxRecognition {
            rate_per_second: 5,
            ..SandboxRecognition::default()
        },
        verification: SandboxVerification {
            rate_per_second: 5,
            ..SandboxVerification::default()
        },
        ..SandboxScenario::default()
    };
    let sandbox = Arc::new(start(scenario).await);
    let started = Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..15 {
        let sandbox = sandbox.clone();
        asking.spawn(async move {
            (
                recognise_sample(&sandbox, NAME).await,
                verify_sample(&sandbox, NAME).await,
            )
        });
    }
    for ((recognition, recognised), (verification, verified)) in asking.join_all().await {
        assert!(
            recognition == 200 || (recognition == 429 && recognised["error_code"] == "APIG.0308"),
            "{recognition} {recognised}"
        );
        assert!(
            verification == 200
                || (verification == 403 && verified["status"] == "RATE_LIMIT_EXCEEDED"),
            "{verification} {verified}"
        );
    }
    for (stage, success) in [(Stage::Recognition, "200"), (Stage::Verification, "OK")] {
        let calls = sandbox.calls().of(stage);
        let admitted: Vec<_> = calls.iter().filter(|call| call.answer == success).collect();
        let most = 5 * (started.elapsed().as_secs() + 1);
        assert!(
            (5..=most).contains(&(admitted.len() as u64)),
            "{} of at most {most}",
            admitted.len()
        );
        assert_eq!(calls.len(), 15);
        assert!(
            calls
                .iter()
                .all(|call| (call.answer == success) == (call.billed == Billed::Yes))
        );
    }
}

#[tokio::test]
async fn every_call_is_in_the_ledger_with_its_number_and_its_price() {
    let faults = vec![
        Fault::new(Stage::Verification, "316")
            .sample(NAME)
            .calls([1]),
    ];
    let sandbox = sandbox(faults).await;
    recognise_sample(&sandbox, NAME).await;
    verify_sample(&sandbox, NAME).await;
    verify_sample(&sandbox, NAME).await;
    verify_sample(&sandbox, "01-beijing-outpatient").await;
    let calls = sandbox.calls();
    let about: Vec<_> = calls
        .about(Stage::Verification, NAME)
        .into_iter()
        .map(|call| (call.nth, call.answer, call.billed))
        .collect();
    assert_eq!(
        about,
        [
            (1, "316".to_owned(), Billed::Yes),
            (2, "OK".to_owned(), Billed::Yes)
        ]
    );
    assert_eq!(
        (
            calls.count(Stage::Recognition).billed,
            calls.count(Stage::Verification).billed
        ),
        (1, 3)
    );
    assert!(calls.all().is_sorted_by_key(|call| call.at));
}

#[tokio::test]
async fn the_ledger_can_be_read_and_reset_over_http() {
    let faults = vec![Fault::new(Stage::Verification, "316").calls([1])];
    let sandbox = sandbox(faults).await;
    let ledger = format!("{}/sandbox/calls", sandbox.s3_url());
    for _ in 0..2 {
        assert_eq!(verify_sample(&sandbox, NAME).await.1["error_code"], 316);
        let (_, document) = document(client().get(&ledger).send().await.unwrap()).await;
        assert_eq!(
            (
                &document["verification"]["calls"],
                &document["calls"][0]["subject"]
            ),
            (&1.into(), &NAME.into())
        );
        assert_eq!(
            (
                &document["calls"][0]["answer"],
                &document["calls"][0]["billed"]
            ),
            (&"316".into(), &"yes".into())
        );
        let reset = client()
            .post(format!("{}/sandbox/reset", sandbox.s3_url()))
            .send()
            .await
            .unwrap();
        assert_eq!(reset.status(), 204);
        assert!(sandbox.calls().all().is_empty());
    }
}

#[tokio::test]
async fn answers_take_their_latency_and_run_beside_each_other() {
    let scenario = SandboxScenario {
        recognition: SandboxRecognition {
            rate_per_second: 0,
            latency: Duration::from_millis(300),
            ..SandboxRecognition::default()
        },
        ..SandboxScenario::default()
    };
    let sandbox = Arc::new(start(scenario).await);
    recognise_sample(&sandbox, NAME).await;
    let mut asking = JoinSet::new();
    for _ in 0..4 {
        let sandbox = sandbox.clone();
        asking.spawn(async move { recognise_sample(&sandbox, NAME).await });
    }
    asking.join_all().await;
    assert!(
        sandbox
            .calls()
            .all()
            .iter()
            .all(|call| call.took >= Duration::from_millis(300))
    );
    assert!(sandbox.calls().count(Stage::Recognition).most_in_flight > 1);
}

#[tokio::test]
async fn pictures_of_one_bill_are_counted_apart_where_the_scenario_says_so() {
    let faults = vec![Fault::new(Stage::Verification, "INTERNAL_ERROR").calls([1])];
    let sandbox = start(SandboxScenario {
        pictures_apart: true,
        faults,
        ..SandboxScenario::default()
    })
    .await;
    let picture = sample(NAME).bytes.to_vec();
    let another = [sample(NAME).bytes, b"another file of the same bill"].concat();
    for bytes in [picture, another.clone()] {
        for expected in ["INTERNAL_ERROR", "OK"] {
            assert_eq!(
                verify(&sandbox, file(bytes.clone())).await.1["status"],
                expected
            );
        }
    }
    let name = hex::encode(Sha256::digest(&another));
    assert_eq!(sandbox.calls().about(Stage::Verification, &name).len(), 2);
}

#[tokio::test]
async fn each_picture_shows_a_bill_of_its_own_where_the_scenario_says_so() {
    let sandbox = start(SandboxScenario {
        bills_apart: true,
        ..SandboxScenario::default()
    })
    .await;
    let picture = sample(NAME).bytes.to_vec();
    let another = [sample(NAME).bytes, b"another file of the same bill"].concat();
    let mut numbers = Vec::new();
    for bytes in [picture.clone(), another, picture] {
        let recognised = recognise(&sandbox, base64_form(&bytes)).await.1;
        let verified = verify(&sandbox, file(bytes)).await.1;
        let number = &recognised["data"]["InvoiceNum"];
        assert_eq!(
            number,
            &verified["data"]["invoice_standard_result"]["note_no"]
        );
        numbers.push(number.to_string());
    }
    assert_eq!(numbers[0], numbers[2]);
    assert_ne!(numbers[0], numbers[1]);
}
