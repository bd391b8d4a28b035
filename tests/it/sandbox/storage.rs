//! The S3 server, by the AWS SDK itself.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use invoice_worker::dev::sandbox::Sandbox;
use std::time::{Duration, SystemTime};

use super::caller::{client as http, sandbox};

pub(super) const BUCKET: &str = "claims";

fn client_with(sandbox: &Sandbox, access_key_id: &str, secret_access_key: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(sandbox.s3_url())
        .force_path_style(true)
        .credentials_provider(Credentials::new(
            access_key_id,
            secret_access_key,
            None,
            None,
            "test",
        ))
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    Client::from_conf(config.build())
}

pub(super) fn client(sandbox: &Sandbox) -> Client {
    let credentials = sandbox.credentials();
    client_with(
        sandbox,
        &credentials.access_key_id,
        &credentials.secret_access_key,
    )
}

pub(super) async fn presigned(sandbox: &Sandbox, bucket: &str, key: &str) -> String {
    let expires = PresigningConfig::expires_in(Duration::from_mins(1)).unwrap();
    client(sandbox)
        .get_object()
        .bucket(bucket)
        .key(key)
        .presigned(expires)
        .await
        .unwrap()
        .uri()
        .to_owned()
}

/// S3's code, or `-` where an answer came without one.
pub(super) fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> &str {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .unwrap_or("-")
}

async fn store() -> (Sandbox, Client) {
    let sandbox = sandbox(vec![]).await;
    sandbox.create_bucket(BUCKET).await.unwrap();
    let client = client(&sandbox);
    (sandbox, client)
}

pub(super) async fn read(client: &Client, key: &str) -> Vec<u8> {
    client
        .get_object()
        .bucket(BUCKET)
        .key(key)
        .send()
        .await
        .unwrap()
        .body
        .collect()
        .await
        .unwrap()
        .to_vec()
}

#[tokio::test]
async fn an_object_is_read_back_with_its_length_tag_and_type() {
    let (_sandbox, client) = store().await;
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key("a/b.txt")
        .content_type("text/plain");
    let put = put
        .body(ByteStream::from_static(b"hello"))
        .send()
        .await
        .unwrap();
    let md5_of_hello = "\"5d41402abc4b2a76b9719d911017c592\"";
    assert_eq!(put.e_tag(), Some(md5_of_hello));
    let head = client
        .head_object()
        .bucket(BUCKET)
        .key("a/b.txt")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (head.content_length(), head.e_tag(), head.version_id()),
        (Some(5), Some(md5_of_hello), put.version_id())
    );
    let got = client
        .get_object()
        .bucket(BUCKET)
        .key("a/b.txt")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (got.content_type(), got.e_tag(), got.version_id()),
        (Some("text/plain"), Some(md5_of_hello), put.version_id())
    );
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"hello");
}

#[tokio::test]
async fn a_range_is_answered_with_just_that() {
    let (sandbox, client) = store().await;
    sandbox.put(BUCKET, "a", "0123456789").await.unwrap();
    let part = client
        .get_object()
        .bucket(BUCKET)
        .key("a")
        .range("bytes=2-4")
        .send()
        .await
        .unwrap();
    assert_eq!(part.content_range(), Some("bytes 2-4/10"));
    assert_eq!(part.body.collect().await.unwrap().to_vec(), b"234");
}

#[tokio::test]
async fn every_version_stays_and_an_unknown_one_is_an_error() {
    let (sandbox, client) = store().await;
    let first = sandbox.put(BUCKET, "a", "first").await.unwrap();
    let second = sandbox.put(BUCKET, "a", "second").await.unwrap();
    let version = |id: &str| {
        client
            .get_object()
            .bucket(BUCKET)
            .key("a")
            .version_id(id)
            .send()
    };
    for (id, content) in [(&first, "first"), (&second, "second")] {
        let got = version(id).await.unwrap();
        assert_eq!(got.version_id(), Some(id.as_str()));
        assert_eq!(
            got.body.collect().await.unwrap().to_vec(),
            content.as_bytes()
        );
    }
    assert_eq!(read(&client, "a").await, b"second");
    assert_eq!(
        code(&version("sandbox.99").await.unwrap_err()),
        "NoSuchVersion"
    );
    client
        .delete_object()
        .bucket(BUCKET)
        .key("a")
        .send()
        .await
        .unwrap();
    assert_eq!(
        code(
            &client
                .get_object()
                .bucket(BUCKET)
                .key("a")
                .send()
                .await
                .unwrap_err()
        ),
        "NoSuchKey"
    );
    assert_eq!(
        version(&first)
            .await
            .unwrap()
            .body
            .collect()
            .await
            .unwrap()
            .to_vec(),
        b"first"
    );
}

#[tokio::test]
async fn of_fifty_conditional_writes_of_the_same_key_exactly_one_succeeds() {
    let (_sandbox, client) = store().await;
    let writers: Vec<_> = (0..50)
        .map(|number: u32| {
            let put = client
                .put_object()
                .bucket(BUCKET)
                .key("once")
                .if_none_match("*");
            tokio::spawn(
                put.body(ByteStream::from(number.to_string().into_bytes()))
                    .send(),
            )
        })
        .collect();
    let mut won = Vec::new();
    for (number, writer) in writers.into_iter().enumerate() {
        match writer.await.unwrap() {
            Ok(_) => won.push(number),
            Err(error) => {
                assert_eq!(code(&error), "PreconditionFailed");
                assert_eq!(error.raw_response().unwrap().status().as_u16(), 412);
            }
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(read(&client, "once").await, won[0].to_string().into_bytes());
}

#[tokio::test]
async fn a_presigned_url_is_valid_until_it_expires_for_its_object_and_a_known_signer() {
    let (sandbox, client) = store().await;
    sandbox.put(BUCKET, "a", "hello").await.unwrap();
    sandbox.put(BUCKET, "b", "not for you").await.unwrap();
    let signed = async |client: &Client, age: Duration| {
        let config = PresigningConfig::builder()
            .start_time(SystemTime::now() - age)
            .expires_in(Duration::from_mins(1))
            .build()
            .unwrap();
        client
            .get_object()
            .bucket(BUCKET)
            .key("a")
            .presigned(config)
            .await
            .unwrap()
            .uri()
            .to_owned()
    };
    let good = signed(&client, Duration::ZERO).await;
    let stranger = client_with(&sandbox, "sandbox", "not-the-secret");
    for (address, expected) in [
        (good.clone(), 200),
        (good.replace("/a?", "/b?"), 403),
        (good.replace("X-Amz-Expires=60", "X-Amz-Expires=600"), 403),
        (good.split('?').next().unwrap().to_owned(), 403),
        (signed(&client, Duration::from_mins(2)).await, 403),
        (signed(&stranger, Duration::ZERO).await, 403),
    ] {
        assert_eq!(
            http().get(&address).send().await.unwrap().status(),
            expected,
            "{address}"
        );
    }
}

#[tokio::test]
async fn a_download_can_insist_on_a_tag() {
    let (sandbox, client) = store().await;
    sandbox.put(BUCKET, "a", "hello").await.unwrap();
    let get = |tag: &str| {
        client
            .get_object()
            .bucket(BUCKET)
            .key("a")
            .if_match(tag)
            .send()
    };
    assert!(get("\"5d41402abc4b2a76b9719d911017c592\"").await.is_ok());
    assert_eq!(
        code(
            &get("\"00000000000000000000000000000000\"")
                .await
                .unwrap_err()
        ),
        "PreconditionFailed"
    );
}

#[tokio::test]
async fn a_missing_object_and_an_impossible_request_have_their_codes() {
    let (_sandbox, client) = store().await;
    let get = |bucket: &str, key: &str| client.get_object().bucket(bucket).key(key).send();
    assert_eq!(code(&get(BUCKET, "none").await.unwrap_err()), "NoSuchKey");
    assert_eq!(
        code(&get("nowhere", "none").await.unwrap_err()),
        "NoSuchBucket"
    );
    assert_eq!(
        code(&get(BUCKET, "a/../../etc/passwd").await.unwrap_err()),
        "InvalidArgument"
    );
    assert_eq!(
        code(&get(BUCKET, &"k".repeat(400)).await.unwrap_err()),
        "KeyTooLongError"
    );
    let missing = client
        .head_object()
        .bucket(BUCKET)
        .key("none")
        .send()
        .await
        .unwrap_err();
    assert_eq!(missing.raw_response().unwrap().status().as_u16(), 404);
    assert_eq!(
        code(
            &client
                .list_objects_v2()
                .bucket("nowhere")
                .send()
                .await
                .unwrap_err()
        ),
        "NoSuchBucket"
    );
    assert!(client.head_bucket().bucket("nowhere").send().await.is_err());
}

#[tokio::test]
async fn a_folder_is_no_object() {
    let (sandbox, client) = store().await;
    sandbox.put(BUCKET, "folder/a", "x").await.unwrap();
    assert_eq!(
        code(
            &client
                .get_object()
                .bucket(BUCKET)
                .key("folder")
                .send()
                .await
                .unwrap_err()
        ),
        "NoSuchKey"
    );
}

#[tokio::test]
async fn strangers_are_kept_out() {
    let (sandbox, _client) = store().await;
    let get = |id: &str, secret: &str| {
        client_with(&sandbox, id, secret)
            .get_object()
            .bucket(BUCKET)
            .key("a")
            .send()
    };
    assert_eq!(
        code(&get("sandbox", "wrong").await.unwrap_err()),
        "SignatureDoesNotMatch"
    );
    assert_eq!(
        code(&get("stranger", "wrong").await.unwrap_err()),
        "InvalidAccessKeyId"
    );
    let anonymous = http()
        .get(format!("{}/claims/a", sandbox.s3_url()))
        .send()
        .await
        .unwrap();
    assert_eq!(anonymous.status(), 403);
    assert!(
        anonymous
            .text()
            .await
            .unwrap()
            .contains("<Code>AccessDenied</Code>")
    );
}

#[tokio::test]
async fn buckets_and_objects_are_listed() {
    let (sandbox, client) = store().await;
    client
        .create_bucket()
        .bucket("another")
        .send()
        .await
        .unwrap();
    let buckets = client.list_buckets().send().await.unwrap();
    let mut names: Vec<_> = buckets
        .buckets()
        .iter()
        .filter_map(aws_sdk_s3::types::Bucket::name)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["another", BUCKET]);
    for key in ["checkpoints/1", "checkpoints/2", "samples/a"] {
        sandbox.put(BUCKET, key, "x").await.unwrap();
    }
    let listed = client
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix("checkpoints/")
        .send()
        .await
        .unwrap();
    let keys: Vec<_> = listed
        .contents()
        .iter()
        .filter_map(aws_sdk_s3::types::Object::key)
        .collect();
    assert_eq!(keys, ["checkpoints/1", "checkpoints/2"]);
}

#[tokio::test]
async fn objects_survive_in_a_folder_that_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let options = || invoice_worker::dev::sandbox::SandboxOptions {
        data_dir: Some(folder.path().to_owned()),
        ..Default::default()
    };
    let first = Sandbox::start(options()).await.unwrap();
    first.put(BUCKET, "a", "kept").await.unwrap();
    first.shutdown().await;
    let second = Sandbox::start(options()).await.unwrap();
    assert_eq!(read(&client(&second), "a").await, b"kept");
}
