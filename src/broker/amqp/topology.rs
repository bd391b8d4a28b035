//! Declares or checks the worker's queues and its control exchange.

use super::connection::BrokerConnection;
use super::inspect::{Inspected, existing_depth, inspect};
use super::rpc::{RefusalKind, RpcError, rpc, short};
use crate::broker::config::Config;
use crate::broker::error::{BrokerError, MISSING};
use crate::broker::rights::Right;
use crate::broker::topology::{
    self, Differences, ExistingQueue, QueueDefinition, QueueFlaw, Severity,
};
use lapin::ExchangeKind;
use lapin::options::ExchangeDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};

const DECLARE: &str = "declare it (`invoice-worker topology declare`), or start one worker with broker.declare_topology = true";

/// Declares missing queues and the exchange, or only checks them where `broker.declare_topology` is
/// false. The first queue that cannot be used is the error; the others are logged.
pub(super) async fn establish(
    connection: &BrokerConnection,
    config: &Config,
) -> Result<(), BrokerError> {
    let check_only = !config.declare_topology;
    let found = compare_queues(connection, config, check_only).await?;
    for (queue, flaw) in &found.tolerated {
        let mend = Some(flaw.consequence).filter(|consequence| !consequence.is_empty());
        tracing::warn!(queue, difference = %flaw, mend, "queue differs and is used as it is");
    }
    let mut mismatches = found.mismatches.into_iter();
    if let Some(first) = mismatches.next() {
        mismatches.for_each(|problem| tracing::error!(%problem, "a queue cannot be used"));
        return Err(first);
    }
    control_exchange(connection, config, check_only).await
}

/// Compares the queues and the exchange, and declares nothing.
pub(super) async fn differences(
    connection: &BrokerConnection,
    config: &Config,
) -> Result<Differences, BrokerError> {
    let mut found = compare_queues(connection, config, true).await?;
    let exchange = match control_exchange(connection, config, true).await {
        Ok(()) => compare_exchange(connection, config).await,
        error => error,
    };
    match exchange {
        Err(mismatch @ BrokerError::TopologyMismatch { .. }) => found.mismatches.push(mismatch),
        compared => compared?,
    }
    Ok(found)
}

/// The names of the queues, and of the control exchange, that do not exist. Declares nothing.
pub(super) async fn missing(
    connection: &BrokerConnection,
    config: &Config,
) -> Result<Vec<String>, BrokerError> {
    let mut missing = Vec::new();
    for QueueDefinition { name, .. } in topology::queues(config) {
        if existing_depth(connection, &name).await?.is_none() {
            missing.push(name);
        }
    }
    match control_exchange(connection, config, true).await {
        Err(error) if error.is_missing() => missing.push(config.control_exchange.clone()),
        found => found?,
    }
    Ok(missing)
}

/// Compares every queue. A queue that does not exist is declared, unless `check_only`.
async fn compare_queues(
    connection: &BrokerConnection,
    config: &Config,
    check_only: bool,
) -> Result<Differences, BrokerError> {
    let mut found = Differences::default();
    for queue in topology::queues(config) {
        let name = &queue.name;
        if check_only && existing_depth(connection, name).await?.is_none() {
            found.mismatches.push(mismatch(name, MISSING, DECLARE));
            continue;
        }
        match inspect(connection, &queue).await? {
            Inspected::Existing(existing) => record(config, &queue, &existing, &mut found),
            Inspected::NotCompared(_) if check_only => found.not_compared.push(name.clone()),
            Inspected::NotCompared(missing) => {
                return Err(BrokerError::Forbidden {
                    missing: vec![missing],
                    grant: None,
                });
            }
            Inspected::Unclear(cause) => {
                let difference = format!("is otherwise: {cause}");
                let mend = recreate(config, &queue);
                found.mismatches.push(mismatch(name, &difference, &mend));
            }
        }
    }
    Ok(found)
}

/// Records the flaws of a queue: one mismatch for the essential ones, and the tolerated ones.
fn record(
    config: &Config,
    queue: &QueueDefinition,
    existing: &ExistingQueue,
    found: &mut Differences,
) {
    let (essential, tolerated): (Vec<QueueFlaw>, _) = existing
        .flaws(queue)
        .into_iter()
        .partition(|flaw| flaw.severity == Severity::Essential);
    if !essential.is_empty() {
        let refusals: Vec<String> = essential.iter().map(QueueFlaw::refusal).collect();
        found.mismatches.push(mismatch(
            &queue.name,
            &refusals.join("; it "),
            &recreate(config, queue),
        ));
    }
    let tolerated = tolerated.into_iter();
    found
        .tolerated
        .extend(tolerated.map(|flaw| (queue.name.clone(), flaw)));
}

fn recreate(config: &Config, queue: &QueueDefinition) -> String {
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

/// Declares the control exchange, or only checks that it exists.
async fn control_exchange(
    connection: &BrokerConnection,
    config: &Config,
    check_only: bool,
) -> Result<(), BrokerError> {
    let exchange = &config.control_exchange;
    let declared = declare_exchange(connection, exchange, check_only, FieldTable::default());
    match declared.await? {
        Ok(()) => Ok(()),
        Err(RpcError::Refused {
            kind: RefusalKind::PreconditionFailed,
            cause,
        }) => Err(other_exchange(exchange, &cause.to_string())),
        Err(error) if error.is_gone() => Err(mismatch(exchange, MISSING, DECLARE)),
        Err(error) => Err(error.about(exchange, Right::Configure)),
    }
}

/// Compares an exchange that exists, and declares nothing: no exchange has such an alternate
/// exchange, and RabbitMQ compares that argument last.
async fn compare_exchange(
    connection: &BrokerConnection,
    config: &Config,
) -> Result<(), BrokerError> {
    let exchange = &config.control_exchange;
    let mut impossible = FieldTable::default();
    impossible.insert("alternate-exchange".into(), AMQPValue::LongInt(1));
    match declare_exchange(connection, exchange, false, impossible).await? {
        Err(RpcError::Refused {
            kind: RefusalKind::PreconditionFailed,
            cause,
        }) if !cause.to_string().contains("'alternate-exchange'") => {
            Err(other_exchange(exchange, &cause.to_string()))
        }
        Err(RpcError::Lost(cause)) => Err(BrokerError::Lost(cause)),
        // Without the right to declare, the exchange cannot be compared.
        Err(RpcError::Refused { .. }) | Ok(()) => Ok(()),
    }
}

/// Declares a durable fanout exchange, on a channel of its own: a refusal closes it.
pub(super) async fn declare_exchange(
    connection: &BrokerConnection,
    exchange: &str,
    passive: bool,
    arguments: FieldTable,
) -> Result<Result<(), RpcError>, BrokerError> {
    let channel = connection.channel().await?;
    let options = ExchangeDeclareOptions {
        durable: true,
        passive,
        ..ExchangeDeclareOptions::default()
    };
    let declaring = async {
        let name = short(exchange)?;
        rpc(channel.exchange_declare(name, ExchangeKind::Fanout, options, arguments)).await
    };
    Ok(declaring.await)
}

fn other_exchange(exchange: &str, cause: &str) -> BrokerError {
    let mend = "delete the exchange, or name another in broker.control_exchange";
    mismatch(
        exchange,
        &format!("is not a durable fanout exchange: {cause}"),
        mend,
    )
}
