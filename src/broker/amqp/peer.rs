//! One broker of the list: address, credentials, certificates; and the way to a connection, bounded
//! in time and in what it leaves behind.

use super::cause::{Dialled, is_refusal};
use super::connect::Link;
use super::hangup::Hangup;
use super::wire::{FilteredStream, runtime};
use crate::broker::address::{BrokerUrl, LoginMechanism};
use crate::broker::config::Config;
use crate::broker::error::{BrokerError, Cause};
use crate::settings::secret::Secret;
use crate::settings::tls::roots_of;
use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{
    AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism,
};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
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

/// RabbitMQ's own user, which it lets in from loopback alone.
const DEFAULT_USER: &str = "guest";

pub(super) struct Peer {
    url: BrokerUrl,
    tls: OwnedTLSConfig,
    /// Of a longer body no more than this is read.
    largest_body: Option<usize>,
}

impl Peer {
    /// Whether the URL can be read at all.
    pub(super) fn check(url: &Secret) -> Result<(), BrokerError> {
        parsed(url).map(drop)
    }

    /// Reads the certificates, as on every attempt: they are renewed while the worker runs.
    pub(super) async fn new(
        url: &Secret,
        config: &Config,
        largest_body: Option<usize>,
    ) -> Result<Self, BrokerError> {
        Ok(Self {
            url: parsed(url)?,
            tls: tls(config).await?,
            largest_body,
        })
    }

    /// `name` is shown among the broker's connections.
    pub(super) async fn open(&self, name: &str) -> Result<Link, BrokerError> {
        let bound = self.bound();
        match timeout(bound, self.connection(name)).await {
            Ok(connected) => connected.map(Link::new),
            Err(_) => Err(self.unreachable(format!("no answer within {bound:?}").into())),
        }
    }

    async fn connection(&self, name: &str) -> Result<Connection, BrokerError> {
        let uri = self.uri();
        let dialled = Dialled {
            host: &self.url.host,
            is_tls: self.url.is_tls,
        };
        let network =
            lapin::runtime::default_runtime().map_err(|error| self.unreachable(error.into()))?;
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let resolving =
            tokio::net::lookup_host((uri.authority.host.clone(), uri.authority.port)).await;
        let addresses: Vec<SocketAddr> = resolving
            .map_err(|error| self.unreachable(dialled.unresolved(&error)))?
            .collect();
        let hangup = Hangup::default();
        let bound = self.bound();
        let (line, tls, largest_body) = (hangup.line(), self.tls.clone(), self.largest_body);
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
                        AMQPScheme::AMQPS => {
                            stream.into_tls(&uri.authority.host, tls.as_ref()).await
                        }
                    }
                };
                let stream = timeout(bound, dialling)
                    .await
                    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
                let frame_max = uri.query.frame_max.unwrap_or_default();
                Ok(AsyncTcpStream::Plain(FilteredStream::new(
                    stream,
                    frame_max,
                    largest_body,
                )))
            },
            properties,
        );
        let connection = dialling.await.map_err(|error| {
            if is_refusal(&error) {
                BrokerError::Refused {
                    address: self.url.shown(),
                    cause: self.refusal(error),
                }
            } else {
                self.unreachable(dialled.cause(error))
            }
        })?;
        hangup.disarm();
        Ok(connection)
    }

    fn bound(&self) -> Duration {
        self.url
            .parameters
            .connection_timeout
            .unwrap_or(CONNECT_TIMEOUT)
    }

    fn unreachable(&self, cause: Cause) -> BrokerError {
        BrokerError::Unreachable {
            address: self.url.shown(),
            cause,
        }
    }

    fn refusal(&self, error: lapin::Error) -> Cause {
        if self.mechanism() == LoginMechanism::External {
            format!("{error} (logged in by broker.client_cert_file, EXTERNAL)").into()
        } else {
            error.into()
        }
    }

    /// A certificate of our own and no user: it is the certificate that tells who we are.
    fn mechanism(&self) -> LoginMechanism {
        let by_certificate =
            self.url.is_tls && self.tls.identity.is_some() && self.url.login.is_none();
        let otherwise = if by_certificate {
            LoginMechanism::External
        } else {
            LoginMechanism::Plain
        };
        self.url.parameters.mechanism.unwrap_or(otherwise)
    }

    /// Made from what we have read ourselves.
    fn uri(&self) -> AMQPUri {
        let BrokerUrl {
            is_tls,
            host,
            port,
            login,
            vhost,
            parameters,
            ..
        } = &self.url;
        let (username, password) = match login {
            Some(login) => (login.user.clone(), login.password.expose().to_owned()),
            None => (DEFAULT_USER.to_owned(), DEFAULT_USER.to_owned()),
        };
        AMQPUri {
            scheme: if *is_tls {
                AMQPScheme::AMQPS
            } else {
                AMQPScheme::AMQP
            },
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo { username, password },
                host: host.clone(),
                port: *port,
            },
            vhost: vhost.clone(),
            query: AMQPQueryString {
                frame_max: parameters.frame_max,
                channel_max: parameters.channel_max,
                heartbeat: Some(parameters.heartbeat_seconds.unwrap_or(HEARTBEAT_SECONDS)),
                connection_timeout: None,
                auth_mechanism: Some(match self.mechanism() {
                    LoginMechanism::Plain => SASLMechanism::Plain,
                    LoginMechanism::AmqPlain => SASLMechanism::AMQPlain,
                    LoginMechanism::External => SASLMechanism::External,
                }),
            },
        }
    }
}

/// Holds a password and a private key.
impl fmt::Debug for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Peer")
            .field(&self.url.shown())
            .finish()
    }
}

fn parsed(url: &Secret) -> Result<BrokerUrl, BrokerError> {
    BrokerUrl::parse(url.expose()).map_err(|flaw| misconfigured("broker.urls", &flaw))
}

async fn tls(config: &Config) -> Result<OwnedTLSConfig, BrokerError> {
    let mut roots = String::new();
    for (key, file) in [
        ("broker.ca_file", &config.ca_file),
        ("tls.ca_file", &config.shared_ca_file),
    ] {
        if let Some(pem) = read(key, file).await? {
            // The library leaves out what cannot be a root, and says nothing.
            roots_of(file).map_err(|problem: String| misconfigured(key, &problem))?;
            roots.push_str(
                &String::from_utf8(pem).map_err(|_| misconfigured(key, "is not PEM text"))?,
            );
            roots.push('\n');
        }
    }
    let certificate = read("broker.client_cert_file", &config.client_cert_file).await?;
    let key = read("broker.client_key_file", &config.client_key_file).await?;
    if let Some(pem) = &certificate {
        let readable = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .is_ok_and(|certificates| !certificates.is_empty());
        if !readable {
            return Err(misconfigured(
                "broker.client_cert_file",
                "holds no certificate in PEM",
            ));
        }
    }
    if key
        .as_ref()
        .is_some_and(|pem| PrivateKeyDer::from_pem_slice(pem).is_err())
    {
        return Err(misconfigured(
            "broker.client_key_file",
            "holds no private key in PEM that can be read without a password",
        ));
    }
    let identity = certificate
        .zip(key)
        .map(|(pem, key)| OwnedIdentity::PKCS8 { pem, key });
    Ok(OwnedTLSConfig {
        identity,
        cert_chain: (!roots.is_empty()).then_some(roots),
    })
}

async fn read(key: &'static str, file: &Path) -> Result<Option<Vec<u8>>, BrokerError> {
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    let unreadable = |error: io::Error| {
        misconfigured(key, &format!("{} cannot be read: {error}", file.display()))
    };
    tokio::fs::read(file).await.map(Some).map_err(unreadable)
}

fn misconfigured(key: &'static str, problem: &str) -> BrokerError {
    BrokerError::Misconfigured {
        key,
        problem: problem.to_owned(),
    }
}
