//! RabbitMQ. Together with [`super::headers`] the only place that knows `lapin`.

mod cause;
mod clip;
mod connect;
mod consume;
mod difference;
mod direct_reply;
mod frames;
mod hangup;
mod inspect;
mod late;
mod lost;
mod peer;
mod properties;
mod publish;
mod refusal;
mod rights;
mod single_publish;
mod topology;
mod wire;

pub(super) use connect::Amqp;
pub(super) use consume::{Consumer, Receipt};
pub use frames::FrameFilter;
pub(super) use publish::Publisher;

use super::config::Config;
use super::error::BrokerError;
use super::rights::{MissingRight, PermissionPatterns, Right};
use super::topology::Differences;
use connect::Link;
use lapin::Channel;
use lapin::options::QueueDeleteOptions;
use lapin::types::ShortString;
use lost::Lost;
use peer::Peer;
use refusal::{rpc, short};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Consuming and publishing have a connection each: RabbitMQ blocks a publisher's connection when
/// it runs short of memory or disk, and on the same connection that would hold back
/// acknowledgements, too.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    consuming: Link,
    publishing: Link,
    publisher: Publisher,
    /// This session's own queue on the control exchange.
    control_queue: Mutex<Option<ShortString>>,
    lost: Lost,
}

impl Session {
    fn new(config: Arc<Config>, peer: Peer, consuming: Link, publishing: Link, lost: Lost) -> Self {
        let publisher = Publisher::new(peer, publishing.clone(), &config, lost.clone());
        Self {
            config,
            consuming,
            publishing,
            publisher,
            control_queue: Mutex::default(),
            lost,
        }
    }

    pub(super) async fn topology(&self) -> Result<(), BrokerError> {
        topology::establish(&self.publishing, &self.config).await
    }

    pub(super) async fn differences(&self) -> Result<Differences, BrokerError> {
        topology::differences(&self.publishing, &self.config).await
    }

    pub(super) async fn missing(&self) -> Result<Vec<String>, BrokerError> {
        // On a blocked connection a question would seem to meet a dead broker.
        self.publishing.unblocked().await;
        topology::missing(&self.publishing, &self.config).await
    }

    pub(super) async fn rebind_control(&self) -> Result<(), BrokerError> {
        let queue = self
            .control_queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let Some(queue) = queue else { return Ok(()) };
        // An exclusive queue can be bound only on the connection that declared it.
        topology::bind_control_queue(
            &self.consuming.channel().await?,
            &queue,
            &self.config.control_exchange,
        )
        .await
    }

    pub(super) async fn missing_rights(&self) -> Result<Vec<MissingRight>, BrokerError> {
        rights::missing(&self.publishing, &self.config).await
    }

    pub(super) async fn prove_publishing(&self) -> Result<(), BrokerError> {
        let channel = self.publishing.channel().await?;
        let queue = rights::own_queue(&channel)
            .await
            .map_err(|answer| answer.about("of our own", Right::Configure))?;
        let name = queue.to_string();
        let proven = self.prove_publishing_to(&channel, &queue).await;
        // It lives as long as the connection, and the next proof has another: a failure to delete
        // it is no failure of the proof.
        if let Err(answer) = rpc(channel.queue_delete(queue, QueueDeleteOptions::default())).await {
            tracing::debug!(
                queue = name,
                ?answer,
                "a queue that was published to for a trial is left until the connection ends"
            );
        }
        proven
    }

    async fn prove_publishing_to(
        &self,
        channel: &Channel,
        queue: &ShortString,
    ) -> Result<(), BrokerError> {
        let name = queue.as_str();
        self.publisher.close_idle_channels();
        let published = self.publisher.publish(name, &rights::trial_message()).await;
        self.publisher.close_idle_channels();
        published.map_err(|problem| problem.about(name))?;
        if rights::take_back(channel, queue.clone()).await? {
            return Ok(());
        }
        Err(BrokerError::Queue {
            queue: name.to_owned(),
            cause: "what was published and confirmed is not in it".into(),
        })
    }

    pub(super) async fn explain(&self, error: BrokerError) -> BrokerError {
        let BrokerError::Forbidden {
            missing: known,
            grant: None,
        } = error
        else {
            return error;
        };
        let grant = Some(PermissionPatterns::of_worker(&self.config));
        match self.missing_rights().await {
            Ok(missing) if !missing.is_empty() => BrokerError::Forbidden { missing, grant },
            // The right was granted meanwhile, or the connection went away.
            _ => BrokerError::Forbidden {
                missing: known,
                grant,
            },
        }
    }

    pub(super) async fn consume(
        &self,
        queue: &str,
        prefetch: u16,
    ) -> Result<Consumer, BrokerError> {
        Consumer::of_queue(&self.consuming, queue, prefetch, self.lost.clone()).await
    }

    pub(super) async fn control(&self) -> Result<Consumer, BrokerError> {
        let channel = self.consuming.channel().await?;
        let queue = topology::control_queue(&channel, &self.config.control_exchange).await?;
        *self
            .control_queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(queue.clone());
        Consumer::unacknowledged(channel, queue, self.lost.clone()).await
    }

    pub(super) async fn temporary_queue(&self, name: &str) -> Result<(), BrokerError> {
        topology::temporary_queue(&self.publishing.channel().await?, name).await
    }

    pub(super) async fn queue_depth(&self, queue: &str) -> Result<u32, BrokerError> {
        let channel = self.publishing.channel().await?;
        topology::passive(&channel, queue)
            .await
            .map_err(|answer| answer.about(queue, Right::Read))
    }

    pub(super) async fn delete_queue(&self, queue: &str) -> Result<(), BrokerError> {
        let channel = self.publishing.channel().await?;
        let name: ShortString =
            short(queue).map_err(|answer| answer.about(queue, Right::Configure))?;
        rpc(channel.queue_delete(name, QueueDeleteOptions::default()))
            .await
            .map(drop)
            .map_err(|answer| answer.about(queue, Right::Configure))
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

/// A session that is given up takes its watchers along; consumers and deliveries keep their channel
/// until they are dropped.
impl Drop for Session {
    fn drop(&mut self) {
        self.lost.end();
    }
}
