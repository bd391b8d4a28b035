//! Objects in any S3-compatible store.

use super::config::Config;
use super::credentials::CheckedCredentials;
use super::endpoints::Endpoints;
use super::object::StoredObject;
use super::object_store::{ObjectName, ObjectStore, WriteOutcome, unsigned};
use super::store_clock::StoreClock;
use super::{failure, network};
use crate::clock::skew::ClockReading;
use crate::domain::failure::Failure;
use crate::settings::Network;
use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedCredentialsProvider, StalledStreamProtectionConfig,
};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct S3 {
    client: Client,
    clock: StoreClock,
    timeout: Duration,
}

impl S3 {
    /// Static keys, or the standard AWS credential chain where there are none.
    ///
    /// # Errors
    /// The network's proxy cannot be used.
    pub(super) async fn new(config: &Config, network: &Network) -> anyhow::Result<Self> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(config.timeout.duration())
            .operation_timeout(config.timeout.duration())
            .build();
        let proxies = &network.proxies;
        // The chain's own services speak TLS; those that do not are within the machine, which is
        // never asked of a proxy.
        let chain = network::http_client(network, proxies.https.as_ref())?;
        let proxy = if config.endpoint_url.starts_with("http://") {
            &proxies.http
        } else {
            &proxies.https
        };
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(chain)
            .region(Region::new(config.region.clone()))
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if !config.access_key_id.is_empty() {
            let (id, secret) = (
                config.access_key_id.expose(),
                config.secret_access_key.expose(),
            );
            loader = loader.credentials_provider(Credentials::new(
                id,
                secret,
                None,
                None,
                "configuration",
            ));
        }
        if !config.endpoint_url.is_empty() {
            // A path without its slash would be glued to the bucket's name.
            loader = loader.endpoint_url(format!("{}/", config.endpoint_url.trim_end_matches('/')));
        }
        let shared = loader.load().await;
        let mut builder = aws_sdk_s3::config::Builder::from(&shared);
        builder.set_credentials_provider(
            shared
                .credentials_provider()
                .map(CheckedCredentials)
                .map(SharedCredentialsProvider::new),
        );
        let clock = StoreClock::default();
        let client = Client::from_conf(
            builder
                .http_client(network::http_client(network, proxy.as_ref())?)
                .force_path_style(config.path_style)
                .interceptor(clock.clone())
                .endpoint_resolver(Endpoints::default())
                // Every request and every body has a time limit of ours.
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
                // The newer default breaks other stores than AWS's own.
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
                .build(),
        );
        Ok(Self {
            client,
            clock,
            timeout: config.timeout.duration(),
        })
    }
}

// Every request is boxed: the client's futures have many kilobytes.
impl ObjectStore for S3 {
    fn get<'a>(
        &'a self,
        name: ObjectName<'a>,
        first_bytes: Option<usize>,
    ) -> BoxFuture<'a, Result<StoredObject, Failure>> {
        let range = first_bytes.map(|bytes| format!("bytes=0-{}", bytes.saturating_sub(1)));
        let request = self
            .client
            .get_object()
            .bucket(name.bucket)
            .key(name.key)
            .set_version_id(name.version_id.map(str::to_owned))
            .set_range(range);
        Box::pin(async move {
            match request.send().await.map_err(failure::of) {
                Ok(answer) => StoredObject::arriving(answer, self.timeout),
                // An object without bytes has no first ones.
                Err(failure) if first_bytes.is_some() && failure.http_status == Some(416) => {
                    Ok(StoredObject::of_bytes(Bytes::new()))
                }
                Err(failure) => Err(failure),
            }
        })
    }

    fn put<'a>(
        &'a self,
        name: ObjectName<'a>,
        bytes: Bytes,
        is_to_be_new: bool,
    ) -> BoxFuture<'a, Result<WriteOutcome, Failure>> {
        let request = self
            .client
            .put_object()
            .bucket(name.bucket)
            .key(name.key)
            .content_type("application/json")
            .set_if_none_match(is_to_be_new.then(|| "*".to_owned()))
            .body(ByteStream::from(bytes));
        Box::pin(async move {
            match request.send().await.map_err(failure::of) {
                Ok(_) => Ok(WriteOutcome::New),
                Err(failure) if is_to_be_new && failure.http_status == Some(412) => {
                    Ok(WriteOutcome::Exists)
                }
                Err(failure) => Err(failure),
            }
        })
    }

    fn list_one<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        let request = self.client.list_objects_v2();
        let request = request.bucket(bucket).prefix(prefix).max_keys(1);
        Box::pin(async { request.send().await.map(drop).map_err(failure::of) })
    }

    fn presign<'a>(
        &'a self,
        name: ObjectName<'a>,
        valid: Duration,
    ) -> BoxFuture<'a, Result<String, Failure>> {
        let request = self
            .client
            .get_object()
            .bucket(name.bucket)
            .key(name.key)
            .set_version_id(name.version_id.map(str::to_owned));
        Box::pin(async move {
            let expires = PresigningConfig::expires_in(valid).map_err(|_| unsigned())?;
            let signed = request.presigned(expires).await.map_err(failure::of)?;
            Ok(signed.uri().to_owned())
        })
    }

    fn tells_time(&self) -> bool {
        true
    }

    fn clock_reading(&self) -> Option<ClockReading> {
        self.clock.reading()
    }
}
