//! Channels in confirm mode, kept for the next publish.

use super::connection::BrokerConnection;
use super::loss::SessionLoss;
use super::rpc::{RpcError, rpc};
use crate::broker::error::PublishError;
use lapin::Channel;
use lapin::options::ConfirmSelectOptions;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(super) struct ConfirmChannels {
    connection: BrokerConnection,
    idle: Mutex<Vec<Channel>>,
    loss: SessionLoss,
}

impl ConfirmChannels {
    pub(super) fn new(connection: BrokerConnection, loss: SessionLoss) -> Self {
        Self {
            connection,
            idle: Mutex::default(),
            loss,
        }
    }

    /// An idle channel that is still open, or a new one.
    pub(super) async fn take(&self) -> Result<Channel, PublishError> {
        while let Some(channel) = self.take_idle() {
            if channel.status().connected() {
                return Ok(channel);
            }
        }
        let channel = self.connection.channel().await.map_err(|error| {
            self.loss.record(error);
            PublishError::Lost
        })?;
        rpc(channel.confirm_select(ConfirmSelectOptions::default()))
            .await
            .map_err(|error| self.failed(error))?;
        Ok(channel)
    }

    /// Only for a channel whose confirms have all come: a late one could be taken for that of the
    /// next message.
    pub(super) fn give_back(&self, channel: Channel) {
        self.idle().push(channel);
    }

    pub(super) fn close_idle(&self) {
        self.idle().clear();
    }

    /// Records the cause of a loss, which callers do not learn.
    pub(super) fn failed(&self, error: RpcError) -> PublishError {
        if let RpcError::Lost(cause) = &error {
            self.loss.record(cause);
        }
        error.into()
    }

    fn take_idle(&self) -> Option<Channel> {
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
