//! Tries every right that the worker needs, without changing anything.
//!
//! RabbitMQ checks the right before the rest of a request. So a request that is impossible for
//! another reason shows whether the right is there: the broker refuses the impossible part if it
//! is, and answers `ACCESS_REFUSED` if it is not.

use super::connection::BrokerConnection;
use super::queues::{bind, exclusive_queue, server_named};
use super::rpc::{RpcError, rpc, short};
use super::topology::declare_exchange;
use crate::broker::config::Config;
use crate::broker::error::BrokerError;
use crate::broker::rights::{MissingRight, Right, SERVER_NAMED};
use crate::broker::topology::{self, QueueDefinition, QueueRole};
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel};

/// All rights that this user lacks.
pub(super) async fn missing(
    connection: &BrokerConnection,
    config: &Config,
) -> Result<Vec<MissingRight>, BrokerError> {
    let trial = Trial {
        connection,
        control_exchange: &config.control_exchange,
    };
    let mut missing = Vec::new();
    let queues = topology::queues(config);
    if config.declare_topology {
        for QueueDefinition { name, .. } in &queues {
            missing.extend(trial.configures_queue(name).await?);
        }
        missing.extend(trial.configures_exchange().await?);
    }
    missing.extend(trial.writes("").await?);
    missing.extend(trial.writes(&config.control_exchange).await?);
    // RabbitMQ lets only a user that may read a queue declare it with dead-lettering.
    let reads = |role: QueueRole| {
        role == QueueRole::Work || (role == QueueRole::Delay && config.declare_topology)
    };
    for QueueDefinition { name, .. } in queues.iter().filter(|queue| reads(queue.role)) {
        missing.extend(trial.reads(name).await?);
    }
    if config.reads_ledger {
        missing.extend(trial.reads(&config.ledger_queue).await?);
    }
    missing.extend(trial.has_a_control_queue().await?);
    Ok(missing)
}

/// The right to declare this queue, if this user lacks it.
pub(super) async fn missing_to_declare(
    connection: &BrokerConnection,
    config: &Config,
    queue: &str,
) -> Result<Option<MissingRight>, BrokerError> {
    let trial = Trial {
        connection,
        control_exchange: &config.control_exchange,
    };
    trial.configures_queue(queue).await
}

struct Trial<'a> {
    connection: &'a BrokerConnection,
    control_exchange: &'a str,
}

impl Trial<'_> {
    /// The name of a dead-letter exchange cannot be a number.
    async fn configures_queue(&self, queue: &str) -> Result<Option<MissingRight>, BrokerError> {
        let channel = self.connection.channel().await?;
        let arguments = one("x-dead-letter-exchange", AMQPValue::LongInt(1));
        let declaring = async {
            rpc(channel.queue_declare(short(queue)?, QueueDeclareOptions::durable(), arguments))
                .await
        };
        refused_right(declaring.await.map(drop), Right::Configure)
    }

    /// The name of an alternate exchange cannot be a number.
    async fn configures_exchange(&self) -> Result<Option<MissingRight>, BrokerError> {
        let arguments = one("alternate-exchange", AMQPValue::LongInt(1));
        let declared = declare_exchange(self.connection, self.control_exchange, false, arguments);
        refused_right(declared.await?, Right::Configure)
    }

    /// The expiration of a message cannot be a word. The default exchange has the empty name.
    async fn writes(&self, exchange: &str) -> Result<Option<MissingRight>, BrokerError> {
        let channel = self.connection.channel().await?;
        refused_right(publish_impossible(&channel, exchange).await, Right::Write)
    }

    /// The priority of a consumer cannot be a word.
    async fn reads(&self, queue: &str) -> Result<Option<MissingRight>, BrokerError> {
        let channel = self.connection.channel().await?;
        let arguments = one("x-priority", AMQPValue::LongString("none".into()));
        let options = BasicConsumeOptions::default();
        let consuming = async {
            rpc(channel.basic_consume(short(queue)?, server_named(), options, arguments)).await
        };
        refused_right(consuming.await.map(drop), Right::Read)
    }

    /// A queue like that on the control exchange: declared, bound, and consumed from. It goes with
    /// its channel.
    async fn has_a_control_queue(&self) -> Result<Vec<MissingRight>, BrokerError> {
        let channel = self.connection.channel().await?;
        let queue = match exclusive_queue(&channel, FieldTable::default()).await {
            Ok(queue) => queue,
            Err(error) => {
                return refused_right(Err(error), Right::Configure).map(Vec::from_iter);
            }
        };
        let mut missing = Vec::new();
        missing.extend(self.reads(queue.as_str()).await?);
        let bound = bind(&channel, &queue, self.control_exchange).await;
        // RabbitMQ 3 does not name the right, but the queue or the exchange that it concerns.
        missing.extend(
            refused_right(bound, Right::Read)?.map(|missing| MissingRight {
                right: if missing.name.starts_with(SERVER_NAMED) {
                    Right::Write
                } else {
                    missing.right
                },
                ..missing
            }),
        );
        Ok(missing)
    }
}

async fn publish_impossible(channel: &Channel, exchange: &str) -> Result<(), RpcError> {
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

/// The right that the broker refused. Any other refusal shows that the right is there.
fn refused_right(
    answer: Result<(), RpcError>,
    needed: Right,
) -> Result<Option<MissingRight>, BrokerError> {
    match answer {
        Ok(()) => Ok(None),
        Err(RpcError::Lost(cause)) => Err(BrokerError::Lost(cause)),
        Err(error @ RpcError::Refused { .. }) => Ok(error.missing_right(needed)),
    }
}

fn one(name: &str, value: AMQPValue) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert(name.into(), value);
    arguments
}
