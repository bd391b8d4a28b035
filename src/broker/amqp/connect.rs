//! From a list of URLs to two live connections. One attempt, bounded in time; trying again is the caller's.

use super::Session;
use super::refusal::{Answer, rpc};
use crate::broker::address::redacted;
use crate::broker::config::Config;
use crate::broker::error::BrokerError;
use crate::config::secret::Secret;
use futures_util::StreamExt;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::tcp::{AMQPUriTcpExt, OwnedIdentity, OwnedTLSConfig};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind, Event};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// For address, TCP, TLS and the AMQP handshake of one connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A dead peer is noticed within two of these.
const HEARTBEAT_SECONDS: u16 = 10;
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The brokers of the configuration, and whose turn it is.
#[derive(Clone, Debug)]
pub struct Amqp(Arc<Addresses>);

#[derive(Debug)]
struct Addresses {
    config: Arc<Config>,
    turn: AtomicUsize,
}

impl Amqp {
    pub(in crate::broker) fn new(config: &Config) -> Result<Self, BrokerError> {
        for url in &config.urls {
            uri(url.expose())?;
        }
        if config.urls.is_empty() {
            return Err(misconfigured("broker.urls", "names no broker"));
        }
        Ok(Self(Arc::new(Addresses { config: Arc::new(config.clone()), turn: AtomicUsize::new(0) })))
    }

    pub(in crate::broker) async fn connect(&self) -> Result<Session, BrokerError> {
        let config = Arc::clone(&self.0.config);
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed) % config.urls.len();
        // Read on every attempt: certificates are renewed while the worker runs.
        let peer = Peer { url: config.urls[turn].clone(), tls: tls(&config).await? };
        let lost = CancellationToken::new();
        let (consuming, publishing) = tokio::try_join!(peer.open("invoice-worker consuming"), peer.open("invoice-worker publishing"))?;
        // A refused question closes its channel, which is an event as well. On the consuming connection it ends a consumer, on the
        // publishing one it is an answer.
        consuming.watch(lost.clone(), |_| true);
        publishing.watch(lost.clone(), |connection| !connection.status().connected());
        Ok(Session::new(config, peer, consuming, publishing, lost))
    }
}

/// One broker of the list, and what it takes to be let in.
pub(super) struct Peer {
    url: Secret,
    tls: OwnedTLSConfig,
}

impl Peer {
    pub(super) async fn open(&self, name: &str) -> Result<Link, BrokerError> {
        let (url, tls) = (self.url.expose(), self.tls.clone());
        let uri = uri(url)?;
        let unreachable = |cause| BrokerError::Unreachable { address: redacted(url), cause };
        let runtime = lapin::runtime::default_runtime().map_err(|error| unreachable(error.into()))?;
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        // lapin's own thread would go on connecting after we stopped waiting, so the bound is inside, too.
        let dial = async move |uri: AMQPUri, runtime| {
            let dialling = uri.connect_with_config_async(tls.as_ref(), &runtime);
            let stream = timeout(CONNECT_TIMEOUT, dialling).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
            stream.map_err(lapin::Error::from)
        };
        match timeout(CONNECT_TIMEOUT, Connection::connector(uri, runtime, dial, properties)).await {
            Ok(Ok(connection)) => Ok(Link(Arc::new(connection))),
            Ok(Err(error)) if is_refusal(&error) => Err(BrokerError::Refused { address: redacted(url), cause: error.into() }),
            Ok(Err(error)) => Err(unreachable(error.into())),
            Err(_) => Err(unreachable(format!("no answer within {CONNECT_TIMEOUT:?}").into())),
        }
    }
}

/// Holds a password and a private key.
impl fmt::Debug for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Peer").field(&redacted(self.url.expose())).finish()
    }
}

/// One connection.
#[derive(Clone, Debug)]
pub(super) struct Link(Arc<Connection>);

impl Link {
    pub(super) async fn channel(&self) -> Result<Channel, BrokerError> {
        rpc(self.0.create_channel()).await.map_err(|answer| match answer {
            Answer::Lost(cause) | Answer::Refused { cause, .. } => BrokerError::Lost(cause),
        })
    }

    pub(super) fn is_connected(&self) -> bool {
        self.0.status().connected()
    }

    /// Channels this connection may have; 0 means no bound.
    pub(super) fn channel_max(&self) -> u16 {
        self.0.configuration().channel_max()
    }

    /// Bytes of the largest frame both sides agreed on; 0 means no bound.
    pub(super) fn frame_max(&self) -> u32 {
        self.0.configuration().frame_max()
    }

    pub(super) async fn close(&self) {
        // A connection that is already gone is closed as well as it can be.
        let _ = timeout(CLOSE_TIMEOUT, self.0.close(200, "OK".into())).await;
    }

    /// Ends the generation on the first event that `is_the_end`, and when there can be no more events.
    fn watch(&self, lost: CancellationToken, is_the_end: fn(&Connection) -> bool) {
        let mut events = Box::pin(self.0.events_listener());
        let connection = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let watching = async {
                while let Some(event) = events.next().await {
                    match (event, connection.upgrade()) {
                        (Event::Error(error), Some(connection)) if is_the_end(&connection) => {
                            tracing::warn!(%error, "broker connection lost");
                            return;
                        }
                        (Event::ConnectionBlocked(reason), Some(_)) => tracing::warn!(reason, "broker takes no messages for now"),
                        (Event::ConnectionUnblocked, Some(_)) => tracing::info!("broker takes messages again"),
                        (_, None) => return,
                        (_, Some(_)) => {}
                    }
                }
            };
            tokio::select! {
                () = watching => lost.cancel(),
                () = lost.cancelled() => {}
            }
        });
    }
}

fn uri(url: &str) -> Result<AMQPUri, BrokerError> {
    // The library's own message may repeat the URL.
    let mut uri: AMQPUri = url.parse().map_err(|_| misconfigured("broker.urls", "has a URL that cannot be read"))?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
    Ok(uri)
}

async fn tls(config: &Config) -> Result<OwnedTLSConfig, BrokerError> {
    let cert_chain = read("broker.ca_file", &config.ca_file).await?;
    let cert_chain = cert_chain.map(String::from_utf8).transpose().map_err(|_| misconfigured("broker.ca_file", "is not PEM text"))?;
    let certificate = read("broker.client_cert_file", &config.client_cert_file).await?;
    let key = read("broker.client_key_file", &config.client_key_file).await?;
    let identity = certificate.zip(key).map(|(pem, key)| OwnedIdentity::PKCS8 { pem, key });
    Ok(OwnedTLSConfig { identity, cert_chain })
}

async fn read(key: &'static str, file: &Path) -> Result<Option<Vec<u8>>, BrokerError> {
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    let unreadable = |error: io::Error| misconfigured(key, &format!("{} cannot be read: {error}", file.display()));
    tokio::fs::read(file).await.map(Some).map_err(unreadable)
}

fn misconfigured(key: &'static str, problem: &str) -> BrokerError {
    BrokerError::Misconfigured { key, problem: problem.to_owned() }
}

/// Wrong credentials, or a virtual host that is missing or closed to this user.
fn is_refusal(error: &lapin::Error) -> bool {
    match error.kind() {
        ErrorKind::ProtocolError(error) => matches!(
            error.kind(),
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED | AMQPSoftError::NOTFOUND) | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)
        ),
        _ => false,
    }
}
