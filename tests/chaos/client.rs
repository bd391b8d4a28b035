//! Who submits: a client of RabbitMQ as others write it, with publisher confirms and an
//! `expiration` where the plan wants one.

use invoice_worker::broker::Message;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

const PERSISTENT: u8 = 2;

pub(crate) struct Client {
    urls: Vec<String>,
    channel: Option<(Connection, Channel)>,
}

impl Client {
    pub(crate) fn new(urls: Vec<String>) -> Self {
        Self {
            urls,
            channel: None,
        }
    }

    /// As clients ought to have them: they survive a restart of the broker. `room` is how many
    /// messages fit, the next are refused.
    pub(crate) async fn declare(&mut self, queue: &str, room: Option<u16>) -> lapin::Result<()> {
        let mut arguments = FieldTable::default();
        let kind = if room.is_some() { "classic" } else { "quorum" };
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
        if let Some(room) = room {
            arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(room.into()));
            arguments.insert(
                "x-overflow".into(),
                AMQPValue::LongString("reject-publish".into()),
            );
        }
        let options = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        self.channel()
            .await?
            .queue_declare(queue.into(), options, arguments)
            .await
            .map(drop)
    }

    pub(crate) async fn delete(&mut self, queue: &str) -> lapin::Result<()> {
        self.channel()
            .await?
            .queue_delete(queue.into(), QueueDeleteOptions::default())
            .await
            .map(drop)
    }

    /// True when the broker has it.
    pub(crate) async fn publish(&mut self, queue: &str, message: &Message) -> lapin::Result<bool> {
        let mandatory = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let properties = properties(message);
        let channel = self.channel().await?;
        let confirm = channel
            .basic_publish(
                "".into(),
                queue.into(),
                mandatory,
                &message.body,
                properties,
            )
            .await?;
        Ok(matches!(confirm.await?, Confirmation::Ack(None)))
    }

    /// The next one, after a failure.
    pub(crate) fn hang_up(&mut self) {
        self.channel = None;
    }

    async fn channel(&mut self) -> lapin::Result<Channel> {
        if let Some((connection, channel)) = &self.channel
            && connection.status().connected()
            && channel.status().connected()
        {
            return Ok(channel.clone());
        }
        self.urls.rotate_left(1);
        let connection =
            Connection::connect(&self.urls[0], ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        self.channel = Some((connection, channel.clone()));
        Ok(channel)
    }
}

fn properties(message: &Message) -> BasicProperties {
    let given = &message.properties;
    let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    if let Some(kind) = &given.content_type {
        properties = properties.with_content_type(kind.as_str().into());
    }
    if let Some(queue) = &given.reply_to {
        properties = properties.with_reply_to(queue.as_str().into());
    }
    if let Some(id) = &given.correlation_id {
        properties = properties.with_correlation_id(id.as_str().into());
    }
    if let Some(id) = &given.message_id {
        properties = properties.with_message_id(id.as_str().into());
    }
    if let Some(at) = given.timestamp {
        properties = properties.with_timestamp(at);
    }
    if let Some(life) = given.expiration {
        properties = properties.with_expiration(life.as_millis().to_string().into());
    }
    properties
}
