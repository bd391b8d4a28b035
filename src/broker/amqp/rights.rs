//! Tries every right that the worker needs, and changes nothing by it.
//!
//! RabbitMQ checks the right before it looks at the rest of a request. So a request that is
//! impossible for another reason shows whether the right is there: with it the answer is about the
//! impossible part, without it the answer is `ACCESS_REFUSED`.

use super::connect::Link;
use super::refusal::{Answer, rpc, short};
use super::topology::server_named;
use crate::broker::config::Config;
use crate::broker::error::BrokerError;
use crate::broker::message::Message;
use crate::broker::rights::{DEFAULT_EXCHANGE, MissingRight, Right, SERVER_NAMED};
use crate::broker::topology::{self, Queue, Role};
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, ExchangeKind};

/// All that are missing.
pub(super) async fn missing(
    link: &Link,
    config: &Config,
) -> Result<Vec<MissingRight>, BrokerError> {
    let trial = Trial {
        link,
        exchange: &config.control_exchange,
    };
    let mut missing = Vec::new();
    let queues = topology::queues(config);
    if config.declare_topology {
        for Queue { name, .. } in &queues {
            missing.extend(trial.configures_queue(name).await?);
        }
        missing.extend(trial.configures_exchange().await?);
    }
    missing.extend(trial.writes(DEFAULT_EXCHANGE).await?);
    missing.extend(trial.writes(&config.control_exchange).await?);
    // To declare a queue that dead-letters, RabbitMQ asks for the right to read it.
    let reads = |role: Role| role == Role::Work || (role == Role::Delay && config.declare_topology);
    for Queue { name, .. } in queues.iter().filter(|queue| reads(queue.role)) {
        missing.extend(trial.reads(name).await?);
    }
    missing.extend(trial.has_a_queue_of_its_own().await?);
    Ok(missing)
}

struct Trial<'a> {
    link: &'a Link,
    /// The control exchange.
    exchange: &'a str,
}

impl Trial<'_> {
    /// A dead-letter exchange is a text, and never a number.
    async fn configures_queue(&self, queue: &str) -> Result<Option<MissingRight>, BrokerError> {
        let (channel, arguments) = (
            self.link.channel().await?,
            one("x-dead-letter-exchange", AMQPValue::LongInt(1)),
        );
        let declaring = async {
            rpc(channel.queue_declare(short(queue)?, QueueDeclareOptions::durable(), arguments))
                .await
                .map(drop)
        };
        refused(declaring.await, Right::Configure)
    }

    async fn configures_exchange(&self) -> Result<Option<MissingRight>, BrokerError> {
        let (channel, arguments) = (
            self.link.channel().await?,
            one("alternate-exchange", AMQPValue::LongInt(1)),
        );
        let options = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let declaring = async {
            rpc(channel.exchange_declare(
                short(self.exchange)?,
                ExchangeKind::Fanout,
                options,
                arguments,
            ))
            .await
            .map(drop)
        };
        refused(declaring.await, Right::Configure)
    }

    /// A message's expiration is a number, and never a word.
    async fn writes(&self, exchange: &str) -> Result<Option<MissingRight>, BrokerError> {
        let channel = self.link.channel().await?;
        let exchange = if exchange == DEFAULT_EXCHANGE {
            ""
        } else {
            exchange
        };
        refused(publish_impossible(&channel, exchange).await, Right::Write)
    }

    /// A priority is a number, and never a word.
    async fn reads(&self, queue: &str) -> Result<Option<MissingRight>, BrokerError> {
        let channel = self.link.channel().await?;
        let arguments = one("x-priority", AMQPValue::LongString("none".into()));
        let consuming = async {
            rpc(channel.basic_consume(
                short(queue)?,
                server_named(),
                BasicConsumeOptions::default(),
                arguments,
            ))
            .await
            .map(drop)
        };
        refused(consuming.await, Right::Read)
    }

    /// As on the control exchange: declared, bound, and consumed from. It goes with its channel.
    async fn has_a_queue_of_its_own(&self) -> Result<Vec<MissingRight>, BrokerError> {
        let channel = self.link.channel().await?;
        let queue = match own_queue(&channel).await {
            Ok(queue) => queue,
            refusal => {
                return refused(refusal.map(drop), Right::Configure)
                    .map(|missing| missing.into_iter().collect());
            }
        };
        let mut missing = Vec::new();
        missing.extend(self.reads(queue.as_str()).await?);
        let binding = async {
            let (exchange, options) = (short(self.exchange)?, QueueBindOptions::default());
            rpc(channel.queue_bind(
                queue,
                exchange,
                ShortString::default(),
                options,
                FieldTable::default(),
            ))
            .await
        };
        missing.extend(match binding.await {
            // Needs writing to the queue and reading from the exchange; RabbitMQ 3 does not say
            // which, but it names the one or the other.
            Err(answer) => match answer.missing_right(Right::Read) {
                Some(missing) if missing.name.starts_with(SERVER_NAMED) => Some(MissingRight {
                    right: Right::Write,
                    ..missing
                }),
                Some(missing) => Some(missing),
                None => refused(Err(answer), Right::Read)?,
            },
            Ok(()) => None,
        });
        Ok(missing)
    }
}

/// Of a queue that the broker names. It is exclusive to this connection.
pub(super) async fn own_queue(channel: &Channel) -> Result<ShortString, Answer> {
    let options = QueueDeclareOptions::exclusive().auto_delete();
    rpc(channel.queue_declare(server_named(), options, FieldTable::default()))
        .await
        .map(|queue| queue.name().clone())
}

/// Takes back what was published to it; none where nothing is there.
pub(super) async fn take_back(channel: &Channel, queue: ShortString) -> Result<bool, BrokerError> {
    let name = queue.to_string();
    let taking = rpc(channel.basic_get(queue, BasicGetOptions { no_ack: true })).await;
    taking
        .map(|message| message.is_some())
        .map_err(|answer| answer.about(&name, Right::Read))
}

/// What is published by [`own_queue`]'s owner to find out whether it may.
pub(super) fn trial_message() -> Message {
    Message::json("invoice.trial", "{}")
}

async fn publish_impossible(channel: &Channel, exchange: &str) -> Result<(), Answer> {
    rpc(channel.confirm_select(ConfirmSelectOptions::default())).await?;
    let properties = BasicProperties::default().with_expiration("never".into());
    let publishing = channel.basic_publish(
        short(exchange)?,
        ShortString::default(),
        BasicPublishOptions::default(),
        &[],
        properties,
    );
    rpc(async { publishing.await?.await }).await.map(drop)
}

/// Any answer but a refusal of the right shows that the right is there.
fn refused(answer: Result<(), Answer>, needed: Right) -> Result<Option<MissingRight>, BrokerError> {
    match answer {
        Ok(()) => Ok(None),
        Err(Answer::Lost(cause)) => Err(BrokerError::Lost(cause)),
        Err(answer @ Answer::Refused { .. }) => Ok(answer.missing_right(needed)),
    }
}

fn one(name: &str, value: AMQPValue) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert(name.into(), value);
    arguments
}
