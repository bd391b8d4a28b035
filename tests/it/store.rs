//! The store and the checkpoints over real S3 protocols: the sandbox's server, and `moto`, which
//! shares no code with it.

/// Each promise is a test on both servers.
macro_rules! promises {
    ($($promise:ident),* $(,)?) => {
        mod on_the_sandbox {
            $(#[tokio::test] async fn $promise() { super::$promise(super::Server::Sandbox).await; })*
        }
        mod on_moto {
            $(#[tokio::test] async fn $promise() { super::$promise(super::Server::Moto).await; })*
        }
    };
}

mod bill_marks;
mod checkpoints;
mod links;
mod packed;
mod results;
mod rights;
mod sealed_checkpoints;
mod trouble;

use crate::harness::python;
use crate::harness::rabbitmq::unique_name;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use bytes::Bytes;
use invoice_worker::dev::sandbox::{Sandbox, SandboxOptions, SandboxScenario};
use invoice_worker::settings::secret::Secret;
use invoice_worker::settings::units::span;
use invoice_worker::store::{Config, ReadError, Store};

const LIMIT: usize = 1 << 20;

#[derive(Clone, Copy, Debug)]
enum Server {
    Sandbox,
    Moto,
}

/// A bucket of this test's own, by our store and by a plain client.
struct Shelf {
    config: Config,
    store: Store,
    client: Client,
    _sandbox: Option<Sandbox>,
}

impl Shelf {
    async fn new(server: Server) -> Self {
        match server {
            Server::Sandbox => Self::with_faults("").await,
            Server::Moto => Self::at(&python::moto_url().await, None).await,
        }
    }

    /// In front of a sandbox that stumbles.
    async fn with_faults(faults: &str) -> Self {
        let scenario = SandboxScenario::parse(faults, "the test's faults").unwrap();
        let sandbox = Sandbox::start(SandboxOptions {
            scenario,
            ..SandboxOptions::default()
        })
        .await
        .unwrap();
        Self::at(&sandbox.s3_url(), Some(sandbox)).await
    }

    async fn at(url: &str, sandbox: Option<Sandbox>) -> Self {
        let config = Config {
            bucket: unique_name().replace('t', "bucket-"),
            endpoint_url: url.to_owned(),
            path_style: true,
            access_key_id: Secret::new("sandbox"),
            secret_access_key: Secret::new("sandbox-secret"),
            ..Config::default()
        };
        let plain = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(url)
            .force_path_style(true)
            .credentials_provider(Credentials::new(
                "sandbox",
                "sandbox-secret",
                None,
                None,
                "test",
            ));
        let client = Client::from_conf(plain.build());
        client
            .create_bucket()
            .bucket(&config.bucket)
            .send()
            .await
            .unwrap();
        Self {
            store: Store::new(&config, &invoice_worker::settings::Network::default())
                .await
                .unwrap(),
            config,
            client,
            _sandbox: sandbox,
        }
    }

    /// The sandbox does so without being asked.
    async fn keep_versions(&self, server: Server) {
        let versioned = VersioningConfiguration::builder()
            .status(BucketVersioningStatus::Enabled)
            .build();
        let enabled = self
            .client
            .put_bucket_versioning()
            .bucket(&self.config.bucket)
            .versioning_configuration(versioned)
            .send()
            .await;
        assert!(
            enabled.is_ok() || matches!(server, Server::Sandbox),
            "{enabled:?}"
        );
    }

    /// Answers the version's id.
    async fn put(&self, key: &str, bytes: &[u8]) -> Option<String> {
        let put = self
            .client
            .put_object()
            .bucket(&self.config.bucket)
            .key(key)
            .body(ByteStream::from(bytes.to_vec()));
        put.send().await.unwrap().version_id
    }

    async fn read(&self, key: &str, version: Option<&str>) -> Bytes {
        let object = self
            .store
            .open(&self.config.bucket, key, version)
            .await
            .unwrap();
        object.read(LIMIT, |_| ()).await.unwrap()
    }

    /// The keys below a prefix.
    async fn keys(&self, prefix: &str) -> Vec<String> {
        let list = self.client.list_objects_v2().bucket(&self.config.bucket);
        let listed = list.prefix(prefix).send().await.unwrap();
        let keys = listed.contents().iter().filter_map(|object| object.key());
        keys.map(str::to_owned).collect()
    }

    /// The code under which opening fails.
    async fn refusal(&self, bucket: &str, key: &str, version: Option<&str>) -> String {
        self.store
            .open(bucket, key, version)
            .await
            .unwrap_err()
            .code
    }

    async fn changed(&self, change: impl FnOnce(&mut Config)) -> Store {
        let mut config = self.config.clone();
        change(&mut config);
        Store::new(&config, &invoice_worker::settings::Network::default())
            .await
            .unwrap()
    }
}

promises![
    an_object_is_read_by_its_key_and_hashed_on_the_way,
    an_older_version_is_read_by_its_id,
    a_missing_object_and_a_missing_bucket_have_codes_of_their_own,
    a_bucket_is_checked,
    nothing_is_read_beyond_the_limit,
    an_object_is_read_back_as_it_was_put,
    an_endpoint_may_end_in_a_slash,
];

async fn an_object_is_read_by_its_key_and_hashed_on_the_way(server: Server) {
    let shelf = Shelf::new(server).await;
    shelf.put("2026/11/收据 a+b.jpg", b"a picture").await;
    let object = shelf
        .store
        .open(&shelf.config.bucket, "2026/11/收据 a+b.jpg", None)
        .await
        .unwrap();
    assert_eq!(object.length, Some(9));
    assert!(object.revision.etag.is_some());
    let mut seen = Vec::new();
    let bytes = object
        .read(LIMIT, |chunk| seen.extend_from_slice(chunk))
        .await
        .unwrap();
    assert_eq!(bytes, "a picture");
    assert_eq!(seen, b"a picture");
}

async fn an_older_version_is_read_by_its_id(server: Server) {
    let shelf = Shelf::new(server).await;
    shelf.keep_versions(server).await;
    let first = shelf.put("a.jpg", b"first").await;
    shelf.put("a.jpg", b"second").await;
    assert_eq!(shelf.read("a.jpg", None).await, "second");
    assert_eq!(shelf.read("a.jpg", first.as_deref()).await, "first");
}

async fn a_missing_object_and_a_missing_bucket_have_codes_of_their_own(server: Server) {
    let shelf = Shelf::new(server).await;
    let bucket = &shelf.config.bucket;
    assert_eq!(shelf.refusal(bucket, "nowhere", None).await, "NoSuchKey");
    assert_eq!(
        shelf.refusal("nobodys-bucket", "nowhere", None).await,
        "NoSuchBucket"
    );
    shelf.put("a.jpg", b"first").await;
    let unknown = shelf
        .refusal(bucket, "a.jpg", Some("sandbox.99999999"))
        .await;
    assert!(
        ["NoSuchVersion", "InvalidArgument"].contains(&unknown.as_str()),
        "{unknown}"
    );
    assert_eq!(
        shelf.store.get(bucket, "nowhere", LIMIT).await.unwrap(),
        None
    );
    assert_eq!(
        shelf
            .store
            .get("nobodys-bucket", "nowhere", LIMIT)
            .await
            .unwrap_err()
            .code,
        "NoSuchBucket"
    );
}

async fn a_bucket_is_checked(server: Server) {
    let shelf = Shelf::new(server).await;
    assert_eq!(
        shelf
            .store
            .missing_rights_to_read(&shelf.config.bucket, "", None)
            .await
            .unwrap(),
        []
    );
    assert_eq!(
        shelf
            .store
            .missing_rights_to_keep(&shelf.config.bucket, "kept/", "kept/probe")
            .await
            .unwrap(),
        []
    );
    let failure = shelf
        .store
        .missing_rights_to_read("nobodys-bucket", "", None)
        .await
        .unwrap_err();
    assert_eq!(failure.code, "NoSuchBucket");
}

async fn nothing_is_read_beyond_the_limit(server: Server) {
    let shelf = Shelf::new(server).await;
    shelf.put("a.jpg", &[7; 1_000]).await;
    let read = async |limit| {
        shelf
            .store
            .open(&shelf.config.bucket, "a.jpg", None)
            .await
            .unwrap()
            .read(limit, |_| ())
            .await
    };
    assert_eq!(read(1_000).await.unwrap().len(), 1_000);
    assert!(matches!(read(999).await, Err(ReadError::TooLarge)));
}

async fn an_object_is_read_back_as_it_was_put(server: Server) {
    let shelf = Shelf::new(server).await;
    let bucket = &shelf.config.bucket;
    shelf
        .store
        .put(bucket, "checkpoints/a.json", Bytes::from_static(b"{}"))
        .await
        .unwrap();
    assert_eq!(
        shelf
            .store
            .get(bucket, "checkpoints/a.json", LIMIT)
            .await
            .unwrap(),
        Some(Bytes::from_static(b"{}"))
    );
    assert_eq!(
        shelf
            .store
            .get(bucket, "checkpoints/a.json", 1)
            .await
            .unwrap(),
        None,
        "too large for a checkpoint is none"
    );
    assert_eq!(
        shelf
            .store
            .put("nobodys-bucket", "a", Bytes::new())
            .await
            .unwrap_err()
            .code,
        "NoSuchBucket"
    );
}

async fn an_endpoint_may_end_in_a_slash(server: Server) {
    let shelf = Shelf::new(server).await;
    shelf.put("a.jpg", b"a picture").await;
    let store = shelf.changed(|config| config.endpoint_url.push('/')).await;
    let object = store
        .open(&shelf.config.bucket, "a.jpg", None)
        .await
        .unwrap();
    assert_eq!(object.read(LIMIT, |_| ()).await.unwrap(), "a picture");
}
