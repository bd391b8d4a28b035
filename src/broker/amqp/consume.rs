//! The deliveries of one queue.

use super::connection::BrokerConnection;
use super::loss::SessionLoss;
use super::properties;
use super::queues::server_named;
use super::receipt::{AmqpReceipt, Unsettled};
use super::rpc::{RpcError, rpc, short};
use crate::broker::delivery::{Delivery, Receipt};
use crate::broker::error::BrokerError;
use crate::broker::message::Message;
use crate::broker::rights::Right;
use bytes::Bytes;
use futures_util::StreamExt;
use lapin::Channel;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[derive(Debug)]
pub struct AmqpConsumer {
    channel: Channel,
    stream: lapin::Consumer,
    state: ConsumerState,
    acknowledged: bool,
    prefetch: usize,
    unsettled: Arc<Unsettled>,
    /// The message that was taken from the queue during the cancellation; it is handed out last.
    taken: Option<Delivery>,
    loss: SessionLoss,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConsumerState {
    Open,
    /// Cancelled by the worker: the deliveries left in the stream are still handed out.
    Cancelled,
    /// The stream must not be polled again: it is not fused.
    Ended,
}

impl AmqpConsumer {
    pub(super) async fn acknowledged(
        connection: &BrokerConnection,
        queue: &str,
        prefetch: u16,
        loss: SessionLoss,
    ) -> Result<Self, BrokerError> {
        let channel = connection.channel().await?;
        let starting = async {
            let name = short(queue)?;
            // Before consuming: the client's buffer has no bound of its own.
            rpc(channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
            Self::start(channel, name, true, prefetch.into(), loss).await
        };
        starting
            .await
            .map_err(|error| error.about(queue, Right::Read))
    }

    pub(super) async fn unacknowledged(
        channel: Channel,
        queue: ShortString,
        loss: SessionLoss,
    ) -> Result<Self, BrokerError> {
        Self::start(channel, queue.clone(), false, 0, loss)
            .await
            .map_err(|error| error.about(queue.as_str(), Right::Read))
    }

    async fn start(
        channel: Channel,
        queue: ShortString,
        acknowledged: bool,
        prefetch: usize,
        loss: SessionLoss,
    ) -> Result<Self, RpcError> {
        let options = BasicConsumeOptions {
            no_ack: !acknowledged,
            ..BasicConsumeOptions::default()
        };
        let stream =
            rpc(channel.basic_consume(queue, server_named(), options, FieldTable::default()))
                .await?;
        Ok(Self {
            channel,
            stream,
            state: ConsumerState::Open,
            acknowledged,
            prefetch,
            unsettled: Arc::default(),
            taken: None,
            loss,
        })
    }

    pub(in crate::broker) async fn next(&mut self) -> Option<Delivery> {
        if self.state == ConsumerState::Ended {
            return None;
        }
        match self.stream.next().await {
            Some(Ok(delivery)) => return Some(self.delivery(delivery)),
            Some(Err(error)) => self.loss.end_because(error),
            None if self.state == ConsumerState::Open => self.ended_by_the_broker(),
            None => {}
        }
        self.state = ConsumerState::Ended;
        self.taken.take()
    }

    /// The queue was deleted, for example. Channel and connection live on, and unsettled deliveries
    /// can still be acknowledged. But the messages of a consumer without acknowledgements would be
    /// missed silently, so that one ends the session.
    fn ended_by_the_broker(&self) {
        let cause = format!("the broker ended the consumer of {}", self.stream.queue());
        if self.acknowledged {
            self.loss.record(cause);
        } else {
            self.loss.end_because(cause);
        }
    }

    /// Starts another consumer on the same channel. The prefetch of a consumer is fixed, and quorum
    /// queues support none for a whole channel; but each consumer on a channel has its own, and
    /// the deliveries of the first one stay unsettled as long as the channel lives.
    pub(in crate::broker) async fn extend_prefetch(&mut self) -> Result<(), BrokerError> {
        let queue = self.stream.queue();
        let next = Self::start(
            self.channel.clone(),
            queue.clone(),
            self.acknowledged,
            self.prefetch,
            self.loss.clone(),
        )
        .await;
        *self = next.map_err(|error| error.about(queue.as_str(), Right::Read))?;
        Ok(())
    }

    pub(in crate::broker) async fn cancel(&mut self) {
        if self.state != ConsumerState::Open {
            return;
        }
        self.state = ConsumerState::Cancelled;
        let unsettled = Arc::clone(&self.unsettled);
        let _alone = unsettled.settling.write().await;
        if self.acknowledged && self.has_room() {
            self.taken = self.take_one().await;
        }
        let cancelling = self
            .channel
            .basic_cancel(self.stream.tag(), BasicCancelOptions::default());
        if rpc(cancelling).await.is_err() {
            // Without an answer the stream might never end.
            self.state = ConsumerState::Ended;
            self.loss.end_because("no answer to the end of a consumer");
        }
    }

    /// Whether the broker may assign another message to this consumer: not while as many as its
    /// prefetch are unsettled.
    fn has_room(&self) -> bool {
        self.prefetch == 0 || self.unsettled.deliveries.load(Ordering::Acquire) < self.prefetch
    }

    /// Takes a message from the queue before the consumer is cancelled.
    ///
    /// RabbitMQ assigns the next message of a quorum queue to a consumer when an acknowledgement
    /// makes room. If the consumer is cancelled before that message has reached the channel, the
    /// broker takes it back and counts one more delivery, although no client ever saw it: after
    /// a few of those a job would seem to have killed its workers. So, while no acknowledgement is
    /// under way, the queue is asked for a message directly. The answer comes after every message
    /// that was assigned before, and there is none unless the consumer has all that it may have.
    /// In a cluster, a message from another replica may still come later.
    async fn take_one(&self) -> Option<Delivery> {
        let taking = self
            .channel
            .basic_get(self.stream.queue(), BasicGetOptions::default());
        match rpc(taking).await {
            Ok(taken) => taken.map(|taken| self.delivery(taken.delivery)),
            // The cancellation that follows fails in the same way, and ends the session.
            Err(_) => None,
        }
    }

    fn delivery(&self, delivery: lapin::message::Delivery) -> Delivery {
        let properties = properties::received(&delivery.properties);
        // On a first delivery the broker adds no count, and one that is there is the submitter's.
        let returns = properties
            .headers
            .number("x-delivery-count")
            .filter(|_| delivery.redelivered)
            .unwrap_or(0);
        self.unsettled.deliveries.fetch_add(1, Ordering::AcqRel);
        let receipt = AmqpReceipt {
            acker: delivery.acker,
            unsettled: Arc::clone(&self.unsettled),
            loss: self.loss.clone(),
            _channel: self.channel.clone(),
        };
        Delivery {
            message: Message {
                body: Bytes::from(delivery.data),
                properties,
            },
            redelivered: delivery.redelivered,
            delivery_count: u32::try_from(returns.max(0)).unwrap_or(u32::MAX),
            jobs_queue: None,
            receipt: if self.acknowledged {
                Receipt::Amqp(receipt)
            } else {
                Receipt::None
            },
        }
    }
}
