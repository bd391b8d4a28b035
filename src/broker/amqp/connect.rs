//! From a list of URLs to two live connections. One attempt; trying again is the caller's.

use super::Session;
use super::lost::Lost;
use super::peer::Peer;
use super::refusal::{Answer, rpc};
use crate::broker::config::Config;
use crate::broker::error::BrokerError;
use futures_util::StreamExt;
use lapin::{Channel, Connection, Event};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;

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
        if config.urls.is_empty() {
            return Err(BrokerError::Misconfigured { key: "broker.urls", problem: "names no broker".to_owned() });
        }
        config.urls.iter().try_for_each(Peer::check)?;
        Ok(Self(Arc::new(Addresses { config: Arc::new(config.clone()), turn: AtomicUsize::new(0) })))
    }

    pub(in crate::broker) async fn connect(&self) -> Result<Session, BrokerError> {
        let config = Arc::clone(&self.0.config);
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed) % config.urls.len();
        let peer = Peer::new(&config.urls[turn], &config).await?;
        let lost = Lost::default();
        let (consuming, publishing) = tokio::try_join!(peer.open("invoice-worker consuming"), peer.open("invoice-worker publishing"))?;
        // A refused question closes its channel, which is an event as well. On the consuming connection it ends a consumer, on the
        // publishing one it is an answer.
        consuming.watch(lost.clone(), |_| true);
        publishing.watch(lost.clone(), |connection| !connection.status().connected());
        Ok(Session::new(config, peer, consuming, publishing, lost))
    }
}

/// One connection.
#[derive(Clone, Debug)]
pub(super) struct Link(Arc<Connection>);

impl Link {
    pub(super) fn new(connection: Connection) -> Self {
        Self(Arc::new(connection))
    }

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
    fn watch(&self, lost: Lost, is_the_end: fn(&Connection) -> bool) {
        let mut events = Box::pin(self.0.events_listener());
        let connection = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let watching = async {
                while let Some(event) = events.next().await {
                    match (event, connection.upgrade()) {
                        (Event::Error(error), Some(connection)) if is_the_end(&connection) => {
                            return error.to_string();
                        }
                        (Event::ConnectionBlocked(reason), Some(_)) => tracing::warn!(reason, "broker takes no messages for now"),
                        (Event::ConnectionUnblocked, Some(_)) => tracing::info!("broker takes messages again"),
                        (_, None) => break,
                        (_, Some(_)) => {}
                    }
                }
                "a connection ended".to_owned()
            };
            tokio::select! {
                biased;
                () = lost.token().cancelled() => {}
                cause = watching => lost.because(cause),
            }
        });
    }
}
