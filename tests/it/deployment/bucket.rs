//! What `deploy/s3` allows: the worker what it needs and no more, and no other principal anything
//! where the checkpoints are.

use crate::harness::access_policy::{AccessRequest, allows};
use crate::harness::guarded_store::GuardedStore;
use crate::harness::program::{ConfigFile, output};
use crate::harness::system::{BUCKET, On, Setup, System};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use invoice_worker::policy::Transfer;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const WORKER: &str = "arn:aws:iam::111122223333:role/invoice-worker";
const SUBMITTER: &str = "arn:aws:iam::111122223333:role/claims";
const OF_WORKER: &str = include_str!("../../../deploy/s3/worker-policy.json");
const OF_SUBMITTER: &str = include_str!("../../../deploy/s3/submitter-policy.json");
const OF_BUCKET: &str = include_str!("../../../deploy/s3/bucket-policy.json");
const CHECKPOINT: &str = "checkpoints/recognition/forged.json";

fn policy(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The policy of a principal that may do all there is.
fn everything() -> Value {
    json!({ "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }] })
}

/// The worker's store is the sandbox's, with these policies before it.
async fn guarded(system: &mut System, policies: &[Value]) -> GuardedStore {
    let behind = system.sandbox.s3_url();
    let store = GuardedStore::start(&behind, WORKER, policies).await;
    store
        .url
        .clone_into(&mut system.config.storage.endpoint_url);
    store
}

/// Each action that the policy allows, with what it is allowed on.
fn allowed(policy: &Value) -> Vec<(String, String)> {
    let mut allowed = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        let resource = statement["Resource"].as_str().unwrap();
        let actions = &statement["Action"];
        let one = std::slice::from_ref(actions);
        for action in actions.as_array().map_or(one, Vec::as_slice) {
            allowed.push((action.as_str().unwrap().to_owned(), resource.to_owned()));
        }
    }
    allowed
}

#[tokio::test]
async fn a_worker_needs_every_right_of_its_policy_and_no_other() {
    let policies = [policy(OF_WORKER), policy(OF_BUCKET)];
    let mut used = BTreeSet::new();
    for transfer in [Transfer::Inline, Transfer::Url] {
        let mut setup = Setup::new(On::Memory).await;
        setup.config.recognition.transfer = transfer;
        setup.config.verification.transfer = transfer;
        let mut system = setup.prepare().await;
        let store = guarded(&mut system, &policies).await;
        system.work().await;
        let key = system.sample("01-beijing-outpatient").await;
        let good = system.job("good", &key);
        assert_eq!(system.ask(&good).await["verdict"], "genuine");
        let missing = system.job("missing", "nothing.jpg");
        assert_eq!(
            system.ask(&missing).await["error"]["code"],
            "image.not_found"
        );
        let picture = invoice_worker::dev::sandbox::samples::named("02-henan-inpatient").unwrap();
        let put = system.sandbox.put(BUCKET, "named.jpg", picture.bytes);
        let image = json!({ "key": "named.jpg", "version_id": put.await.unwrap() });
        let of_a_version = json!({ "job_id": "version", "image": image }).to_string();
        let of_a_version = system.message("version", of_a_version);
        assert_eq!(system.ask(&of_a_version).await["status"], "completed");
        // The worker never tries what it is not allowed.
        assert_eq!(store.asked(false), BTreeSet::new(), "{transfer:?}");
        used.extend(store.asked(true));
    }
    let granted: BTreeSet<String> = allowed(&policies[0])
        .into_iter()
        .map(|(one, _)| one)
        .collect();
    assert_eq!(used, granted, "what is used, and what is granted");
}

#[tokio::test]
async fn each_right_that_is_taken_from_the_worker_is_named_by_check() {
    let whole = policy(OF_WORKER);
    let all = allowed(&whole);
    assert_eq!(all.len(), 4);
    for (taken, resource) in &all {
        let text = OF_WORKER.replace(&format!("\"{taken}\""), "\"s3:GetBucketTagging\"");
        let policies = [policy(&text), policy(OF_BUCKET)];
        let mut setup = Setup::new(On::Memory).await;
        setup.config.recognition.transfer = Transfer::Url;
        let mut system = setup.prepare().await;
        // The bucket has to have an object with a version for the question about versions.
        system.work().await;
        let key = system.sample("01-beijing-outpatient").await;
        let good = system.job("good", &key);
        assert_eq!(system.ask(&good).await["verdict"], "genuine");
        guarded(&mut system, &policies).await;
        let file = ConfigFile::of(&system);
        let checked = output(&["check", "-c", &file.path()], &[]).await;
        assert_eq!(checked.code, Some(1), "{taken}: {checked:?}");
        let told = checked.stdout.replace("\n        ", " ");
        let told = told
            .lines()
            .find(|line| line.starts_with("FAILED") && line.contains(taken));
        let told = told.unwrap_or_else(|| panic!("{taken} is not named: {checked:?}"));
        assert!(
            taken == "s3:GetObjectVersion" || told.contains(resource),
            "{resource}: {told}"
        );
    }
}

#[tokio::test]
async fn a_submitter_puts_images_and_cannot_touch_a_checkpoint() {
    let system = Setup::new(On::Memory).await.prepare().await;
    let behind = system.sandbox.s3_url();
    let with = async |policies: &[Value]| {
        let store = GuardedStore::start(&behind, SUBMITTER, policies).await;
        client(&system, &store.url)
    };
    // Whatever else the account gives to a submitter, the bucket keeps it from the checkpoints.
    for own in [policy(OF_SUBMITTER), everything()] {
        let client = with(&[own, policy(OF_BUCKET)]).await;
        put(&client, "2026/11/a.jpg").await.unwrap();
        assert_eq!(put(&client, CHECKPOINT).await, denied());
        assert_eq!(get(&client, CHECKPOINT).await, denied());
        assert_eq!(delete(&client, CHECKPOINT).await, denied());
    }
    // Without the bucket's policy nothing does: it is what the promise rests on.
    let client = with(&[everything()]).await;
    put(&client, CHECKPOINT).await.unwrap();
    get(&client, CHECKPOINT).await.unwrap();
    delete(&client, CHECKPOINT).await.unwrap();
}

#[test]
fn nothing_travels_unencrypted_and_the_worker_deletes_nothing() {
    let policies = [everything(), policy(OF_BUCKET)];
    let request = AccessRequest {
        principal: WORKER,
        action: "s3:GetObject",
        resource: "arn:aws:s3:::claims/2026/11/a.jpg",
        is_encrypted: true,
    };
    assert!(allows(&policies, request));
    let plain = AccessRequest {
        is_encrypted: false,
        ..request
    };
    assert!(!allows(&policies, plain));
    for action in ["s3:DeleteObject", "s3:DeleteObjectVersion"] {
        assert!(
            !allows(&policies, AccessRequest { action, ..request }),
            "{action}"
        );
    }
}

fn client(system: &System, url: &str) -> Client {
    let storage = &system.config.storage;
    let (id, secret) = (
        storage.access_key_id.expose(),
        storage.secret_access_key.expose(),
    );
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .force_path_style(true)
        .credentials_provider(Credentials::new(id, secret, None, None, "test"));
    Client::from_conf(config.build())
}

fn denied() -> Result<(), String> {
    Err("AccessDenied".to_owned())
}

async fn put(client: &Client, key: &str) -> Result<(), String> {
    let body = ByteStream::from_static(b"bytes");
    let request = client.put_object().bucket(BUCKET).key(key).body(body);
    code(request.send().await)
}

async fn get(client: &Client, key: &str) -> Result<(), String> {
    code(client.get_object().bucket(BUCKET).key(key).send().await)
}

async fn delete(client: &Client, key: &str) -> Result<(), String> {
    code(client.delete_object().bucket(BUCKET).key(key).send().await)
}

fn code<T, E: aws_sdk_s3::error::ProvideErrorMetadata>(
    outcome: Result<T, E>,
) -> Result<(), String> {
    match outcome {
        Ok(_) => Ok(()),
        Err(error) => Err(error.code().unwrap_or("no code").to_owned()),
    }
}
