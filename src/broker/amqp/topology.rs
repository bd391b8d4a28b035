//! Declares or checks what the broker must have.
//!
//! AMQP cannot read a queue's arguments. But a declaration that differs from what exists is refused with the first difference in
//! its text: a difference that does no harm is adopted and the question asked again, until the broker agrees or the difference
//! matters. What exists is never changed by asking.

use super::connect::Link;
use super::difference::{Difference, NONE};
use super::refusal::{Answer, Refusal, rpc, short};
use crate::broker::config::Config;
use crate::broker::error::{BrokerError, MISSING};
use crate::broker::topology::{self, Argument, CONTROL_LENGTH, CONTROL_TTL, Differences, Queue, TEMPORARY_EXPIRY, Tolerated};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};
use std::collections::BTreeMap;

/// More differences than a queue has arguments.
const MOST_DIFFERENCES: usize = 16;

/// Without these a job could be lost: in a queue of one node, by an overflow, or because it never comes back.
const ESSENTIAL: [&str; 5] =
    ["x-queue-type", "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-dead-letter-strategy", "x-overflow"];

const GRANT: &str = "grant the configure permission, or declare it otherwise and set broker.declare_topology = false";
const LIMIT: &str = "from RabbitMQ 4 on it drops what was looked at 20 times, unless a policy gives it a delivery-limit of 1000000";
const DECLARE: &str = "declare it, or start one worker with broker.declare_topology = true, which does";

pub(super) async fn establish(link: &Link, config: &Config) -> Result<(), BrokerError> {
    for queue in topology::queues(config) {
        for Tolerated { queue, argument, existing, wanted, mend } in
            (Establishing { link, config, queue: &queue, asks_only: !config.declare_topology }).queue().await?
        {
            tracing::warn!(queue, argument, existing, wanted, mend, "queue differs and is used as it is");
        }
    }
    control_exchange(link, config, !config.declare_topology).await
}

/// Nothing is declared.
pub(super) async fn differences(link: &Link, config: &Config) -> Result<Differences, BrokerError> {
    let mut differences = Differences::default();
    let mut note = |outcome| match outcome {
        Ok(tolerated) => {
            differences.tolerated.extend(tolerated);
            Ok(())
        }
        Err(mismatch @ BrokerError::TopologyMismatch { .. }) => {
            differences.mismatches.push(mismatch);
            Ok(())
        }
        Err(error) => Err(error),
    };
    for queue in topology::queues(config) {
        note(Establishing { link, config, queue: &queue, asks_only: true }.queue().await)?;
    }
    note(control_exchange(link, config, true).await.map(|()| Vec::new()))?;
    Ok(differences)
}

/// The broker gives it a name.
pub(super) fn server_named() -> ShortString {
    ShortString::default()
}

/// Messages ready in a queue that exists.
pub(super) async fn passive(channel: &Channel, queue: &str) -> Result<u32, Answer> {
    let declaring = channel.queue_declare(short(queue)?, QueueDeclareOptions::default().passive(), FieldTable::default());
    rpc(declaring).await.map(|queue| queue.message_count())
}

pub(super) async fn control_queue(channel: &Channel, exchange: &str) -> Result<ShortString, BrokerError> {
    let about = |answer: Answer| answer.about(exchange);
    let arguments =
        table(&[("x-max-length", Argument::Number(CONTROL_LENGTH)), ("x-message-ttl", Argument::Number(milliseconds(CONTROL_TTL)))]);
    let options = QueueDeclareOptions::exclusive().auto_delete();
    let queue = rpc(channel.queue_declare(server_named(), options, arguments)).await.map_err(about)?.name().clone();
    let exchange = short(exchange).map_err(about)?;
    let binding = channel.queue_bind(queue.clone(), exchange, ShortString::default(), QueueBindOptions::default(), FieldTable::default());
    rpc(binding).await.map_err(about)?;
    Ok(queue)
}

/// Durable, because RabbitMQ 4 gives up transient queues that are not exclusive; not exclusive, so that it outlives its connection.
pub(super) async fn temporary_queue(channel: &Channel, name: &str) -> Result<(), BrokerError> {
    let about = |answer: Answer| answer.about(name);
    let arguments =
        table(&[("x-queue-type", Argument::Text("classic".to_owned())), ("x-expires", Argument::Number(milliseconds(TEMPORARY_EXPIRY)))]);
    let queue = short(name).map_err(about)?;
    rpc(channel.queue_declare(queue, QueueDeclareOptions::durable(), arguments)).await.map(drop).map_err(about)
}

struct Establishing<'a> {
    link: &'a Link,
    config: &'a Config,
    queue: &'a Queue,
    /// What does not exist is not declared.
    asks_only: bool,
}

impl Establishing<'_> {
    async fn queue(&self) -> Result<Vec<Tolerated>, BrokerError> {
        if self.asks_only && !self.exists().await? {
            return Err(self.mismatch(MISSING, DECLARE));
        }
        let mut arguments: Vec<(String, Argument)> =
            self.queue.arguments.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mut tolerated = Vec::new();
        for _ in 0..MOST_DIFFERENCES {
            let Some(difference) = self.difference(&arguments).await? else { return Ok(tolerated) };
            if self.is_essential(&difference) {
                let wanted = if difference.wanted.is_empty() { "none" } else { &difference.wanted };
                let text = format!("has {} {}, and needs {wanted}", difference.argument, difference.existing);
                return Err(self.mismatch(&text, &self.mend()));
            }
            if !difference.adopt(&mut arguments) {
                return Err(self.mismatch(&format!("differs in {}", difference.argument), &self.mend()));
            }
            let mend = self.is_delivery_limit_of_an_archive(&difference).then_some(LIMIT);
            let Difference { argument, existing, wanted } = difference;
            tolerated.push(Tolerated { queue: self.queue.name.clone(), argument, existing, wanted, mend });
        }
        Err(self.mismatch("differs in too many arguments", &self.mend()))
    }

    async fn exists(&self) -> Result<bool, BrokerError> {
        let channel = self.link.channel().await?;
        match passive(&channel, &self.queue.name).await {
            Ok(_) => Ok(true),
            Err(Answer::Refused { refusal: Refusal::NotFound, .. }) => Ok(false),
            Err(answer) => Err(answer.about(&self.queue.name)),
        }
    }

    /// The first argument in which the existing queue is otherwise.
    async fn difference(&self, arguments: &[(String, Argument)]) -> Result<Option<Difference>, BrokerError> {
        let name = short(&self.queue.name).map_err(|answer| answer.about(&self.queue.name))?;
        // A refusal closes the channel, so each question has its own.
        let channel = self.link.channel().await?;
        match rpc(channel.queue_declare(name, QueueDeclareOptions::durable(), table(arguments))).await {
            Ok(_) => Ok(None),
            // Who may not declare cannot compare either; the queue was seen to exist.
            Err(Answer::Refused { refusal: Refusal::AccessRefused, .. }) if !self.config.declare_topology => Ok(None),
            Err(Answer::Refused { refusal: Refusal::AccessRefused, .. }) => Err(self.mismatch("may not be declared by this user", GRANT)),
            Err(Answer::Refused { refusal: Refusal::PreconditionFailed, cause }) => match Difference::read(&cause.to_string()) {
                Some(difference) => Ok(Some(difference)),
                None => Err(self.mismatch(&format!("is otherwise: {cause}"), &self.mend())),
            },
            Err(answer) => Err(answer.about(&self.queue.name)),
        }
    }

    /// A delay queue without its time to live would keep jobs for ever, and with a longer one for too long. From a queue that is only
    /// looked into, and has nowhere to move anything, the broker would drop what was looked at too often.
    fn is_essential(&self, difference: &Difference) -> bool {
        let argument = difference.argument.as_str();
        let is_delay_queue = self.queue.key == "broker.retry_queue_prefix";
        if argument == "x-overflow" && difference.existing == "reject-publish" {
            // A queue that refuses loses nothing: whoever publishes keeps what it has.
            return false;
        }
        argument == "durable"
            || ESSENTIAL.contains(&argument)
            || (is_delay_queue && argument == "x-message-ttl")
            || (self.is_delivery_limit_of_an_archive(difference) && difference.existing != NONE)
    }

    fn is_delivery_limit_of_an_archive(&self, difference: &Difference) -> bool {
        difference.argument == "x-delivery-limit" && self.queue.delivery_limit().is_some() && self.queue.dead_letter_queue().is_none()
    }

    fn mend(&self) -> String {
        format!(
            "empty and delete it (`rabbitmqctl delete_queue {}`) so that it is declared anew, or name another in {}",
            self.queue.name, self.queue.key
        )
    }

    fn mismatch(&self, difference: &str, mend: &str) -> BrokerError {
        BrokerError::TopologyMismatch { queue: self.queue.name.clone(), difference: difference.to_owned(), mend: mend.to_owned() }
    }
}

async fn control_exchange(link: &Link, config: &Config, asks_only: bool) -> Result<(), BrokerError> {
    let exchange = &config.control_exchange;
    let mismatch =
        |difference: &str, mend: String| BrokerError::TopologyMismatch { queue: exchange.clone(), difference: difference.to_owned(), mend };
    let name = short(exchange).map_err(|answer| answer.about(exchange))?;
    let options = ExchangeDeclareOptions { durable: true, passive: asks_only, ..ExchangeDeclareOptions::default() };
    let channel = link.channel().await?;
    match rpc(channel.exchange_declare(name, ExchangeKind::Fanout, options, FieldTable::default())).await {
        Ok(()) => Ok(()),
        Err(Answer::Refused { refusal: Refusal::PreconditionFailed, cause }) => Err(mismatch(
            &format!("is not a durable fanout exchange: {cause}"),
            "delete the exchange, or name another in broker.control_exchange".to_owned(),
        )),
        Err(Answer::Refused { refusal: Refusal::NotFound, .. }) => Err(mismatch(MISSING, DECLARE.to_owned())),
        Err(Answer::Refused { refusal: Refusal::AccessRefused, .. }) => Err(mismatch("may not be declared by this user", GRANT.to_owned())),
        Err(answer) => Err(answer.about(exchange)),
    }
}

fn table<Name: AsRef<str>>(arguments: &[(Name, Argument)]) -> FieldTable {
    let entries = arguments.iter().filter_map(|(name, value)| {
        let value = match value {
            Argument::Text(text) => AMQPValue::LongString(text.as_str().into()),
            Argument::Number(number) => AMQPValue::LongLongInt(i64::try_from(*number).unwrap_or(i64::MAX)),
        };
        ShortString::try_new(name.as_ref()).ok().map(|name| (name, value))
    });
    FieldTable::from(entries.collect::<BTreeMap<_, _>>())
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
