//! One broker of the list: address, credentials, certificates; and the way to a connection, bounded in time and in what it leaves
//! behind.

use super::connect::Link;
use super::hangup::Hangup;
use super::wire::{FilteredStream, runtime};
use crate::broker::address::redacted;
use crate::broker::config::Config;
use crate::broker::error::{BrokerError, Cause};
use crate::config::secret::Secret;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties, ErrorKind};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// For address, TCP, TLS and the AMQP handshake of one connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A dead peer is noticed within two of these.
const HEARTBEAT_SECONDS: u16 = 10;

pub(super) struct Peer {
    url: Secret,
    tls: OwnedTLSConfig,
}

impl Peer {
    /// Whether the URL can be read at all.
    pub(super) fn check(url: &Secret) -> Result<(), BrokerError> {
        uri(url.expose()).map(drop)
    }

    /// Reads the certificates, as on every attempt: they are renewed while the worker runs.
    pub(super) async fn new(url: &Secret, config: &Config) -> Result<Self, BrokerError> {
        Ok(Self { url: url.clone(), tls: tls(config).await? })
    }

    /// `name` is shown among the broker's connections.
    pub(super) async fn open(&self, name: &str) -> Result<Link, BrokerError> {
        match timeout(CONNECT_TIMEOUT, self.connection(name)).await {
            Ok(connected) => connected.map(Link::new),
            Err(_) => Err(self.unreachable(format!("no answer within {CONNECT_TIMEOUT:?}").into())),
        }
    }

    async fn connection(&self, name: &str) -> Result<Connection, BrokerError> {
        let uri = uri(self.url.expose())?;
        let network = lapin::runtime::default_runtime().map_err(|error| self.unreachable(error.into()))?;
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let resolving = tokio::net::lookup_host((uri.authority.host.clone(), uri.authority.port)).await;
        let addresses: Vec<SocketAddr> = resolving.map_err(|error| self.unreachable(error.into()))?.collect();
        let hangup = Hangup::default();
        let (line, tls) = (hangup.line(), self.tls.clone());
        // Runs on lapin's own thread, which does not notice when we stop waiting.
        let dialling = Connection::connector(
            uri,
            runtime(),
            async move |uri, _| {
                let dialling = async {
                    let stream = AsyncTcpStream::connect(&network, addresses.clone()).await?;
                    if let AsyncTcpStream::Plain(stream) = &stream {
                        line.open(stream.get_ref().as_fd())?;
                    }
                    match uri.scheme {
                        AMQPScheme::AMQP => Ok(stream),
                        AMQPScheme::AMQPS => stream.into_tls(&uri.authority.host, tls.as_ref()).await,
                    }
                };
                let stream = timeout(CONNECT_TIMEOUT, dialling).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
                Ok(AsyncTcpStream::Plain(FilteredStream::new(stream, uri.query.frame_max.unwrap_or_default())))
            },
            properties,
        );
        let connection = dialling.await.map_err(|error| {
            if is_refusal(&error) {
                BrokerError::Refused { address: redacted(self.url.expose()), cause: error.into() }
            } else {
                self.unreachable(error.into())
            }
        })?;
        hangup.disarm();
        Ok(connection)
    }

    fn unreachable(&self, cause: Cause) -> BrokerError {
        BrokerError::Unreachable { address: redacted(self.url.expose()), cause }
    }
}

/// Holds a password and a private key.
impl fmt::Debug for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Peer").field(&redacted(self.url.expose())).finish()
    }
}

fn uri(url: &str) -> Result<AMQPUri, BrokerError> {
    // The library's own message may repeat the URL.
    let mut uri: AMQPUri = url.parse().map_err(|_| misconfigured("broker.urls", "has a URL that cannot be read"))?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
    // An IPv6 address in brackets is a URL's way to write it, and no host's name.
    uri.authority.host = uri.authority.host.trim_matches(['[', ']']).to_owned();
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
