//! A queue of ours that somebody else was there first to declare.

use invoice_worker::broker::Config;
use invoice_worker::broker::topology::{Argument, queues};
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};

/// An argument that is left out, or has another number.
pub(crate) type Change = (&'static str, Option<i64>);

/// Declares one of our queues as somebody else might have.
pub(crate) async fn declare_otherwise(
    config: &Config,
    name: &str,
    durable: bool,
    changes: &[Change],
) {
    let queue = queues(config)
        .into_iter()
        .find(|queue| queue.name == name)
        .expect("one of our queues");
    let is_quorum = !changes
        .iter()
        .any(|(changed, _)| *changed == "x-queue-type");
    let mut arguments = FieldTable::default();
    for (argument, value) in queue.arguments {
        let only_quorum = ["x-delivery-limit", "x-dead-letter-strategy"].contains(&argument);
        if changes.iter().any(|(changed, _)| *changed == argument) || (only_quorum && !is_quorum) {
            continue;
        }
        arguments.insert(argument.into(), amqp(value));
    }
    for (argument, value) in changes {
        if let Some(value) = value {
            arguments.insert((*argument).into(), AMQPValue::LongLongInt(*value));
        }
    }
    declare(config, name, durable, arguments).await;
}

/// Declares one of our queues with other values of these arguments.
pub(crate) async fn declare_with(config: &Config, name: &str, changes: &[(&str, Argument)]) {
    let queue = queues(config)
        .into_iter()
        .find(|queue| queue.name == name)
        .expect("one of our queues");
    let mut arguments = FieldTable::default();
    for (argument, value) in queue.arguments {
        arguments.insert(argument.into(), amqp(value));
    }
    for (argument, value) in changes {
        arguments.insert((*argument).into(), amqp(value.clone()));
    }
    declare(config, name, true, arguments).await;
}

fn amqp(value: Argument) -> AMQPValue {
    match value {
        Argument::Text(text) => AMQPValue::LongString(text.into()),
        Argument::Number(number) => AMQPValue::LongLongInt(number),
        Argument::Flag(flag) => AMQPValue::Boolean(flag),
    }
}

async fn declare(config: &Config, name: &str, durable: bool, arguments: FieldTable) {
    let connection = Connection::connect(config.urls[0].expose(), ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = QueueDeclareOptions {
        durable,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(name.into(), options, arguments)
        .await
        .unwrap();
}
