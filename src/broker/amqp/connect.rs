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
use tokio::sync::watch;
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
            return Err(BrokerError::Misconfigured {
                key: "broker.urls",
                problem: "names no broker".to_owned(),
            });
        }
        config.urls.iter().try_for_each(Peer::check)?;
        Ok(Self(Arc::new(Addresses {
            config: Arc::new(config.clone()),
            turn: AtomicUsize::new(0),
        })))
    }

    pub(in crate::broker) async fn connect(
        &self,
        largest_body: Option<usize>,
    ) -> Result<Session, BrokerError> {
        let config = Arc::clone(&self.0.config);
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed) % config.urls.len();
        let peer = Peer::new(&config.urls[turn], &config, largest_body).await?;
        let lost = Lost::default();
        let (consuming, publishing) = tokio::try_join!(
            peer.open("invoice-worker consuming"),
            peer.open("invoice-worker publishing")
        )?;
        // A refused question closes its channel, which is an event as well. On the consuming
        // connection it ends a consumer, on the publishing one it is an answer.
        consuming.watch(lost.clone(), |_| true);
        publishing.watch(lost.clone(), |connection| !connection.status().connected());
        Ok(Session::new(config, peer, consuming, publishing, lost))
    }
}

/// One connection.
#[derive(Clone, Debug)]
pub(super) struct Link {
    connection: Arc<Connection>,
    /// Why the broker reads nothing from this connection for now, in its own words.
    blocked: watch::Sender<Option<String>>,
}

impl Link {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection: Arc::new(connection),
            blocked: watch::Sender::default(),
        }
    }

    pub(super) fn blocked(&self) -> watch::Receiver<Option<String>> {
        self.blocked.subscribe()
    }

    /// While it is blocked, whatever is sent waits in the client's buffer, and a question there
    /// would seem to meet a dead broker.
    pub(super) fn is_blocked(&self) -> bool {
        self.is_connected() && self.blocked.borrow().is_some()
    }

    pub(super) async fn unblocked(&self) {
        // Never an error: the sender lives in `self`.
        let _ = self.blocked.subscribe().wait_for(Option::is_none).await;
    }

    pub(super) async fn channel(&self) -> Result<Channel, BrokerError> {
        rpc(self.connection.create_channel())
            .await
            .map_err(|answer| match answer {
                Answer::Lost(cause) | Answer::Refused { cause, .. } => BrokerError::Lost(cause),
            })
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection.status().connected()
    }

    /// Channels this connection may have; 0 means no bound.
    pub(super) fn channel_max(&self) -> u16 {
        self.connection.configuration().channel_max()
    }

    /// Bytes of the largest frame both sides agreed on; 0 means no bound.
    pub(super) fn frame_max(&self) -> u32 {
        self.connection.configuration().frame_max()
    }

    pub(super) async fn close(&self) {
        // A connection that is already gone is closed as well as it can be.
        let _ = timeout(CLOSE_TIMEOUT, self.connection.close(200, "OK".into())).await;
    }

    /// Ends the generation on the first event that `is_the_end`, and when there can be no more
    /// events.
    fn watch(&self, lost: Lost, is_the_end: fn(&Connection) -> bool) {
        let mut events = Box::pin(self.connection.events_listener());
        let connection = Arc::downgrade(&self.connection);
        let blocked = self.blocked.clone();
        tokio::spawn(async move {
            let watching = async {
                while let Some(event) = events.next().await {
                    match (event, connection.upgrade()) {
                        (Event::Error(error), Some(connection)) if is_the_end(&connection) => {
                            return error.to_string();
                        }
                        (Event::ConnectionBlocked(reason), Some(_)) => {
                            tracing::warn!(reason, "broker takes no messages for now");
                            blocked.send_replace(Some(reason));
                        }
                        (Event::ConnectionUnblocked, Some(_)) => {
                            tracing::info!("broker takes messages again");
                            blocked.send_replace(None);
                        }
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
