//! Faults of the S3 server, as a scenario writes them.

use super::caller::{sample, sandbox, start};
use super::storage::{BUCKET, client, code, read};
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::ByteStream;
use invoice_worker::dev::sandbox::{Fault, SandboxScenario};
use invoice_worker::domain::failure::Stage;

#[tokio::test]
async fn faults_of_the_store_are_scripted_by_key_and_by_operation() {
    let text = "
        [[fault]]
        stage = 'storage'
        answer = 'SlowDown'
        key = 'samples/*'
        calls = [1]
        [[fault]]
        stage = 'storage'
        answer = 'truncated'
        sample = '01-beijing-outpatient'
        calls = [2]
        [[fault]]
        stage = 'storage'
        answer = 'http.500'
        operation = 'put'
        calls = [1]";
    let sandbox = start(SandboxScenario::parse(text, "test").unwrap()).await;
    let (name, key) = ("01-beijing-outpatient", "samples/01-beijing-outpatient.jpg");
    sandbox.put(BUCKET, key, sample(name).bytes).await.unwrap();
    let client = client(&sandbox);
    let refused = client
        .get_object()
        .bucket(BUCKET)
        .key(key)
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        (
            code(&refused),
            refused.raw_response().unwrap().status().as_u16()
        ),
        ("SlowDown", 503)
    );
    let cut = client
        .get_object()
        .bucket(BUCKET)
        .key(key)
        .send()
        .await
        .unwrap();
    assert_eq!(
        cut.content_length(),
        i64::try_from(sample(name).bytes.len()).ok()
    );
    assert!(cut.body.collect().await.is_err());
    assert_eq!(read(&client, key).await, sample(name).bytes);
    let put = || {
        client
            .put_object()
            .bucket(BUCKET)
            .key("x")
            .body(ByteStream::from_static(b"x"))
            .send()
    };
    assert_eq!(
        put()
            .await
            .unwrap_err()
            .raw_response()
            .unwrap()
            .status()
            .as_u16(),
        500
    );
    put().await.unwrap();
    let answers: Vec<String> = sandbox
        .calls()
        .of(Stage::Storage)
        .into_iter()
        .map(|call| call.answer)
        .collect();
    assert_eq!(answers, ["SlowDown", "truncated", "200", "http.500", "200"]);
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_has_been_carried_out() {
    let mut fault = Fault::new(Stage::Storage, "closed").calls([1]);
    fault.concerned.operation = Some("put".to_owned());
    let sandbox = sandbox(vec![fault]).await;
    sandbox.create_bucket(BUCKET).await.unwrap();
    let client = client(&sandbox);
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key("x")
        .body(ByteStream::from_static(b"x"));
    assert!(matches!(
        put.send().await.unwrap_err(),
        SdkError::DispatchFailure(_)
    ));
    assert_eq!(read(&client, "x").await, b"x");
}
