//! Deliveries of one queue, and their acknowledgement.

use super::connect::Link;
use super::lost::Lost;
use super::refusal::{Answer, rpc, short};
use super::{properties, topology};
use crate::broker::error::BrokerError;
use crate::broker::message::Message;
use crate::broker::rights::Right;
use crate::broker::session::{self, Delivery, Settled};
use bytes::Bytes;
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Acker, Channel};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::RwLock;
use tokio::time::timeout;

/// An acknowledgement is done when it is written, which a dead peer can hold up until the heartbeat
/// fails.
const ACK_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Consumer {
    channel: Channel,
    stream: lapin::Consumer,
    state: State,
    acknowledged: bool,
    prefetch: usize,
    unsettled: Arc<Unsettled>,
    /// Taken from the queue while the consumer was cancelled; handed out last.
    taken: Option<Delivery>,
    lost: Lost,
}

/// What one consumer handed out, and its acknowledgements.
#[derive(Debug, Default)]
struct Unsettled {
    deliveries: AtomicUsize,
    /// Acknowledgements share it; a cancellation has it alone.
    settling: RwLock<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// By us: what is left in the stream is still handed out.
    Cancelled,
    /// The stream must not be polled again: it is not fused.
    Ended,
}

/// Keeps the channel open: an acknowledgement on a closed one is lost.
#[derive(Debug)]
pub(in crate::broker) struct Receipt {
    acker: Acker,
    unsettled: Arc<Unsettled>,
    lost: Lost,
    _channel: Channel,
}

impl Consumer {
    pub(super) async fn of_queue(
        link: &Link,
        queue: &str,
        prefetch: u16,
        lost: Lost,
    ) -> Result<Self, BrokerError> {
        let channel = link.channel().await?;
        let about = |answer: Answer| answer.about(queue, Right::Read);
        let name = short(queue).map_err(about)?;
        // Before consuming: the client's buffer has no bound of its own.
        rpc(channel.basic_qos(prefetch, BasicQosOptions::default()))
            .await
            .map_err(about)?;
        Self::start(channel, name, true, prefetch.into(), lost)
            .await
            .map_err(about)
    }

    pub(super) async fn unacknowledged(
        channel: Channel,
        queue: ShortString,
        lost: Lost,
    ) -> Result<Self, BrokerError> {
        let name = queue.to_string();
        Self::start(channel, queue, false, 0, lost)
            .await
            .map_err(|answer| answer.about(&name, Right::Read))
    }

    async fn start(
        channel: Channel,
        queue: ShortString,
        acknowledged: bool,
        prefetch: usize,
        lost: Lost,
    ) -> Result<Self, Answer> {
        let options = BasicConsumeOptions {
            no_ack: !acknowledged,
            ..BasicConsumeOptions::default()
        };
        let stream = rpc(channel.basic_consume(
            queue,
            topology::server_named(),
            options,
            FieldTable::default(),
        ))
        .await?;
        Ok(Self {
            channel,
            stream,
            state: State::Open,
            acknowledged,
            prefetch,
            unsettled: Arc::default(),
            taken: None,
            lost,
        })
    }

    pub(in crate::broker) async fn next(&mut self) -> Option<Delivery> {
        if self.state == State::Ended {
            return None;
        }
        match self.stream.next().await {
            Some(Ok(delivery)) => return Some(self.delivery(delivery)),
            Some(Err(error)) => self.lost.because(error),
            None if self.state == State::Open => self.cancelled_by_the_broker(),
            None => {}
        }
        self.state = State::Ended;
        self.taken.take()
    }

    /// Its queue was deleted, say. Channel and connection live on: what was handed out can still be
    /// answered, and nobody else will. What is handed out for good is missed by nobody, so there
    /// the whole session has to begin anew.
    fn cancelled_by_the_broker(&self) {
        let cause = format!("the broker ended the consumer of {}", self.stream.queue());
        if self.acknowledged {
            self.lost.blame(cause);
        } else {
            self.lost.because(cause);
        }
    }

    /// The prefetch of a consumer is fixed, and one of the whole channel is not to be had of quorum
    /// queues. But the next consumer on the channel has its own, and what the first one handed out
    /// stays in hand as long as the channel does.
    pub(in crate::broker) async fn hold_more(&mut self) -> Result<(), BrokerError> {
        let queue = self.stream.queue();
        let next = Self::start(
            self.channel.clone(),
            queue.clone(),
            self.acknowledged,
            self.prefetch,
            self.lost.clone(),
        )
        .await;
        *self = next.map_err(|answer| answer.about(queue.as_str(), Right::Read))?;
        Ok(())
    }

    pub(in crate::broker) async fn cancel(&mut self) {
        if self.state != State::Open {
            return;
        }
        self.state = State::Cancelled;
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
            self.state = State::Ended;
            self.lost.because("no answer to the end of a consumer");
        }
    }

    /// May the broker assign another message to this consumer? Not while all that it may hand out
    /// is here and unacknowledged.
    fn has_room(&self) -> bool {
        self.prefetch == 0 || self.unsettled.deliveries.load(Ordering::Acquire) < self.prefetch
    }

    /// RabbitMQ assigns the next message of a quorum queue to a consumer when an acknowledgement
    /// makes room. If the consumer is cancelled before that message has reached the channel, the
    /// broker takes it back and counts it as delivered once more, although no client ever saw it:
    /// after some of that a job would seem to have killed its workers. So while no acknowledgement
    /// is under way the queue is asked for a message directly: the answer comes behind everything
    /// that was assigned before, and there is none unless the consumer has all that it may have. In
    /// a cluster, what another replica hands out may still be later.
    async fn take_one(&self) -> Option<Delivery> {
        let taking = self
            .channel
            .basic_get(self.stream.queue(), BasicGetOptions::default());
        match rpc(taking).await {
            Ok(taken) => taken.map(|taken| self.delivery(taken.delivery)),
            // The cancellation meets the same trouble, and tells it.
            Err(_) => None,
        }
    }

    fn delivery(&self, delivery: lapin::message::Delivery) -> Delivery {
        let properties = properties::received(&delivery.properties);
        // On a first delivery the broker adds none, and what is there was sent by a stranger.
        let returns = properties
            .headers
            .number("x-delivery-count")
            .filter(|_| delivery.redelivered)
            .unwrap_or(0);
        self.unsettled.deliveries.fetch_add(1, Ordering::AcqRel);
        let unsettled = Arc::clone(&self.unsettled);
        let receipt = Receipt {
            acker: delivery.acker,
            unsettled,
            lost: self.lost.clone(),
            _channel: self.channel.clone(),
        };
        Delivery {
            message: Message {
                body: Bytes::from(delivery.data),
                properties,
            },
            redelivered: delivery.redelivered,
            delivery_count: u32::try_from(returns.max(0)).unwrap_or(u32::MAX),
            receipt: if self.acknowledged {
                session::Receipt::Amqp(receipt)
            } else {
                session::Receipt::None
            },
        }
    }
}

impl Receipt {
    pub(in crate::broker) async fn acknowledge(self) -> Settled {
        let _shared = self.unsettled.settling.read().await;
        let acknowledging = timeout(ACK_TIMEOUT, self.acker.ack(BasicAckOptions::default()));
        // `Ok(false)` is lapin's word for a channel that is gone.
        if let Ok(Ok(true)) = acknowledging.await {
            self.unsettled.deliveries.fetch_sub(1, Ordering::AcqRel);
            return Settled::Acknowledged;
        }
        self.lost
            .because("an acknowledgement found its channel gone");
        Settled::Lost
    }
}
