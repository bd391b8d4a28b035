//! One generation of connections: what a worker does with its queues.

use super::connection::BrokerConnection;
use super::consume::AmqpConsumer;
use super::endpoint::Endpoint;
use super::loss::SessionLoss;
use super::publish::AmqpPublisher;
use super::rpc::{rpc, short};
use super::streams::{AmqpStreamReader, AmqpStreamSource};
use super::{inspect, publish_proof, queues, rights, streams, topology};
use crate::broker::config::Config;
use crate::broker::error::BrokerError;
use crate::broker::permissions::PermissionPatterns;
use crate::broker::rights::{MissingRight, Right};
use crate::broker::stream::{StreamDefinition, StreamStart};
use crate::broker::topology::Differences;
use lapin::options::QueueDeleteOptions;
use lapin::types::ShortString;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Consuming and publishing have a connection each: RabbitMQ blocks a publisher's connection when
/// it runs short of memory or disk, and on the same connection that would hold up acknowledgements,
/// too.
#[derive(Debug)]
pub struct AmqpSession {
    config: Arc<Config>,
    endpoint: Arc<Endpoint>,
    consuming: BrokerConnection,
    publishing: BrokerConnection,
    publisher: AmqpPublisher,
    /// This session's own queue on the control exchange.
    control_queue: Mutex<Option<ShortString>>,
    loss: SessionLoss,
}

impl AmqpSession {
    pub(super) fn new(
        config: Arc<Config>,
        endpoint: Endpoint,
        consuming: BrokerConnection,
        publishing: BrokerConnection,
        loss: SessionLoss,
    ) -> Self {
        let endpoint = Arc::new(endpoint);
        let publisher = AmqpPublisher::new(
            Arc::clone(&endpoint),
            publishing.clone(),
            &config,
            loss.clone(),
        );
        Self {
            config,
            endpoint,
            consuming,
            publishing,
            publisher,
            control_queue: Mutex::default(),
            loss,
        }
    }

    pub(in crate::broker) async fn topology(&self) -> Result<(), BrokerError> {
        topology::establish(&self.publishing, &self.config).await
    }

    pub(in crate::broker) async fn differences(&self) -> Result<Differences, BrokerError> {
        topology::differences(&self.publishing, &self.config).await
    }

    pub(in crate::broker) async fn missing(&self) -> Result<Vec<String>, BrokerError> {
        // On a blocked connection no answer would come, as if the broker were dead.
        self.publishing.unblocked().await;
        topology::missing(&self.publishing, &self.config).await
    }

    pub(in crate::broker) async fn rebind_control(&self) -> Result<(), BrokerError> {
        let queue = self
            .control_queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let Some(queue) = queue else { return Ok(()) };
        // An exclusive queue can be bound only on the connection that declared it.
        queues::bind_control_queue(
            &self.consuming.channel().await?,
            &queue,
            &self.config.control_exchange,
        )
        .await
    }

    pub(in crate::broker) async fn missing_rights(&self) -> Result<Vec<MissingRight>, BrokerError> {
        rights::missing(&self.publishing, &self.config).await
    }

    pub(in crate::broker) async fn missing_to_declare(
        &self,
        queue: &str,
    ) -> Result<Option<MissingRight>, BrokerError> {
        rights::missing_to_declare(&self.publishing, &self.config, queue).await
    }

    pub(in crate::broker) async fn has_queue(&self, queue: &str) -> Result<bool, BrokerError> {
        streams::exists(&self.publishing, queue).await
    }

    pub(in crate::broker) async fn prove_publishing(&self) -> Result<(), BrokerError> {
        publish_proof::prove(&self.publishing, &self.publisher).await
    }

    pub(in crate::broker) async fn explain(&self, error: BrokerError) -> BrokerError {
        let BrokerError::Forbidden {
            missing: known,
            grant: None,
        } = error
        else {
            return error;
        };
        let missing = match self.missing_rights().await {
            Ok(missing) if !missing.is_empty() => missing,
            // The right was granted meanwhile, or the connection went away.
            _ => known,
        };
        BrokerError::Forbidden {
            missing,
            grant: Some(PermissionPatterns::of_worker(&self.config)),
        }
    }

    pub(in crate::broker) async fn consume(
        &self,
        queue: &str,
        prefetch: u16,
    ) -> Result<AmqpConsumer, BrokerError> {
        AmqpConsumer::acknowledged(&self.consuming, queue, prefetch, self.loss.clone()).await
    }

    pub(in crate::broker) async fn control(&self) -> Result<AmqpConsumer, BrokerError> {
        let channel = self.consuming.channel().await?;
        let queue = queues::control_queue(&channel, &self.config.control_exchange).await?;
        *self
            .control_queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(queue.clone());
        AmqpConsumer::unacknowledged(channel, queue, self.loss.clone()).await
    }

    pub(in crate::broker) async fn temporary_queue(&self, name: &str) -> Result<(), BrokerError> {
        queues::temporary_queue(&self.publishing.channel().await?, name).await
    }

    pub(in crate::broker) async fn open_stream(
        &self,
        stream: &StreamDefinition,
        may_declare: bool,
    ) -> Result<(), BrokerError> {
        streams::open(&self.publishing, &self.endpoint, stream, may_declare).await
    }

    pub(in crate::broker) async fn read_stream(
        &self,
        name: &str,
        start: StreamStart,
        follows: bool,
    ) -> Result<AmqpStreamReader, BrokerError> {
        streams::read_in_bulk(&self.consuming, name, start, follows).await
    }

    pub(in crate::broker) fn stream_source(&self, largest_body: usize) -> AmqpStreamSource {
        AmqpStreamSource::new(Arc::clone(&self.endpoint), largest_body)
    }

    pub(in crate::broker) async fn reply_queue(&self, name: &str) -> Result<(), BrokerError> {
        queues::reply_queue(&self.publishing.channel().await?, name).await
    }

    pub(in crate::broker) async fn queue_is_gone(&self, name: &str) -> Result<bool, BrokerError> {
        let depth = inspect::existing_depth(&self.publishing, name).await?;
        Ok(depth.is_none())
    }

    pub(in crate::broker) async fn queue_depth(&self, queue: &str) -> Result<u32, BrokerError> {
        let channel = self.publishing.channel().await?;
        queues::depth(&channel, queue)
            .await
            .map_err(|error| error.about(queue, Right::Read))
    }

    pub(in crate::broker) async fn queue_consumers(&self, queue: &str) -> Result<u32, BrokerError> {
        let channel = self.publishing.channel().await?;
        queues::consumers(&channel, queue)
            .await
            .map_err(|error| error.about(queue, Right::Read))
    }

    pub(in crate::broker) async fn delete_queue(&self, queue: &str) -> Result<(), BrokerError> {
        let channel = self.publishing.channel().await?;
        let deleting = async {
            let options = QueueDeleteOptions::default();
            rpc(channel.queue_delete(short(queue)?, options)).await
        };
        deleting
            .await
            .map(drop)
            .map_err(|error| error.about(queue, Right::Configure))
    }

    pub(in crate::broker) fn publisher(&self) -> AmqpPublisher {
        self.publisher.clone()
    }

    pub(in crate::broker) fn blocked(&self) -> watch::Receiver<Option<String>> {
        self.publishing.blocked()
    }

    pub(in crate::broker) fn lost(&self) -> &CancellationToken {
        self.loss.token()
    }

    pub(in crate::broker) fn trouble(&self) -> Option<&str> {
        self.loss.cause()
    }

    pub(in crate::broker) async fn close(self) {
        // First, so that the watchers do not take the closing of the connections for a loss.
        self.loss.end();
        self.publisher.close().await;
        self.publishing.close().await;
        self.consuming.close().await;
    }
}

/// Ends the watchers with the session; consumers and deliveries keep their channel until they are
/// dropped.
impl Drop for AmqpSession {
    fn drop(&mut self) {
        self.loss.end();
    }
}
