//! One connection to the broker.

use super::loss::SessionLoss;
use super::rpc::{RpcError, rpc};
use crate::broker::error::BrokerError;
use futures_util::StreamExt;
use lapin::{Channel, Connection, Event};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection; every clone is the same one.
#[derive(Clone, Debug)]
pub(super) struct BrokerConnection {
    connection: Arc<Connection>,
    /// The broker's reason for reading nothing from this connection at present.
    blocked: watch::Sender<Option<String>>,
}

impl BrokerConnection {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection: Arc::new(connection),
            blocked: watch::Sender::default(),
        }
    }

    pub(super) fn blocked(&self) -> watch::Receiver<Option<String>> {
        self.blocked.subscribe()
    }

    /// While the connection is blocked, frames wait in the client's buffer, and requests get no
    /// answer.
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
            .map_err(|error| match error {
                RpcError::Lost(cause) | RpcError::Refused { cause, .. } => BrokerError::Lost(cause),
            })
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection.status().connected()
    }

    /// The number of channels that the connection may have; 0 means no bound.
    pub(super) fn channel_max(&self) -> u16 {
        self.connection.configuration().channel_max()
    }

    /// The negotiated size of the largest frame in bytes; 0 means no bound.
    pub(super) fn frame_max(&self) -> u32 {
        self.connection.configuration().frame_max()
    }

    pub(super) async fn close(&self) {
        // An error means that the connection is gone already.
        let _ = timeout(CLOSE_TIMEOUT, self.connection.close(200, "OK".into())).await;
    }

    /// Ends the session on the first error event for which `is_the_end` holds, and when no more
    /// events can come.
    pub(super) fn watch(&self, loss: SessionLoss, is_the_end: fn(&Connection) -> bool) {
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
                () = loss.token().cancelled() => {}
                cause = watching => loss.end_because(cause),
            }
        });
    }
}
