//! Direct replies: RabbitMQ's queues that do not exist, made for a requester that consumes from
//! `amq.rabbitmq.reply-to`.
//!
//! Such a name carries a process id of the broker, and RabbitMQ (3.10 at least) answers a forged
//! one by closing the connection with an internal error. Any submitter can put one into `reply_to`,
//! so these names are used on a connection of their own, whose loss is nobody else's: one such job
//! must not take everything in flight down with it.

use super::connect::Link;
use super::peer::Peer;
use super::refusal::{Answer, Refusal, rpc};
use super::{properties, topology};
use crate::broker::error::PublishError;
use crate::broker::message::Message;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use tokio::sync::Mutex;

/// A second, because a reply beside a forged one loses its connection innocently.
const ATTEMPTS: usize = 2;

pub(super) fn is_direct(queue: &ShortString) -> bool {
    queue.as_str().starts_with("amq.rabbitmq.reply-to.")
}

#[derive(Debug)]
pub(super) struct DirectReplies {
    peer: Peer,
    /// Opened by the first direct reply: most workers never see one.
    link: Mutex<Option<Link>>,
}

impl DirectReplies {
    pub(super) fn new(peer: Peer) -> Self {
        Self {
            peer,
            link: Mutex::default(),
        }
    }

    /// Returned when the requester is gone, or cannot be reached for whatever reason: unlike
    /// [`PublishError::Lost`] that ends nothing.
    pub(super) async fn publish(
        &self,
        requester: &ShortString,
        message: &Message,
    ) -> Result<(), PublishError> {
        for _ in 0..ATTEMPTS {
            let Some(link) = self.link().await else { break };
            match attempt(&link, requester, message).await {
                Err(PublishError::Lost) => link.close().await,
                answered => return answered,
            }
        }
        Err(PublishError::Returned)
    }

    pub(super) async fn close(&self) {
        if let Some(link) = self.link.lock().await.take() {
            link.close().await;
        }
    }

    async fn link(&self) -> Option<Link> {
        let mut open = self.link.lock().await;
        if let Some(link) = open.as_ref().filter(|link| link.is_connected()) {
            return Some(link.clone());
        }
        let link = self.peer.open("invoice-worker direct replies").await;
        *open = link
            .inspect_err(|error| tracing::warn!(%error, "no connection for direct replies"))
            .ok();
        open.clone()
    }
}

/// Looks for the requester first: a direct reply is returned as unroutable when it is mandatory,
/// even while it is delivered, and silently dropped when it is not.
async fn attempt(
    link: &Link,
    requester: &ShortString,
    message: &Message,
) -> Result<(), PublishError> {
    let properties = properties::to_send(&message.properties)?;
    let channel = link.channel().await.map_err(|_| PublishError::Lost)?;
    match topology::passive(&channel, requester.as_str()).await {
        Ok(_) => {}
        Err(Answer::Refused {
            refusal: Refusal::NotFound,
            ..
        }) => return Err(PublishError::Returned),
        Err(answer) => return Err(answer.into()),
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
    let confirmation = publishing
        .await
        .map_err(Answer::from)?
        .await
        .map_err(Answer::from)?;
    if confirmation.is_ack() {
        Ok(())
    } else {
        Err(PublishError::Nacked)
    }
}
