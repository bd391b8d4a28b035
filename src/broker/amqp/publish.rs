//! Publishes persistent, mandatory messages and waits for their confirms.

use super::channels::ConfirmChannels;
use super::connection::BrokerConnection;
use super::direct_reply::{self, DirectReplies};
use super::endpoint::Endpoint;
use super::late_confirms::LateConfirms;
use super::loss::SessionLoss;
use super::properties;
use super::rpc::short;
use super::single_publish::SinglePublishes;
use crate::broker::config::Config;
use crate::broker::error::PublishError;
use crate::broker::frame::{header_frame_bytes, room_for_properties};
use crate::broker::message::Message;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// The publishes in flight at once: enough for every job in flight by default, and far below the
/// 2,047 channels that RabbitMQ allows by default.
const CHANNELS: usize = 64;
/// The further publishes whose confirm is late, so that they do not keep others from starting.
const LATE_CHANNELS: usize = 256;

/// When the broker confirms several messages at once, lapin can attach a returned message to the
/// confirm of another publish. So each channel has one publish in flight, and there are many
/// channels.
#[derive(Clone, Debug)]
pub struct AmqpPublisher(Arc<PublishPool>);

#[derive(Debug)]
struct PublishPool {
    connection: BrokerConnection,
    channels: ConfirmChannels,
    direct_replies: DirectReplies,
    control_exchange: String,
    confirm_timeout: Duration,
    /// One for each publish in flight, except announcements and late confirms.
    permits: Semaphore,
    late_permits: Semaphore,
    late: LateConfirms,
    singles: SinglePublishes,
    /// Announcements have a permit of their own: a worker whose jobs wait for confirms is alive,
    /// and says so.
    announcements: Semaphore,
    loss: SessionLoss,
}

/// The exchange and routing key of a message.
struct Route {
    exchange: ShortString,
    key: ShortString,
    mandatory: bool,
}

impl AmqpPublisher {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        connection: BrokerConnection,
        config: &Config,
        loss: SessionLoss,
    ) -> Self {
        let allowed = match connection.channel_max() {
            0 => usize::MAX,
            allowed => usize::from(allowed),
        };
        let confirm_timeout = config.publish_timeout.duration();
        Self(Arc::new(PublishPool {
            channels: ConfirmChannels::new(connection.clone(), loss.clone()),
            connection,
            direct_replies: DirectReplies::new(endpoint),
            control_exchange: config.control_exchange.clone(),
            confirm_timeout,
            // Half of the channels and one less: requests about the topology and announcements
            // need channels, too.
            permits: Semaphore::new(CHANNELS.min((allowed / 2).saturating_sub(1)).max(1)),
            late_permits: Semaphore::new(LATE_CHANNELS.min(allowed / 4)),
            late: LateConfirms::new(confirm_timeout),
            singles: SinglePublishes::default(),
            announcements: Semaphore::new(1),
            loss,
        }))
    }

    /// Waits for the confirm as long as the connection lives. [`PublishError::TimedOut`] means that
    /// nothing was sent.
    pub(in crate::broker) async fn publish(
        &self,
        queue: &str,
        message: &Message,
    ) -> Result<(), PublishError> {
        // Boxed: the future is large, and part of every future that publishes.
        Box::pin(self.0.publish(Route::to_queue(queue)?, message)).await
    }

    /// Publishes like [`AmqpPublisher::publish`], but gives up after `broker.publish_timeout`. A
    /// message that was sent and has no confirm yet is not sent again on this connection: the next
    /// call with the same `id` waits for the same confirm.
    pub(in crate::broker) async fn publish_once(
        &self,
        queue: &str,
        id: &str,
        message: &Message,
    ) -> Result<(), PublishError> {
        let route = Route::to_queue(queue)?;
        let (pool, message) = (Arc::clone(&self.0), message.clone());
        let publish = move || async move { pool.publish(route, &message).await };
        self.0
            .singles
            .publish(queue, id, self.0.confirm_timeout, publish)
            .await
    }

    /// Gives up after `broker.publish_timeout`: the next announcement replaces this one.
    pub(in crate::broker) async fn announce(&self, message: &Message) -> Result<(), PublishError> {
        let route = Route {
            exchange: short(&self.0.control_exchange)?,
            key: ShortString::default(),
            mandatory: false,
        };
        Box::pin(self.0.announce(route, message)).await
    }

    pub(in crate::broker) fn room_for_properties(&self) -> usize {
        room_for_properties(self.0.connection.frame_max())
    }

    pub(super) fn close_idle_channels(&self) {
        self.0.channels.close_idle();
    }

    pub(super) async fn close(&self) {
        self.0.direct_replies.close().await;
    }
}

impl Route {
    fn to_queue(queue: &str) -> Result<Self, PublishError> {
        Ok(Self {
            exchange: ShortString::default(),
            key: short(queue)?,
            mandatory: true,
        })
    }
}

impl PublishPool {
    async fn publish(&self, route: Route, message: &Message) -> Result<(), PublishError> {
        self.refuse_oversized_headers(message)?;
        self.while_connected(async {
            let mut held_permit = Some(self.in_time(self.permit_to_send()).await?);
            // Opening a channel has its own bound: where that takes long, confirms do, too.
            let publishing = async {
                if direct_reply::is_direct(&route.key) {
                    return self.direct_replies.publish(&route.key, message).await;
                }
                let channel = self.channels.take().await?;
                self.publish_on(channel, route, message).await
            };
            let make_room = || {
                if let Ok(late) = self.late_permits.try_acquire() {
                    held_permit.replace(late);
                }
            };
            self.late.wait(publishing, make_room).await
        })
        .await
    }

    async fn announce(&self, route: Route, message: &Message) -> Result<(), PublishError> {
        self.while_connected(self.in_time(async {
            let _permit = permit(&self.announcements).await?;
            self.connection.unblocked().await;
            let channel = self.channels.take().await?;
            self.publish_on(channel, route, message).await
        }))
        .await
    }

    /// Waits until the broker accepts messages. Every message that is sent to a blocked connection
    /// arrives in the end, however often it was given up and sent again.
    async fn permit_to_send(&self) -> Result<SemaphorePermit<'_>, PublishError> {
        let permit = permit(&self.permits).await?;
        self.connection.unblocked().await;
        Ok(permit)
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, PublishError>>,
    ) -> Result<T, PublishError> {
        timeout(self.confirm_timeout, work)
            .await
            .unwrap_or(Err(PublishError::TimedOut))
    }

    async fn while_connected(
        &self,
        publishing: impl Future<Output = Result<(), PublishError>>,
    ) -> Result<(), PublishError> {
        let published = tokio::select! {
            published = publishing => published,
            () = self.loss.token().cancelled() => Err(PublishError::Lost),
        };
        match published {
            // Not lost: it was in flight when the broker ceased to read.
            Err(PublishError::Lost) if self.connection.is_blocked() && !self.loss.is_over() => {
                Err(PublishError::TimedOut)
            }
            Err(PublishError::Lost) => {
                self.loss.end_because("a publish found its connection gone");
                Err(PublishError::Lost)
            }
            published => published,
        }
    }

    /// Gives the channel back after an ack only. RabbitMQ 3.10 refuses every message on a channel
    /// that met the queue while it had no leader, and accepts them on a new one.
    async fn publish_on(
        &self,
        channel: Channel,
        route: Route,
        message: &Message,
    ) -> Result<(), PublishError> {
        let properties = properties::to_send(&message.properties)?;
        let options = BasicPublishOptions {
            mandatory: route.mandatory,
            ..BasicPublishOptions::default()
        };
        let publishing = channel.basic_publish(
            route.exchange,
            route.key,
            options,
            &message.body,
            properties,
        );
        let confirmed = async { publishing.await?.await }.await;
        let confirmation =
            confirmed.map_err(|error: lapin::Error| self.channels.failed(error.into()))?;
        if confirmation.is_ack() {
            self.channels.give_back(channel);
        }
        match confirmation {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) => Err(PublishError::Returned),
            Confirmation::Nack(_) => Err(PublishError::Nacked),
            Confirmation::NotRequested => {
                Err(PublishError::Refused("the channel does not confirm".into()))
            }
        }
    }

    /// Properties travel in one frame. The broker would not refuse a larger one but close the
    /// connection, again and again.
    fn refuse_oversized_headers(&self, message: &Message) -> Result<(), PublishError> {
        let frame = usize::try_from(self.connection.frame_max()).unwrap_or(usize::MAX);
        let needed = header_frame_bytes(&message.properties);
        if frame > 0 && needed > frame {
            return Err(PublishError::Refused(
                format!("its properties and headers need {needed} bytes, and a frame has {frame}")
                    .into(),
            ));
        }
        Ok(())
    }
}

async fn permit(permits: &Semaphore) -> Result<SemaphorePermit<'_>, PublishError> {
    // Never an error: the semaphores are never closed.
    permits.acquire().await.map_err(|_| PublishError::Lost)
}
