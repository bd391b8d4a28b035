//! Objects in any S3-compatible store: images are read, checkpoints read and written.
//!
//! One request a call: what a failure means, and whether to try again, is the policy's business.

mod config;
mod credentials;
mod failure;
mod link;
mod network;
mod object;
mod rights;
mod server_clock;

pub use config::Config;
pub use object::{Object, ReadError, Revision};
pub use rights::{MissingRight, RightAction};

use crate::clock::skew::ClockReading;
use crate::domain::failure::{Failure, Stage};
use crate::settings::Network;
use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedCredentialsProvider,
};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use credentials::CheckedCredentials;
use server_clock::ServerClock;
use std::sync::Arc;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// S3's code of an object that lies in an archive.
const ARCHIVED: &str = "InvalidObjectState";

/// Cheap to clone.
#[derive(Clone)]
pub struct Store {
    objects: Objects,
    timeout: Duration,
    /// Of AWS, as ARNs begin.
    partition: &'static str,
}

/// Where objects come from.
#[derive(Clone)]
enum Objects {
    S3(Client, ServerClock),
    Scripted(Arc<dyn Script>),
}

/// A store in this process: for simulations.
pub trait Script: Send + Sync {
    fn read(&self, key: &str) -> Result<Bytes, Failure>;

    /// Where it is to be `new`, what is there stays.
    fn write(&self, key: &str, bytes: Bytes, new: bool) -> Result<Written, Failure>;
}

impl Store {
    /// Static keys, or the standard AWS credential chain where there are none.
    ///
    /// # Errors
    /// The network's proxy cannot be used.
    pub async fn new(config: &Config, network: &Network) -> anyhow::Result<Self> {
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
        let clock = ServerClock::default();
        let client = Client::from_conf(
            builder
                .http_client(network::http_client(network, proxy.as_ref())?)
                .force_path_style(config.path_style)
                .interceptor(clock.clone())
                // The newer default breaks other stores than AWS's own.
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
                .build(),
        );
        let partition = rights::partition(&config.region);
        Ok(Self {
            objects: Objects::S3(client, clock),
            timeout: config.timeout.duration(),
            partition,
        })
    }

    /// A store that is a script, whatever its buckets are called.
    pub fn scripted(script: impl Script + 'static) -> Self {
        Self {
            objects: Objects::Scripted(Arc::new(script)),
            timeout: Duration::MAX,
            partition: rights::partition(""),
        }
    }

    /// Do its answers say what time it is?
    pub fn tells_time(&self) -> bool {
        matches!(self.objects, Objects::S3(..))
    }

    /// What its last answer said about the time.
    pub fn clock_reading(&self) -> Option<ClockReading> {
        match &self.objects {
            Objects::S3(_, clock) => clock.reading(),
            Objects::Scripted(_) => None,
        }
    }

    /// Does the bucket of this object keep versions? Then one is read by its id, as an address
    /// names it, which needs a right of its own.
    pub async fn keeps_versions(&self, bucket: &str, key: &str) -> Result<bool, Failure> {
        match self.open(bucket, key, None).await?.revision.version_id {
            Some(version) => self.open(bucket, key, Some(&version)).await.map(|_| true),
            None => Ok(false),
        }
    }

    /// Asks for an object; its bytes follow with [`Object::read`].
    pub async fn open(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<Object, Failure> {
        self.ask(bucket, key, version_id, None).await
    }

    /// Asks for no more than the first bytes of an object; they follow with [`Object::read_first`].
    pub async fn open_first(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
        bytes: usize,
    ) -> Result<Object, Failure> {
        match self
            .ask(
                bucket,
                key,
                version_id,
                Some(format!("bytes=0-{}", bytes.saturating_sub(1))),
            )
            .await
        {
            // An object without bytes has no first ones.
            Err(failure) if failure.http_status == Some(416) => {
                Ok(Object::of(Bytes::new(), self.timeout))
            }
            outcome => outcome,
        }
    }

    async fn ask(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
        range: Option<String>,
    ) -> Result<Object, Failure> {
        let client = match &self.objects {
            Objects::S3(client, _) => client,
            Objects::Scripted(script) => {
                return script
                    .read(key)
                    .map(|bytes| Object::of(bytes, self.timeout));
            }
        };
        let request = client
            .get_object()
            .bucket(bucket)
            .key(key)
            .set_version_id(version_id.map(str::to_owned))
            .set_range(range);
        // Boxed, as every request is: the client's futures have many kilobytes.
        let answer = Box::pin(request.send()).await.map_err(failure::of)?;
        Object::arriving(answer, self.timeout)
    }

    /// A small object whole; `None` where there is none. One in an archive, or packed in a way that
    /// cannot be undone, is as good as none: another writer to the bucket may have put it there,
    /// and the next write replaces it.
    pub async fn get(
        &self,
        bucket: &str,
        key: &str,
        max_bytes: usize,
    ) -> Result<Option<Bytes>, Failure> {
        match self.open(bucket, key, None).await {
            Ok(object) => match object.read(max_bytes, |_| ()).await {
                Ok(bytes) => Ok(Some(bytes)),
                Err(ReadError::Failed(failure)) if failure.stage == Stage::Storage => Err(*failure),
                Err(ReadError::TooLarge | ReadError::Failed(_)) => Ok(None),
            },
            Err(failure) if failure.http_status == Some(404) && failure.code != "NoSuchBucket" => {
                Ok(None)
            }
            Err(failure) if failure.code == ARCHIVED || failure.stage == Stage::Image => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Writes an object where there is none. Only a store that honours `If-None-Match` keeps what
    /// is there: see [`Store::honours_conditions`].
    pub async fn put_new(&self, bucket: &str, key: &str, bytes: Bytes) -> Result<Written, Failure> {
        let client = match &self.objects {
            Objects::S3(client, _) => client,
            Objects::Scripted(script) => return script.write(key, bytes, true),
        };
        let request = client
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type("application/json")
            .if_none_match("*");
        match Box::pin(request.body(ByteStream::from(bytes)).send())
            .await
            .map_err(failure::of)
        {
            Ok(_) => Ok(Written::New),
            Err(failure) if failure.http_status == Some(412) => Ok(Written::Exists),
            Err(failure) => Err(failure),
        }
    }

    /// Does a write that is conditional on there being nothing leave what is there?
    pub async fn honours_conditions(&self, bucket: &str, key: &str) -> Result<bool, Failure> {
        // The first one is there to be found by the second.
        for _ in 0..2 {
            match self.put_new(bucket, key, Bytes::from_static(b"{}")).await {
                Ok(Written::Exists) => return Ok(true),
                Ok(Written::New) => {}
                // Somebody else writes it at this moment: who notices that honours conditions.
                Err(failure) if failure.http_status == Some(409) => return Ok(true),
                // Stores that do not know the header at all say so.
                Err(failure) if matches!(failure.http_status, Some(400 | 501)) => return Ok(false),
                Err(failure) => return Err(failure),
            }
        }
        Ok(false)
    }

    pub async fn put(&self, bucket: &str, key: &str, bytes: Bytes) -> Result<(), Failure> {
        let client = match &self.objects {
            Objects::S3(client, _) => client,
            Objects::Scripted(script) => return script.write(key, bytes, false).map(drop),
        };
        let request = client
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type("application/json")
            .body(ByteStream::from(bytes));
        Box::pin(request.send()).await.map_err(failure::of)?;
        Ok(())
    }
}

/// What became of an object that was to be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    New,
    /// There was one already, which stays as it is.
    Exists,
}

/// The failure of an object that is larger than we read.
pub fn too_large(max_bytes: u64) -> Failure {
    Failure::new(
        Stage::Image,
        "image.too_large",
        format!("the image is larger than storage.max_image_bytes, {max_bytes} bytes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refusing(Stage, &'static str);

    impl Script for Refusing {
        fn read(&self, _: &str) -> Result<Bytes, Failure> {
            Err(Failure {
                http_status: Some(403),
                ..Failure::new(self.0, self.1, "")
            })
        }

        fn write(&self, _: &str, _: Bytes, _: bool) -> Result<Written, Failure> {
            Ok(Written::New)
        }
    }

    #[tokio::test]
    async fn an_object_that_cannot_be_read_as_it_lies_there_is_as_good_as_none() {
        for (stage, code) in [
            (Stage::Storage, "InvalidObjectState"),
            (Stage::Image, "image.unsupported_format"),
        ] {
            assert_eq!(
                Store::scripted(Refusing(stage, code))
                    .get("bucket", "key", 10)
                    .await
                    .unwrap(),
                None
            );
        }
        let refused = Store::scripted(Refusing(Stage::Storage, "AccessDenied"))
            .get("bucket", "key", 10)
            .await;
        assert_eq!(refused.unwrap_err().code, "AccessDenied");
    }
}
