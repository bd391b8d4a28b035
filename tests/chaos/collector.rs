//! Collects every answer, from every queue in which one may be, and every copy in the failed queue.

use super::plan::{FULL, ORDER, REPLIES, VANISHING};
use invoice_worker::broker::{Broker, Message};
use invoice_worker::config::Config;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const PREFETCH: u16 = 200;
/// The wait between two tries to reach a broker that is down.
const PAUSE: Duration = Duration::from_millis(300);

/// Messages by their correlation id.
pub(crate) type MessagesById = BTreeMap<String, Vec<Message>>;

/// Clones share the same messages.
#[derive(Clone, Debug)]
pub(crate) struct Collector(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    answers: Mutex<MessagesById>,
    failed: Mutex<MessagesById>,
    /// How many orders have an answer.
    answered: watch::Sender<usize>,
    first_answers: UnboundedSender<String>,
    stopped: CancellationToken,
}

impl Collector {
    /// Consumes all queues except the full one. The receiver gets the correlation id of each job's
    /// first answer.
    pub(crate) fn start(config: &Config) -> (Self, UnboundedReceiver<String>) {
        let (first_answers, answered_ids) = unbounded_channel();
        let collector = Self(Arc::new(Shared {
            config: config.clone(),
            answers: Mutex::default(),
            failed: Mutex::default(),
            answered: watch::Sender::default(),
            first_answers,
            stopped: CancellationToken::new(),
        }));
        for queue in REPLIES.into_iter().chain([VANISHING]) {
            collector.consume(queue);
        }
        collector.consume(&config.broker.results_queue);
        collector.consume(&config.broker.failed_queue);
        (collector, answered_ids)
    }

    /// Starts to consume the full queue as well, so that it accepts answers again.
    pub(crate) fn relieve(&self) {
        self.consume(FULL);
    }

    pub(crate) fn answers(&self) -> MessagesById {
        lock(&self.0.answers).clone()
    }

    pub(crate) fn failed(&self) -> MessagesById {
        lock(&self.0.failed).clone()
    }

    pub(crate) fn answered(&self) -> watch::Receiver<usize> {
        self.0.answered.subscribe()
    }

    pub(crate) fn stop(&self) {
        self.0.stopped.cancel();
    }

    fn consume(&self, queue: &str) {
        let (collector, queue) = (self.clone(), queue.to_owned());
        let stopped = self.0.stopped.clone();
        tokio::spawn(stopped.run_until_cancelled_owned(async move {
            let broker = Broker::new(&collector.0.config.broker).unwrap();
            loop {
                // A queue that was deleted cannot be consumed; the tries go on until the end.
                if collector.consume_once(&broker, &queue).await.is_err() {
                    sleep(PAUSE).await;
                }
            }
        }));
    }

    async fn consume_once(
        &self,
        broker: &Broker,
        queue: &str,
    ) -> Result<(), invoice_worker::broker::BrokerError> {
        let session = broker.connect().await?;
        let mut consumer = session.consume(queue, PREFETCH).await?;
        while let Some(delivery) = consumer.next().await {
            self.record(queue, &delivery.message, delivery.redelivered);
            // If the connection is lost before this, the message is delivered again, and is known.
            let _ = delivery.settle().await;
        }
        Ok(())
    }

    fn record(&self, queue: &str, message: &Message, redelivered: bool) {
        // Answers to foreign messages have no correlation id, or one of their own.
        let Some(id) = message
            .properties
            .correlation_id
            .clone()
            .filter(|id| id.starts_with(ORDER))
        else {
            return;
        };
        let is_failed = queue == self.0.config.broker.failed_queue;
        let mut messages = lock(if is_failed {
            &self.0.failed
        } else {
            &self.0.answers
        });
        let known = messages.entry(id.clone()).or_default();
        // A message that was delivered again was not published again.
        if redelivered && known.contains(message) {
            return;
        }
        known.push(message.clone());
        if known.len() == 1 && !is_failed {
            self.0.answered.send_modify(|answered| *answered += 1);
            // The submitter may have ended.
            let _ = self.0.first_answers.send(id);
        }
    }
}

fn lock(messages: &Mutex<MessagesById>) -> MutexGuard<'_, MessagesById> {
    messages.lock().unwrap_or_else(PoisonError::into_inner)
}
