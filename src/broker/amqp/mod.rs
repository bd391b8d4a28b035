//! RabbitMQ. Together with [`super::headers`] the only place that knows `lapin`.

mod connect;
mod consume;
mod difference;
mod direct_reply;
mod frames;
mod hangup;
mod lost;
mod peer;
mod properties;
mod publish;
mod refusal;
mod topology;
mod wire;

pub(super) use connect::Amqp;
pub(super) use consume::{Consumer, Receipt};
pub use frames::FrameFilter;
pub(super) use publish::Publisher;

use super::config::Config;
use super::error::BrokerError;
use super::topology::Differences;
use connect::Link;
use lapin::options::QueueDeleteOptions;
use lapin::types::ShortString;
use lost::Lost;
use peer::Peer;
use refusal::{Answer, rpc, short};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Consuming and publishing have a connection each: RabbitMQ blocks a publisher's connection when it runs short of memory or disk,
/// and on the same connection that would hold back acknowledgements, too.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    consuming: Link,
    publishing: Link,
    publisher: Publisher,
    lost: Lost,
}

impl Session {
    fn new(config: Arc<Config>, peer: Peer, consuming: Link, publishing: Link, lost: Lost) -> Self {
        let publisher = Publisher::new(peer, publishing.clone(), &config, lost.clone());
        Self { config, consuming, publishing, publisher, lost }
    }

    pub(super) async fn topology(&self) -> Result<(), BrokerError> {
        topology::establish(&self.publishing, &self.config).await
    }

    pub(super) async fn differences(&self) -> Result<Differences, BrokerError> {
        topology::differences(&self.publishing, &self.config).await
    }

    pub(super) async fn consume(&self, queue: &str, prefetch: u16) -> Result<Consumer, BrokerError> {
        Consumer::of_queue(&self.consuming, queue, prefetch, self.lost.clone()).await
    }

    pub(super) async fn control(&self) -> Result<Consumer, BrokerError> {
        let channel = self.consuming.channel().await?;
        let queue = topology::control_queue(&channel, &self.config.control_exchange).await?;
        Consumer::unacknowledged(channel, queue, self.lost.clone()).await
    }

    pub(super) async fn temporary_queue(&self, name: &str) -> Result<(), BrokerError> {
        topology::temporary_queue(&self.publishing.channel().await?, name).await
    }

    pub(super) async fn queue_depth(&self, queue: &str) -> Result<u32, BrokerError> {
        let channel = self.publishing.channel().await?;
        topology::passive(&channel, queue).await.map_err(|answer| answer.about(queue))
    }

    pub(super) async fn delete_queue(&self, queue: &str) -> Result<(), BrokerError> {
        let channel = self.publishing.channel().await?;
        let name: ShortString = short(queue).map_err(|answer| answer.about(queue))?;
        rpc(channel.queue_delete(name, QueueDeleteOptions::default())).await.map(drop).map_err(|answer| answer.about(queue))
    }

    pub(super) fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    pub(super) fn blocked(&self) -> watch::Receiver<Option<String>> {
        self.publishing.blocked()
    }

    pub(super) fn lost(&self) -> &CancellationToken {
        self.lost.token()
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        self.lost.cause()
    }

    pub(super) async fn close(self) {
        // Before the connections go: what their watchers see from now on is no trouble.
        self.lost.end();
        self.publisher.close().await;
        self.publishing.close().await;
        self.consuming.close().await;
    }
}

/// A session that is given up takes its watchers along; consumers and deliveries keep their channel until they are dropped.
impl Drop for Session {
    fn drop(&mut self) {
        self.lost.end();
    }
}

impl Answer {
    fn about(self, queue: &str) -> BrokerError {
        match self {
            Self::Lost(cause) => BrokerError::Lost(cause),
            Self::Refused { cause, .. } => BrokerError::Queue { queue: queue.to_owned(), cause },
        }
    }
}
