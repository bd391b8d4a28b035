//! Where the orders are handed in: never too many at once, repetitions when their time has come,
//! and never while the broker is down, so that no message is submitted twice but those that are
//! meant to be.

use super::cast::Cast;
use super::client::Client;
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

pub(crate) struct Desk<'a> {
    cast: &'a Cast,
    bills: &'a [Bill],
    /// Held for writing while the broker is down.
    calm: &'a RwLock<()>,
    client: Client,
    /// To be handed in next.
    ready: VecDeque<Order>,
    /// By the correlation id of the answer that they wait for.
    waiting: BTreeMap<String, Vec<Order>>,
    /// For the queue that vanishes, once it has.
    homeless: Vec<Order>,
    /// Handed in for that queue and not answered.
    at_home: BTreeSet<String>,
    unanswered: BTreeSet<String>,
    /// Whether the broker had them was never told: there may be two.
    pub(crate) doubtful: BTreeSet<String>,
    strangers: Strangers,
}

/// Who publishes between the orders, and forges some of them.
pub(crate) struct Strangers {
    pub(crate) messages: VecDeque<Strange>,
    /// After so many orders one of them.
    pub(crate) every: usize,
    pub(crate) seed: u64,
    /// Of a node of the broker.
    pub(crate) port: u16,
}

impl<'a> Desk<'a> {
    pub(crate) async fn open(
        cast: &'a Cast,
        bills: &'a [Bill],
        calm: &'a RwLock<()>,
        orders: &[Order],
        strangers: Strangers,
    ) -> Self {
        let urls: Vec<String> = cast
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
        let mut desk = Self {
            cast,
            bills,
            calm,
            client,
            ready: VecDeque::new(),
            waiting: BTreeMap::new(),
            homeless: Vec::new(),
            at_home: BTreeSet::new(),
            unanswered: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            strangers,
        };
        desk.sort(orders);
        desk
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
                    self.homeless.push(order.clone());
                }
                None => self.ready.push_back(order.clone()),
            }
        }
        let of_the_first_half = self
            .ready
            .iter()
            .filter(|order| order.reply_to == Some(VANISHING));
        self.at_home = of_the_first_half.map(Order::correlation).collect();
    }

    /// Until everything is handed in and answered.
    pub(crate) async fn serve(&mut self, answers: &mut UnboundedReceiver<String>) {
        loop {
            while self.unanswered.len() < UNANSWERED {
                let Some(order) = self.ready.pop_front() else {
                    break;
                };
                self.hand_in(&order).await;
                if order.number % self.strangers.every == 0 {
                    self.let_in_a_stranger().await;
                }
            }
            if self.at_home.is_empty() && !self.homeless.is_empty() {
                self.delete_the_vanishing().await;
                self.ready.extend(self.homeless.drain(..));
                continue;
            }
            if self.ready.is_empty() && self.unanswered.is_empty() {
                while !self.strangers.messages.is_empty() {
                    self.let_in_a_stranger().await;
                }
                return;
            }
            let Some(id) = answers.recv().await else {
                return;
            };
            self.unanswered.remove(&id);
            self.at_home.remove(&id);
            for order in self.waiting.remove(&id).unwrap_or_default() {
                self.hand_in(&order).await;
            }
        }
    }

    /// What [`Desk::serve`] still waits for.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let counts = format!(
            "{} orders to be handed in, {} strangers to be let in",
            self.ready.len() + self.homeless.len(),
            self.strangers.messages.len()
        );
        let unanswered = self
            .unanswered
            .iter()
            .map(|id| format!("not answered: {id}"));
        [counts].into_iter().chain(unanswered).collect()
    }

    async fn hand_in(&mut self, order: &Order) {
        // Another version of an object is another question.
        if let Some(picture) = order
            .picture(self.bills)
            .filter(|_| order.origin == Origin::New)
        {
            self.cast
                .sandbox
                .put(BUCKET, &picture.key, picture.bytes)
                .await
                .unwrap();
        }
        let message = order.message(self.bills);
        if !matches!(order.origin, Origin::Again(_) | Origin::AtOnce(_)) {
            self.unanswered.insert(order.correlation());
            if order.reply_to == Some(VANISHING) {
                self.at_home.insert(order.correlation());
            }
        }
        if let Some(forgery) = self.forgery(order) {
            return self.hand_in_forged(order, forgery, &message).await;
        }
        loop {
            let calm = self.calm.read().await;
            if let Ok(true) = self
                .client
                .publish(&self.cast.config.broker.jobs_queue, &message)
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

    /// Repetitions are the message as it should be: its headers make no other run of it.
    fn forgery(&self, order: &Order) -> Option<Forgery> {
        let may_carry_one = self.strangers.is_any()
            && order.origin == Origin::New
            && order.picture(self.bills).is_some();
        may_carry_one
            .then(|| Forgery::of(self.strangers.seed, order.number))
            .flatten()
    }

    async fn hand_in_forged(&self, order: &Order, forgery: Forgery, message: &Message) {
        if let Some(picture) = order.picture(self.bills) {
            let today = Timestamp::now()
                .in_tz("Asia/Shanghai")
                .unwrap()
                .date()
                .to_string();
            for (key, object) in planted(&picture, &today) {
                self.cast.sandbox.put(BUCKET, &key, object).await.unwrap();
            }
        }
        let properties = forgery.properties(message, &run_id(message));
        let _calm = self.calm.read().await;
        let mut publisher = RawPublisher::connect(self.strangers.port).await;
        publisher
            .publish(
                &self.cast.config.broker.jobs_queue,
                &properties,
                &message.body,
            )
            .await;
    }

    async fn let_in_a_stranger(&mut self) {
        let Some(Strange {
            exchange,
            properties,
            body,
            picture,
        }) = self.strangers.messages.pop_front()
        else {
            return;
        };
        self.cast
            .sandbox
            .put(BUCKET, &picture.key, picture.bytes)
            .await
            .unwrap();
        let queues = &self.cast.config.broker;
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

    /// All that was answered there is gathered: nobody's answer is deleted with it.
    async fn delete_the_vanishing(&mut self) {
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
