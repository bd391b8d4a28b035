//! A sandbox that runs: its addresses, its credentials, and what is in its store.

use super::app::SandboxApp;
use super::calls::CallLog;
use super::scenario::SandboxScenario;
use super::{gateway, server, storage, verification};
use anyhow::Context;
use bytes::Bytes;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::settings::secret::Secret;

#[derive(Clone, Debug)]
pub struct SandboxOptions {
    /// This machine only, on a free port, by default.
    pub listen: SocketAddr,
    pub scenario: SandboxScenario,
    /// The folder of the store's objects; without one they go when the sandbox does.
    pub data_dir: Option<PathBuf>,
}

/// A client's keys and secrets. Made up for the sandbox, so they may be shown.
#[derive(Clone, Debug)]
pub struct SandboxCredentials {
    pub app_key: String,
    pub app_secret: String,
    pub app_code: String,
    pub api_id: String,
    pub api_secret: String,
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// Runs until it is shut down or dropped.
#[derive(Debug)]
pub struct Sandbox {
    app: Arc<SandboxApp>,
    address: SocketAddr,
    store: storage::SandboxStore,
    stop: CancellationToken,
    serving: Option<JoinHandle<()>>,
    _folder: Option<TempDir>,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            scenario: SandboxScenario::default(),
            data_dir: None,
        }
    }
}

impl Sandbox {
    /// Ready for calls when it returns.
    pub async fn start(options: SandboxOptions) -> anyhow::Result<Self> {
        let folder = if options.data_dir.is_none() {
            Some(TempDir::with_prefix("invoice-worker-sandbox-")?)
        } else {
            None
        };
        let path = options
            .data_dir
            .as_deref()
            .or(folder.as_ref().map(TempDir::path))
            .context("no folder for the store")?;
        std::fs::create_dir_all(path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        let app = Arc::new(SandboxApp::new(options.scenario)?);
        let store = storage::SandboxStore::open(path, &app.storage)?;
        let s3 = storage::service(store.clone(), &app.storage);
        let listener = TcpListener::bind(options.listen)
            .await
            .with_context(|| format!("cannot listen on {}", options.listen))?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server::serve(
            listener,
            server::router(app.clone(), s3),
            stop.clone(),
        ));
        Ok(Self {
            app,
            address,
            store,
            stop,
            serving: Some(serving),
            _folder: folder,
        })
    }

    /// The full URL, as `recognition.url` wants it.
    pub fn recognition_url(&self) -> String {
        format!("http://{}{}", self.address, gateway::PATH)
    }

    /// The full URL, as `verification.url` wants it.
    pub fn verification_url(&self) -> String {
        format!("http://{}{}", self.address, verification::PATH)
    }

    /// The endpoint, for path-style addressing.
    pub fn s3_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn credentials(&self) -> SandboxCredentials {
        let SandboxApp {
            recognition,
            verification,
            storage,
            ..
        } = &*self.app;
        SandboxCredentials {
            app_key: recognition.app_key.clone(),
            app_secret: recognition.app_secret.expose().to_owned(),
            app_code: recognition.app_code.expose().to_owned(),
            api_id: verification.api_id.clone(),
            api_secret: verification.api_secret.expose().to_owned(),
            access_key_id: storage.access_key_id.clone(),
            secret_access_key: storage.secret_access_key.expose().to_owned(),
        }
    }

    /// Points a worker's configuration at this sandbox: addresses, credentials, and `bucket` for
    /// images and checkpoints.
    pub fn configure(&self, config: &mut Config, bucket: &str) {
        let credentials = self.credentials();
        bucket.clone_into(&mut config.storage.bucket);
        config.storage.endpoint_url = self.s3_url();
        config.storage.path_style = true;
        config.storage.access_key_id = Secret::new(&credentials.access_key_id);
        config.storage.secret_access_key = Secret::new(&credentials.secret_access_key);
        config.recognition.url = self.recognition_url();
        config.recognition.app_key = Secret::new(&credentials.app_key);
        config.recognition.app_secret = Secret::new(&credentials.app_secret);
        config.verification.url = self.verification_url();
        config.verification.api_id = Secret::new(&credentials.api_id);
        config.verification.api_secret = Secret::new(&credentials.api_secret);
    }

    /// The recorded calls, which go on being recorded.
    pub fn calls(&self) -> CallLog {
        self.app.calls.clone()
    }

    /// Forgets all calls and begins the scenario again.
    pub fn reset(&self) {
        self.app.reset();
    }

    /// Puts an object into the store, without faults and records; the bucket is created where it is
    /// missing. Answers the version's id.
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        bytes: impl Into<Bytes>,
    ) -> anyhow::Result<String> {
        self.store.write(bucket, key, bytes.into()).await
    }

    /// Looks at a picture beforehand, so that the first call about it takes no longer than the
    /// others.
    pub async fn look_at(&self, picture: impl Into<Bytes>) {
        self.app.reader.read(picture.into()).await;
    }

    /// Creates a bucket; that it exists already is fine.
    pub async fn create_bucket(&self, bucket: &str) -> anyhow::Result<()> {
        self.store.create(bucket).await
    }

    /// Closes the port and every connection, also those of calls that were never to be answered.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if let Some(serving) = self.serving.take() {
            // A panic in there has been reported already.
            let _ = serving.await;
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
