//! Declares or checks what the broker must have.

use super::connect::Link;
use super::inspect::{Inspected, depth, inspect};
use super::refusal::{Answer, Refusal, rpc, short};
use crate::broker::config::Config;
use crate::broker::error::{BrokerError, MISSING};
use crate::broker::rights::Right;
use crate::broker::topology::{
    self, Argument, CONTROL_LENGTH, CONTROL_TTL, Differences, ExistingQueue, Queue, QueueFlaw,
    Severity, TEMPORARY_EXPIRY, milliseconds, number,
};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};
use std::collections::BTreeMap;

const DECLARE: &str = "declare it (`invoice-worker topology declare`), or start one worker with broker.declare_topology = true";

/// Declares what is missing, where the configuration says so. The first queue that cannot be used
/// is the error; others are logged.
pub(super) async fn establish(link: &Link, config: &Config) -> Result<(), BrokerError> {
    let mut found = Differences::default();
    for queue in topology::queues(config) {
        compare(link, config, &queue, !config.declare_topology, &mut found).await?;
    }
    for (queue, flaw) in &found.tolerated {
        let mend = Some(flaw.consequence).filter(|consequence| !consequence.is_empty());
        tracing::warn!(queue, difference = %flaw, mend, "queue differs and is used as it is");
    }
    let mut mismatches = found.mismatches.into_iter();
    if let Some(first) = mismatches.next() {
        mismatches.for_each(|problem| tracing::error!(%problem, "a queue cannot be used"));
        return Err(first);
    }
    control_exchange(link, config, !config.declare_topology).await
}

/// Nothing is declared.
pub(super) async fn differences(link: &Link, config: &Config) -> Result<Differences, BrokerError> {
    let mut found = Differences::default();
    for queue in topology::queues(config) {
        compare(link, config, &queue, true, &mut found).await?;
    }
    let exchange = match control_exchange(link, config, true).await {
        Ok(()) => compare_exchange(link, config).await,
        asked => asked,
    };
    match exchange {
        Err(mismatch @ BrokerError::TopologyMismatch { .. }) => found.mismatches.push(mismatch),
        compared => compared?,
    }
    Ok(found)
}

/// The names of those of our queues that do not exist, and of the control exchange. Asks and
/// changes nothing.
pub(super) async fn missing(link: &Link, config: &Config) -> Result<Vec<String>, BrokerError> {
    let mut missing = Vec::new();
    for Queue { name, .. } in topology::queues(config) {
        if depth(link, &name).await?.is_none() {
            missing.push(name);
        }
    }
    match control_exchange(link, config, true).await {
        Err(error) if error.is_missing() => missing.push(config.control_exchange.clone()),
        found => found?,
    }
    Ok(missing)
}

/// The broker gives it a name.
pub(super) fn server_named() -> ShortString {
    ShortString::default()
}

/// Messages ready in a queue that exists.
pub(super) async fn passive(channel: &Channel, queue: &str) -> Result<u32, Answer> {
    let declaring = channel.queue_declare(
        short(queue)?,
        QueueDeclareOptions::default().passive(),
        FieldTable::default(),
    );
    rpc(declaring).await.map(|queue| queue.message_count())
}

pub(super) async fn control_queue(
    channel: &Channel,
    exchange: &str,
) -> Result<ShortString, BrokerError> {
    let limits = [
        ("x-max-length", number(CONTROL_LENGTH)),
        ("x-message-ttl", number(milliseconds(CONTROL_TTL))),
    ];
    let options = QueueDeclareOptions::exclusive().auto_delete();
    let declaring = rpc(channel.queue_declare(server_named(), options, table(&arguments(limits))));
    let queue = declaring
        .await
        .map_err(|answer| answer.about(exchange, Right::Configure))?
        .name()
        .clone();
    bind_control_queue(channel, &queue, exchange).await?;
    Ok(queue)
}

/// Changes nothing where it is bound already.
pub(super) async fn bind_control_queue(
    channel: &Channel,
    queue: &ShortString,
    exchange: &str,
) -> Result<(), BrokerError> {
    let about = |answer: Answer| {
        // The queue has to be written to, and the exchange to be read from.
        let is_of_queue = answer
            .missing_right(Right::Write)
            .is_some_and(|missing| missing.name == queue.as_str());
        answer.about(
            exchange,
            if is_of_queue {
                Right::Write
            } else {
                Right::Read
            },
        )
    };
    let name = short(exchange).map_err(about)?;
    let binding = channel.queue_bind(
        queue.clone(),
        name,
        ShortString::default(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    rpc(binding).await.map_err(about)
}

/// Durable, because RabbitMQ 4 gives up transient queues that are not exclusive; not exclusive, so
/// that it outlives its connection.
pub(super) async fn temporary_queue(channel: &Channel, name: &str) -> Result<(), BrokerError> {
    let about = |answer: Answer| answer.about(name, Right::Configure);
    let classic = [
        ("x-queue-type", Argument::Text("classic".to_owned())),
        ("x-expires", number(milliseconds(TEMPORARY_EXPIRY))),
    ];
    let queue = short(name).map_err(about)?;
    rpc(channel.queue_declare(
        queue,
        QueueDeclareOptions::durable(),
        table(&arguments(classic)),
    ))
    .await
    .map(drop)
    .map_err(about)
}

/// What of an existing queue keeps it from being used, and what does not; a queue that does not
/// exist is declared, unless `asks_only`.
async fn compare(
    link: &Link,
    config: &Config,
    queue: &Queue,
    asks_only: bool,
    found: &mut Differences,
) -> Result<(), BrokerError> {
    if asks_only && depth(link, &queue.name).await?.is_none() {
        found
            .mismatches
            .push(mismatch(&queue.name, MISSING, DECLARE));
        return Ok(());
    }
    match inspect(link, queue).await? {
        Inspected::Existing(existing) => sort(config, queue, &existing, found),
        Inspected::NotCompared(_) if asks_only => found.not_compared.push(queue.name.clone()),
        Inspected::NotCompared(missing) => {
            return Err(BrokerError::Forbidden {
                missing: vec![missing],
                grant: None,
            });
        }
        Inspected::Unclear(cause) => {
            found.mismatches.push(mismatch(
                &queue.name,
                &format!("is otherwise: {cause}"),
                &mend(config, queue),
            ));
        }
    }
    Ok(())
}

fn sort(config: &Config, queue: &Queue, existing: &ExistingQueue, found: &mut Differences) {
    let (essential, others): (Vec<QueueFlaw>, _) = existing
        .flaws(queue)
        .into_iter()
        .partition(|flaw| flaw.severity == Severity::Essential);
    if !essential.is_empty() {
        let told: Vec<String> = essential.iter().map(QueueFlaw::refusal).collect();
        found.mismatches.push(mismatch(
            &queue.name,
            &told.join("; it "),
            &mend(config, queue),
        ));
    }
    found
        .tolerated
        .extend(others.into_iter().map(|flaw| (queue.name.clone(), flaw)));
}

fn mend(config: &Config, queue: &Queue) -> String {
    let vhost = match config.vhost().as_deref() {
        Some("/") | None => String::new(),
        Some(vhost) => format!(" --vhost {vhost}"),
    };
    format!(
        "empty and delete it (`rabbitmqctl delete_queue {}{vhost}`) so that it is declared anew, or name another in {}",
        queue.name, queue.key
    )
}

fn mismatch(queue: &str, difference: &str, mend: &str) -> BrokerError {
    BrokerError::TopologyMismatch {
        queue: queue.to_owned(),
        difference: difference.to_owned(),
        mend: mend.to_owned(),
    }
}

async fn control_exchange(
    link: &Link,
    config: &Config,
    asks_only: bool,
) -> Result<(), BrokerError> {
    let exchange = &config.control_exchange;
    let name = short(exchange).map_err(|answer| answer.about(exchange, Right::Configure))?;
    let options = ExchangeDeclareOptions {
        durable: true,
        passive: asks_only,
        ..ExchangeDeclareOptions::default()
    };
    let channel = link.channel().await?;
    match rpc(channel.exchange_declare(name, ExchangeKind::Fanout, options, FieldTable::default()))
        .await
    {
        Ok(()) => Ok(()),
        Err(Answer::Refused {
            refusal: Refusal::PreconditionFailed,
            cause,
        }) => Err(other_exchange(exchange, &cause.to_string())),
        Err(answer) if answer.is_gone() => Err(mismatch(exchange, MISSING, DECLARE)),
        Err(answer) => Err(answer.about(exchange, Right::Configure)),
    }
}

/// Of one that exists, and is not declared by it: no exchange has such an alternate exchange, and
/// RabbitMQ compares it last.
async fn compare_exchange(link: &Link, config: &Config) -> Result<(), BrokerError> {
    let exchange = &config.control_exchange;
    let name = short(exchange).map_err(|answer| answer.about(exchange, Right::Configure))?;
    let mut impossible = FieldTable::default();
    impossible.insert("alternate-exchange".into(), AMQPValue::LongInt(1));
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let channel = link.channel().await?;
    match rpc(channel.exchange_declare(name, ExchangeKind::Fanout, options, impossible)).await {
        Err(Answer::Refused {
            refusal: Refusal::PreconditionFailed,
            cause,
        }) if !cause.to_string().contains("'alternate-exchange'") => {
            Err(other_exchange(exchange, &cause.to_string()))
        }
        Err(Answer::Lost(cause)) => Err(BrokerError::Lost(cause)),
        // Without the right to declare there is nothing to compare by.
        Err(Answer::Refused { .. }) | Ok(()) => Ok(()),
    }
}

fn other_exchange(exchange: &str, cause: &str) -> BrokerError {
    let mend = "delete the exchange, or name another in broker.control_exchange";
    mismatch(
        exchange,
        &format!("is not a durable fanout exchange: {cause}"),
        mend,
    )
}

pub(super) fn table(arguments: &BTreeMap<String, Argument>) -> FieldTable {
    let entries = arguments.iter().filter_map(|(name, value)| {
        let value = match value {
            Argument::Text(text) => AMQPValue::LongString(text.as_str().into()),
            Argument::Number(number) => AMQPValue::LongLongInt(*number),
            Argument::Flag(flag) => AMQPValue::Boolean(*flag),
        };
        ShortString::try_new(name.as_str())
            .ok()
            .map(|name| (name, value))
    });
    FieldTable::from(entries.collect::<BTreeMap<_, _>>())
}

fn arguments<const N: usize>(arguments: [(&str, Argument); N]) -> BTreeMap<String, Argument> {
    arguments
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
