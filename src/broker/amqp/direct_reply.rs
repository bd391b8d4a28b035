//! Direct replies: RabbitMQ's pseudo-queues for a requester that consumes from
//! `amq.rabbitmq.reply-to`.
//!
//! Such a name contains a process id of the broker, and RabbitMQ (3.10 at least) answers a forged
//! one by closing the connection with an internal error. Any submitter can put one into `reply_to`.
//! So these names are used on a connection of their own, whose loss affects no other job.

use super::connection::BrokerConnection;
use super::endpoint::Endpoint;
use super::rpc::{RefusalKind, RpcError, rpc};
use super::{properties, queues};
use crate::broker::error::PublishError;
use crate::broker::message::Message;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use std::sync::Arc;
use tokio::sync::Mutex;

/// One more than one: a forged name also takes the connection from a valid reply beside it.
const ATTEMPTS: usize = 2;

pub(super) fn is_direct(queue: &ShortString) -> bool {
    queue.as_str().starts_with("amq.rabbitmq.reply-to.")
}

#[derive(Debug)]
pub(super) struct DirectReplies {
    endpoint: Arc<Endpoint>,
    /// Opened by the first direct reply: most workers never see one.
    connection: Mutex<Option<BrokerConnection>>,
}

impl DirectReplies {
    pub(super) fn new(endpoint: Arc<Endpoint>) -> Self {
        Self {
            endpoint,
            connection: Mutex::default(),
        }
    }

    /// # Errors
    /// [`PublishError::Returned`] when the requester is gone or cannot be reached: unlike
    /// [`PublishError::Lost`] it does not end the session.
    pub(super) async fn publish(
        &self,
        requester: &ShortString,
        message: &Message,
    ) -> Result<(), PublishError> {
        for _ in 0..ATTEMPTS {
            let Some(connection) = self.connection().await else {
                break;
            };
            match attempt(&connection, requester, message).await {
                Err(PublishError::Lost) => connection.close().await,
                published => return published,
            }
        }
        Err(PublishError::Returned)
    }

    pub(super) async fn close(&self) {
        if let Some(connection) = self.connection.lock().await.take() {
            connection.close().await;
        }
    }

    async fn connection(&self) -> Option<BrokerConnection> {
        let mut open = self.connection.lock().await;
        if let Some(connection) = open.as_ref().filter(|open| open.is_connected()) {
            return Some(connection.clone());
        }
        let opened = self.endpoint.open("invoice-worker direct replies").await;
        *open = opened
            .inspect_err(|error| tracing::warn!(%error, "no connection for direct replies"))
            .ok();
        open.clone()
    }
}

/// Checks first that the requester exists: RabbitMQ returns a mandatory direct reply as unroutable
/// even while it delivers it, and drops one that is not mandatory silently.
async fn attempt(
    connection: &BrokerConnection,
    requester: &ShortString,
    message: &Message,
) -> Result<(), PublishError> {
    let properties = properties::to_send(&message.properties)?;
    let channel = connection.channel().await.map_err(|_| PublishError::Lost)?;
    match queues::depth(&channel, requester.as_str()).await {
        Ok(_) => {}
        Err(RpcError::Refused {
            kind: RefusalKind::NotFound,
            ..
        }) => return Err(PublishError::Returned),
        Err(error) => return Err(error.into()),
    }
    rpc(channel.confirm_select(ConfirmSelectOptions::default())).await?;
    let options = BasicPublishOptions::default();
    let publishing = channel.basic_publish(
        ShortString::default(),
        requester.clone(),
        options,
        &message.body,
        properties,
    );
    let confirmed = async { publishing.await?.await }.await;
    if confirmed.map_err(RpcError::from)?.is_ack() {
        Ok(())
    } else {
        Err(PublishError::Nacked)
    }
}
