//! One broker of the list: address, credentials and certificates, and the way to a connection,
//! bounded in time.

use super::attempt::ConnectAttempt;
use super::connect_error::{connect_error, is_refusal};
use super::connection::BrokerConnection;
use super::tls_files::read_tls_files;
use super::wire::{FilteredStream, runtime};
use crate::broker::address::{BrokerLogin, BrokerUrl};
use crate::broker::config::Config;
use crate::broker::error::{BoxError, BrokerError};
use crate::broker::url_parameters::LoginMechanism;
use crate::settings::secret::Secret;
use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{
    AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism,
};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The bound on one connection attempt: name lookup, TCP, TLS and the AMQP handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A dead peer is noticed within two heartbeats.
const HEARTBEAT_SECONDS: u16 = 10;

pub(super) struct Endpoint {
    url: BrokerUrl,
    tls: OwnedTLSConfig,
    /// The bound in bytes beyond which bodies are truncated while they are read.
    largest_body: Option<usize>,
    /// Empty, or in the names of its connections.
    instance: Arc<str>,
}

impl Endpoint {
    /// Whether the URL can be read at all.
    pub(super) fn check(url: &Secret) -> Result<(), BrokerError> {
        parsed(url).map(drop)
    }

    pub(super) async fn new(
        url: &Secret,
        config: &Config,
        largest_body: Option<usize>,
    ) -> Result<Self, BrokerError> {
        Ok(Self {
            url: parsed(url)?,
            tls: read_tls_files(config).await?,
            largest_body,
            instance: Arc::default(),
        })
    }

    pub(super) fn of(self, instance: &Arc<str>) -> Self {
        Self {
            instance: Arc::clone(instance),
            ..self
        }
    }

    /// Opens a connection. The broker lists it under `name`.
    pub(super) async fn open(&self, name: &str) -> Result<BrokerConnection, BrokerError> {
        self.open_for_bodies(name, self.largest_body).await
    }

    /// The same, with another bound on bodies.
    pub(super) async fn open_for_bodies(
        &self,
        name: &str,
        largest_body: Option<usize>,
    ) -> Result<BrokerConnection, BrokerError> {
        let bound = self.bound();
        match timeout(bound, self.connect(name, largest_body)).await {
            Ok(connected) => connected.map(BrokerConnection::new),
            Err(_) => Err(self.unreachable(format!("no answer within {bound:?}").into())),
        }
    }

    async fn connect(
        &self,
        name: &str,
        largest_body: Option<usize>,
    ) -> Result<Connection, BrokerError> {
        let uri = self.uri();
        let network =
            lapin::runtime::default_runtime().map_err(|error| self.unreachable(error.into()))?;
        let properties =
            ConnectionProperties::default().with_connection_name(self.connection_name(name).into());
        let resolving =
            tokio::net::lookup_host((uri.authority.host.clone(), uri.authority.port)).await;
        let addresses: Vec<SocketAddr> = resolving
            .map_err(|error| {
                let host = &self.url.host;
                self.unreachable(format!("the name {host} cannot be resolved: {error}").into())
            })?
            .collect();
        let attempt = ConnectAttempt::default();
        let bound = self.bound();
        let (socket, tls) = (attempt.socket(), self.tls.clone());
        // Runs on lapin's own thread, which does not notice when the caller stops waiting.
        let dialling = Connection::connector(
            uri,
            runtime(),
            async move |uri, _| {
                let dialling = async {
                    let stream = AsyncTcpStream::connect(&network, addresses.clone()).await?;
                    if let AsyncTcpStream::Plain(stream) = &stream {
                        socket.open(stream.get_ref().as_fd())?;
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
                self.unreachable(connect_error(error, self.url.is_tls))
            }
        })?;
        attempt.succeeded();
        Ok(connection)
    }

    fn connection_name(&self, name: &str) -> String {
        if self.instance.is_empty() {
            name.to_owned()
        } else {
            format!("{name}, {}", self.instance)
        }
    }

    fn bound(&self) -> Duration {
        self.url
            .parameters
            .connection_timeout
            .unwrap_or(CONNECT_TIMEOUT)
    }

    fn unreachable(&self, cause: BoxError) -> BrokerError {
        BrokerError::Unreachable {
            address: self.url.shown(),
            cause,
        }
    }

    fn refusal(&self, error: lapin::Error) -> BoxError {
        if self.mechanism() == LoginMechanism::External {
            format!("{error} (logged in by broker.client_cert_file, EXTERNAL)").into()
        } else {
            error.into()
        }
    }

    /// The mechanism of the URL; without one, a client certificate without a user is the login.
    fn mechanism(&self) -> LoginMechanism {
        let by_certificate =
            self.url.is_tls && self.tls.identity.is_some() && self.url.login.is_none();
        let default = if by_certificate {
            LoginMechanism::External
        } else {
            LoginMechanism::Plain
        };
        self.url.parameters.mechanism.unwrap_or(default)
    }

    fn uri(&self) -> AMQPUri {
        let BrokerUrl {
            is_tls, parameters, ..
        } = &self.url;
        let BrokerLogin { user, password } = self.url.login.clone().unwrap_or_default();
        AMQPUri {
            scheme: if *is_tls {
                AMQPScheme::AMQPS
            } else {
                AMQPScheme::AMQP
            },
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo {
                    username: user,
                    password: password.expose().to_owned(),
                },
                host: self.url.host.clone(),
                port: self.url.port,
            },
            vhost: self.url.vhost.clone(),
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

/// Shows neither the password nor the private key.
impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Endpoint")
            .field(&self.url.shown())
            .finish()
    }
}

fn parsed(url: &Secret) -> Result<BrokerUrl, BrokerError> {
    BrokerUrl::parse(url.expose()).map_err(|problem| BrokerError::Misconfigured {
        key: "broker.urls",
        problem,
    })
}
