//! Submits the orders: never too many at once, repetitions when their time has come, and never
//! while the broker is down, so that no message is submitted twice but those that are meant to be.

use super::client::Client;
use super::environment::Environment;
use super::harness::raw_publisher::RawPublisher;
use super::harness::system::BUCKET;
use super::pictures::Bill;
use super::plan::{FULL, Order, Origin, REPLIES, VANISHING};
use super::strangers::{Exchange, Forgery, Strange, planted};
use invoice_worker::broker::{Message, run_id};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tokio::sync::RwLock;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;

/// Enough for every worker to be busy, few enough for a kill to meet jobs at every step.
const UNANSWERED: usize = 300;
const PAUSE: Duration = Duration::from_millis(300);

pub(crate) struct Submitter<'a> {
    environment: &'a Environment,
    bills: &'a [Bill],
    /// Locked for writing while the broker is down.
    calm: &'a RwLock<()>,
    client: Client,
    /// The orders to submit next.
    ready: VecDeque<Order>,
    /// Orders by the correlation id of the answer that they wait for.
    waiting: BTreeMap<String, Vec<Order>>,
    /// Orders with the deleted queue as `reply_to`, submitted once it is deleted.
    for_deleted_queue: Vec<Order>,
    /// The correlation ids submitted for that queue before, and not answered.
    awaited_from_vanishing: BTreeSet<String>,
    unanswered: BTreeSet<String>,
    /// The broker may or may not have these: the publish was not confirmed, and was repeated.
    pub(crate) doubtful: BTreeSet<String>,
    strangers: Strangers,
}

/// Foreign messages published between the orders, and forgeries of some orders.
pub(crate) struct Strangers {
    pub(crate) messages: VecDeque<Strange>,
    /// One is published after each so many orders.
    pub(crate) every: usize,
    pub(crate) seed: u64,
    /// The port of one of the broker's nodes.
    pub(crate) port: u16,
}

impl<'a> Submitter<'a> {
    pub(crate) async fn open(
        environment: &'a Environment,
        bills: &'a [Bill],
        calm: &'a RwLock<()>,
        orders: &[Order],
        strangers: Strangers,
    ) -> Self {
        let urls: Vec<String> = environment
            .config
            .broker
            .urls
            .iter()
            .map(|url| url.expose().to_owned())
            .collect();
        let mut client = Client::new(urls);
        for queue in REPLIES.into_iter().chain([VANISHING]) {
            client.declare(queue, None).await.unwrap();
        }
        client.declare(FULL, Some(1)).await.unwrap();
        assert!(
            client
                .publish(FULL, &Message::json("something", "{}"))
                .await
                .unwrap()
        );
        let mut submitter = Self {
            environment,
            bills,
            calm,
            client,
            ready: VecDeque::new(),
            waiting: BTreeMap::new(),
            for_deleted_queue: Vec::new(),
            awaited_from_vanishing: BTreeSet::new(),
            unanswered: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            strangers,
        };
        submitter.sort(orders);
        submitter
    }

    fn sort(&mut self, orders: &[Order]) {
        for order in orders {
            let first_half = order.number < orders.len() / 2;
            match order.after() {
                Some(earlier) => self
                    .waiting
                    .entry(orders[earlier].correlation())
                    .or_default()
                    .push(order.clone()),
                None if order.reply_to == Some(VANISHING) && !first_half => {
                    self.for_deleted_queue.push(order.clone());
                }
                None => self.ready.push_back(order.clone()),
            }
        }
        let of_the_first_half = self
            .ready
            .iter()
            .filter(|order| order.reply_to == Some(VANISHING));
        self.awaited_from_vanishing = of_the_first_half.map(Order::correlation).collect();
    }

    /// Returns when everything was submitted and answered.
    pub(crate) async fn submit_all(&mut self, answers: &mut UnboundedReceiver<String>) {
        loop {
            while self.unanswered.len() < UNANSWERED {
                let Some(order) = self.ready.pop_front() else {
                    break;
                };
                self.submit(&order).await;
                if order.number % self.strangers.every == 0 {
                    self.publish_foreign_message().await;
                }
            }
            if self.awaited_from_vanishing.is_empty() && !self.for_deleted_queue.is_empty() {
                self.delete_vanishing_queue().await;
                self.ready.extend(self.for_deleted_queue.drain(..));
                continue;
            }
            if self.ready.is_empty() && self.unanswered.is_empty() {
                while !self.strangers.messages.is_empty() {
                    self.publish_foreign_message().await;
                }
                return;
            }
            let Some(id) = answers.recv().await else {
                return;
            };
            self.unanswered.remove(&id);
            self.awaited_from_vanishing.remove(&id);
            for order in self.waiting.remove(&id).unwrap_or_default() {
                self.submit(&order).await;
            }
        }
    }

    /// Returns what [`Submitter::submit_all`] still waits for.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let counts = format!(
            "{} orders to submit, {} foreign messages to publish",
            self.ready.len() + self.for_deleted_queue.len(),
            self.strangers.messages.len()
        );
        let unanswered = self
            .unanswered
            .iter()
            .map(|id| format!("not answered: {id}"));
        [counts].into_iter().chain(unanswered).collect()
    }

    async fn submit(&mut self, order: &Order) {
        // Another version of an object is another question.
        if let Some(picture) = order
            .picture(self.bills)
            .filter(|_| order.origin == Origin::New)
        {
            self.environment
                .sandbox
                .put(BUCKET, &picture.key, picture.bytes)
                .await
                .unwrap();
        }
        let message = order.message(self.bills);
        if !matches!(order.origin, Origin::Again(_) | Origin::AtOnce(_)) {
            self.unanswered.insert(order.correlation());
            if order.reply_to == Some(VANISHING) {
                self.awaited_from_vanishing.insert(order.correlation());
            }
        }
        if let Some(forgery) = self.forgery(order) {
            return self.submit_forged(order, forgery, &message).await;
        }
        loop {
            let calm = self.calm.read().await;
            if let Ok(true) = self
                .client
                .publish(&self.environment.config.broker.jobs_queue, &message)
                .await
            {
                return;
            }
            drop(calm);
            self.doubtful.insert(order.correlation());
            self.client.hang_up();
            sleep(PAUSE).await;
        }
    }

    /// Repetitions carry no forgery: other headers would not make another run of them.
    fn forgery(&self, order: &Order) -> Option<Forgery> {
        let may_carry_one = self.strangers.is_any()
            && order.origin == Origin::New
            && order.picture(self.bills).is_some();
        may_carry_one
            .then(|| Forgery::of(self.strangers.seed, order.number))
            .flatten()
    }

    async fn submit_forged(&self, order: &Order, forgery: Forgery, message: &Message) {
        if let Some(picture) = order.picture(self.bills) {
            let today = Timestamp::now()
                .in_tz("Asia/Shanghai")
                .unwrap()
                .date()
                .to_string();
            for (key, object) in planted(&picture, &today) {
                self.environment
                    .sandbox
                    .put(BUCKET, &key, object)
                    .await
                    .unwrap();
            }
        }
        let properties = forgery.properties(message, &run_id(message));
        let _calm = self.calm.read().await;
        let mut publisher = RawPublisher::connect(self.strangers.port).await;
        publisher
            .publish(
                &self.environment.config.broker.jobs_queue,
                &properties,
                &message.body,
            )
            .await;
    }

    async fn publish_foreign_message(&mut self) {
        let Some(Strange {
            exchange,
            properties,
            body,
            picture,
        }) = self.strangers.messages.pop_front()
        else {
            return;
        };
        self.environment
            .sandbox
            .put(BUCKET, &picture.key, picture.bytes)
            .await
            .unwrap();
        let queues = &self.environment.config.broker;
        let (exchange, key) = match exchange {
            Exchange::Jobs => ("", queues.jobs_queue.as_str()),
            Exchange::Control => (queues.control_exchange.as_str(), ""),
        };
        let _calm = self.calm.read().await;
        RawPublisher::connect(self.strangers.port)
            .await
            .publish_to(exchange, key, &properties, &body)
            .await;
    }

    /// All answers in the queue were consumed before, so that none is deleted with it.
    async fn delete_vanishing_queue(&mut self) {
        loop {
            let _calm = self.calm.read().await;
            if self.client.delete(VANISHING).await.is_ok() {
                return;
            }
            self.client.hang_up();
            sleep(PAUSE).await;
        }
    }
}

impl Strangers {
    fn is_any(&self) -> bool {
        self.every != usize::MAX
    }
}
