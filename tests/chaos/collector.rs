//! What comes back: every answer, from every queue in which one may be, and every copy in the
//! failed queue.

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
/// Between two tries to reach a broker that is down.
const PAUSE: Duration = Duration::from_millis(300);

/// Messages by their correlation id.
pub(crate) type Heap = BTreeMap<String, Vec<Message>>;

/// Cloning it opens another door to the same heaps.
#[derive(Clone, Debug)]
pub(crate) struct Crop(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    answers: Mutex<Heap>,
    failed: Mutex<Heap>,
    /// How many orders have an answer.
    answered: watch::Sender<usize>,
    teller: UnboundedSender<String>,
    over: CancellationToken,
}

impl Crop {
    /// Gathers from all queues but the one that refuses. Tells the correlation id of each first
    /// answer.
    pub(crate) fn start(config: &Config) -> (Self, UnboundedReceiver<String>) {
        let (teller, told) = unbounded_channel();
        let crop = Self(Arc::new(Shared {
            config: config.clone(),
            answers: Mutex::default(),
            failed: Mutex::default(),
            answered: watch::Sender::default(),
            teller,
            over: CancellationToken::new(),
        }));
        for queue in REPLIES.into_iter().chain([VANISHING]) {
            crop.gather(queue);
        }
        crop.gather(&config.broker.results_queue);
        crop.gather(&config.broker.failed_queue);
        (crop, told)
    }

    /// From now on, also the answers of the queue that refused.
    pub(crate) fn relieve(&self) {
        self.gather(FULL);
    }

    pub(crate) fn answers(&self) -> Heap {
        lock(&self.0.answers).clone()
    }

    pub(crate) fn failed(&self) -> Heap {
        lock(&self.0.failed).clone()
    }

    pub(crate) fn answered(&self) -> watch::Receiver<usize> {
        self.0.answered.subscribe()
    }

    pub(crate) fn stop(&self) {
        self.0.over.cancel();
    }

    fn gather(&self, queue: &str) {
        let (crop, queue) = (self.clone(), queue.to_owned());
        let over = self.0.over.clone();
        tokio::spawn(over.run_until_cancelled_owned(async move {
            let broker = Broker::new(&crop.0.config.broker).unwrap();
            loop {
                // A queue that was deleted is asked for in vain until the end.
                if crop.gather_once(&broker, &queue).await.is_err() {
                    sleep(PAUSE).await;
                }
            }
        }));
    }

    async fn gather_once(
        &self,
        broker: &Broker,
        queue: &str,
    ) -> Result<(), invoice_worker::broker::BrokerError> {
        let session = broker.connect().await?;
        let mut consumer = session.consume(queue, PREFETCH).await?;
        while let Some(delivery) = consumer.next().await {
            self.keep(queue, &delivery.message, delivery.redelivered);
            // Lost with its connection, it comes again, and is known.
            let _ = delivery.settle().await;
        }
        Ok(())
    }

    fn keep(&self, queue: &str, message: &Message, redelivered: bool) {
        // A stranger's has none, or one of its own.
        let Some(id) = message
            .properties
            .correlation_id
            .clone()
            .filter(|id| id.starts_with(ORDER))
        else {
            return;
        };
        let is_failed = queue == self.0.config.broker.failed_queue;
        let mut heap = lock(if is_failed {
            &self.0.failed
        } else {
            &self.0.answers
        });
        let known = heap.entry(id.clone()).or_default();
        // Delivered again is not published again.
        if redelivered && known.contains(message) {
            return;
        }
        known.push(message.clone());
        if known.len() == 1 && !is_failed {
            self.0.answered.send_modify(|answered| *answered += 1);
            // Whoever submits may be done.
            let _ = self.0.teller.send(id);
        }
    }
}

fn lock(heap: &Mutex<Heap>) -> MutexGuard<'_, Heap> {
    heap.lock().unwrap_or_else(PoisonError::into_inner)
}
