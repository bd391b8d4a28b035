//! Persistent, mandatory, confirmed.

use super::connect::Link;
use super::direct_reply::{self, DirectReplies};
use super::late::LateConfirms;
use super::lost::Lost;
use super::peer::Peer;
use super::properties;
use super::refusal::{Answer, Refusal, rpc, short};
use super::single_publish::SinglePublishes;
use crate::broker::config::Config;
use crate::broker::error::PublishError;
use crate::broker::frame::{header_frame_bytes, room_for_properties};
use crate::broker::message::Message;
use crate::broker::rights::Right;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{Channel, Confirmation};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Publishes in flight at once: enough for every job in flight by default, far below the 2,047
/// channels RabbitMQ allows by default.
const CHANNELS: usize = 64;
/// Beside them, those whose confirm is late: they must not keep others from being published.
const LATE_CHANNELS: usize = 256;

/// A returned message can be attached to another publish's confirm when the broker confirms several
/// at once, so each channel has one publish in flight, and many channels make up for it.
#[derive(Clone, Debug)]
pub struct Publisher(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    link: Link,
    direct_replies: DirectReplies,
    control_exchange: String,
    confirm_timeout: Duration,
    /// One for each channel, idle or at work, but for that of announcements.
    permits: Semaphore,
    late_permits: Semaphore,
    late: LateConfirms,
    singles: SinglePublishes,
    /// Of announcements: a worker whose jobs wait for confirms is alive all the same.
    announcements: Semaphore,
    idle: Mutex<Vec<Channel>>,
    lost: Lost,
}

/// Where a message goes.
struct Route {
    exchange: ShortString,
    key: ShortString,
    mandatory: bool,
}

impl Publisher {
    pub(super) fn new(peer: Peer, link: Link, config: &Config, lost: Lost) -> Self {
        // Half and one less, because questions about the topology have channels of their own, and
        // announcements.
        let allowed = match link.channel_max() {
            0 => usize::MAX,
            allowed => usize::from(allowed),
        };
        let confirm_timeout = config.publish_timeout.duration();
        Self(Arc::new(Pool {
            link,
            direct_replies: DirectReplies::new(peer),
            control_exchange: config.control_exchange.clone(),
            confirm_timeout,
            permits: Semaphore::new(CHANNELS.min((allowed / 2).saturating_sub(1)).max(1)),
            late_permits: Semaphore::new(LATE_CHANNELS.min(allowed / 4)),
            late: LateConfirms::new(confirm_timeout),
            singles: SinglePublishes::default(),
            announcements: Semaphore::new(1),
            idle: Mutex::new(Vec::new()),
            lost,
        }))
    }

    /// Waits for the confirm as long as the connection lives. [`PublishError::TimedOut`] means that
    /// nothing was sent.
    pub(in crate::broker) async fn publish(
        &self,
        queue: &str,
        message: &Message,
    ) -> Result<(), PublishError> {
        // Boxed: it is large, and part of every future that publishes.
        Box::pin(self.0.publish(Route::to_queue(queue)?, message)).await
    }

    /// As [`Publisher::publish`], but gives up after `broker.publish_timeout`. What was sent and
    /// has no confirm yet is not sent again on this connection: the next to publish the same `id`
    /// waits for the same confirm.
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

    /// Given up after `broker.publish_timeout`: the next one says the same, and newer.
    pub(in crate::broker) async fn announce(&self, message: &Message) -> Result<(), PublishError> {
        let route = Route {
            exchange: short(&self.0.control_exchange)?,
            key: ShortString::default(),
            mandatory: false,
        };
        Box::pin(self.0.announce(route, message)).await
    }

    pub(in crate::broker) fn room_for_properties(&self) -> usize {
        room_for_properties(self.0.link.frame_max())
    }

    /// What is published next opens a channel: RabbitMQ remembers on each channel for as long as it
    /// lives what its user was allowed.
    pub(super) fn close_idle_channels(&self) {
        self.0
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
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

impl Pool {
    async fn publish(&self, route: Route, message: &Message) -> Result<(), PublishError> {
        self.refuse_oversized_headers(message)?;
        self.while_it_lives(async {
            let mut permit = Some(self.in_time(self.leave_to_publish()).await?);
            // Opening a channel has its own bound: where that takes long, confirms do, too.
            let publishing = async {
                if direct_reply::is_direct(&route.key) {
                    return self.direct_replies.publish(&route.key, message).await;
                }
                let channel = self.channel().await?;
                self.publish_on(channel, route, message).await
            };
            let make_room = || {
                if let Ok(late) = self.late_permits.try_acquire() {
                    permit.replace(late);
                }
            };
            self.late.wait(publishing, make_room).await
        })
        .await
    }

    async fn announce(&self, route: Route, message: &Message) -> Result<(), PublishError> {
        self.while_it_lives(self.in_time(async {
            let _permit = permit(&self.announcements).await?;
            self.link.unblocked().await;
            let channel = self.channel().await?;
            self.publish_on(channel, route, message).await
        }))
        .await
    }

    /// Each message that is handed over while the broker takes none would be sent after all,
    /// however often it was given up and tried again.
    async fn leave_to_publish(&self) -> Result<SemaphorePermit<'_>, PublishError> {
        let permit = permit(&self.permits).await?;
        self.link.unblocked().await;
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

    async fn while_it_lives(
        &self,
        publishing: impl Future<Output = Result<(), PublishError>>,
    ) -> Result<(), PublishError> {
        let published = tokio::select! {
            published = publishing => published,
            () = self.lost.token().cancelled() => Err(PublishError::Lost),
        };
        match published {
            // Not lost: it was in the air when the broker ceased to read.
            Err(PublishError::Lost) if self.link.is_blocked() && !self.lost.is_lost() => {
                Err(PublishError::TimedOut)
            }
            Err(PublishError::Lost) => {
                self.lost.because("a publish found its connection gone");
                Err(PublishError::Lost)
            }
            published => published,
        }
    }

    /// A channel goes back only after its confirm: one that was given up on could hand the late
    /// confirm to the next message. Nor does one that was refused: RabbitMQ 3.10 refuses for ever
    /// on a channel that met the queue while it had no leader, and on a new one takes it.
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
        let confirmation = publishing
            .await
            .map_err(|error| self.failed(error.into()))?
            .await
            .map_err(|error| self.failed(error.into()))?;
        if confirmation.is_ack() {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(channel);
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

    async fn channel(&self) -> Result<Channel, PublishError> {
        while let Some(channel) = self.take_idle() {
            if channel.status().connected() {
                return Ok(channel);
            }
        }
        let channel = self.link.channel().await.map_err(|error| {
            self.lost.blame(error);
            PublishError::Lost
        })?;
        rpc(channel.confirm_select(ConfirmSelectOptions::default()))
            .await
            .map_err(|answer| self.failed(answer))?;
        Ok(channel)
    }

    /// Callers are told that it is lost; the log is told why.
    fn failed(&self, answer: Answer) -> PublishError {
        if let Answer::Lost(cause) = &answer {
            self.lost.blame(cause);
        }
        answer.into()
    }

    fn take_idle(&self) -> Option<Channel> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    /// Properties travel in one frame. A larger one would not be refused but end the connection,
    /// again and again.
    fn refuse_oversized_headers(&self, message: &Message) -> Result<(), PublishError> {
        let frame = usize::try_from(self.link.frame_max()).unwrap_or(usize::MAX);
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
    // Never closed, so this cannot fail; were it closed, nothing could be published.
    permits.acquire().await.map_err(|_| PublishError::Lost)
}

impl From<Answer> for PublishError {
    fn from(answer: Answer) -> Self {
        if let Some(missing) = answer.missing_right(Right::Write) {
            return Self::Forbidden(Box::new(missing));
        }
        match answer {
            // The exchange is gone: nothing takes the message to a queue.
            Answer::Refused {
                refusal: Refusal::NotFound,
                ..
            } => Self::Returned,
            Answer::Refused { cause, .. } => Self::Refused(cause),
            Answer::Lost(_) => Self::Lost,
        }
    }
}
