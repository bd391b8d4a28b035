//! A whole system for one test: sandbox, broker, workers in this process, and a client that submits
//! jobs and reads replies.

pub(crate) use super::setup::{BUCKET, On, Setup};

use super::eventually::eventually;
use super::running::Running;
use bytes::Bytes;
use invoice_worker::app;
use invoice_worker::broker::{
    Broker, Consumer, Message, ParkedHeaders, ParkedState, Properties, Session, parked_copy,
    read_parked_headers,
};
use invoice_worker::config::Config;
use invoice_worker::dev::sandbox::{Sandbox, samples};
use invoice_worker::domain::failure::Stage;
use invoice_worker::domain::progress::Progress;
use invoice_worker::pipeline::Pipeline;
use invoice_worker::policy::Policy;
use invoice_worker::randomness::Randomness;
use invoice_worker::settings::secret::Secret;
use invoice_worker::telemetry::health::{Health, HealthState};
use invoice_worker::telemetry::job_event::{JobEvent, Watched};
use invoice_worker::worker::{Drained, Worker};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::timeout;

/// Far longer than anything takes here; a test that hangs fails by it. Shorter than the two minutes
/// after which a worker tries again what it should not have had to wait for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);

pub(crate) struct System {
    pub(crate) sandbox: Sandbox,
    /// Boxed: tests keep it across their awaits, and it is large.
    pub(crate) config: Box<Config>,
    pub(crate) broker: Broker,
    pub(crate) session: Session,
    pub(crate) events: UnboundedReceiver<JobEvent>,
    pub(crate) replies: Consumer,
    pub(crate) reply_to: String,
    pub(crate) workers: Vec<Running>,
    /// Of workers that are started from now on.
    pub(crate) heartbeat_every: Duration,
    pub(super) policy: Policy,
    pub(super) watcher: UnboundedSender<JobEvent>,
    /// Every worker has chances, and with them a name, of its own.
    pub(super) started: u64,
}

impl System {
    pub(crate) async fn start(on: On) -> Self {
        Setup::new(on).await.start().await
    }

    /// Workers that are started from now on reach the broker through a wire.
    pub(crate) fn put_behind(&mut self, wire: Secret) {
        self.config.broker.urls = vec![wire];
        self.broker = Broker::new(&self.config.broker).unwrap();
    }

    /// Starts a worker; returns once it is ready.
    pub(crate) async fn work(&mut self) {
        self.work_with(|_| {}).await;
    }

    /// As [`System::work`], with parts of the test's own.
    pub(crate) async fn work_with(&mut self, refit: impl FnOnce(&mut Pipeline)) {
        self.started += 1;
        let chance = Randomness::seeded(self.started);
        let mut pipeline = app::pipeline(&self.config, self.policy.clone(), chance.clone())
            .await
            .unwrap();
        // The test's own program has no such subcommand.
        let pdf = pipeline.loader.pdf.clone();
        pipeline.loader.pdf = pdf.with_program(env!("CARGO_BIN_EXE_invoice-worker"));
        refit(&mut pipeline);
        // As `run` does; a store that is out of order is some tests' subject.
        let _ = pipeline.answers.checkpoints.probe().await;
        let (health, breaker) = (Health::default(), pipeline.retrier.breaker.clone());
        let mut parts = app::worker_parts(
            &self.config,
            self.broker.clone(),
            Arc::new(pipeline),
            health.clone(),
            Box::new(Watched(self.watcher.clone())),
            chance,
        );
        parts.settings.heartbeat_every = self.heartbeat_every;
        let running = Running::start(Worker::new(parts), health, breaker);
        running.becomes(HealthState::is_ready).await;
        self.workers.push(running);
    }

    /// Puts a sample into the bucket; answers its key.
    pub(crate) async fn sample(&self, name: &str) -> String {
        let sample = samples::named(name).unwrap();
        let key = format!("samples/{}", sample.file);
        self.sandbox.put(BUCKET, &key, sample.bytes).await.unwrap();
        key
    }

    /// A job about an object of the bucket.
    pub(crate) fn job(&self, job_id: &str, key: &str) -> Message {
        self.message(
            job_id,
            json!({ "job_id": job_id, "image": { "key": key }, "metadata": { "claim": job_id } })
                .to_string(),
        )
    }

    pub(crate) fn message(&self, id: &str, body: impl Into<Bytes>) -> Message {
        let properties = Properties {
            content_type: Some("application/json".into()),
            reply_to: Some(self.reply_to.clone()),
            correlation_id: Some(format!("correlation of {id}")),
            message_id: Some(format!("message of {id}")),
            timestamp: Some(1_700_000_000),
            ..Properties::default()
        };
        Message {
            body: body.into(),
            properties,
        }
    }

    pub(crate) async fn submit(&self, job: &Message) {
        self.session
            .publisher()
            .publish(&self.config.broker.jobs_queue, job)
            .await
            .unwrap();
    }

    pub(crate) async fn reply(&mut self) -> Message {
        let delivery = timeout(PATIENCE, self.replies.next())
            .await
            .expect("a reply in time")
            .expect("the replies' consumer lives");
        let message = delivery.message.clone();
        let _ = delivery.settle().await;
        message
    }

    /// The next reply's body.
    pub(crate) async fn result(&mut self) -> Value {
        serde_json::from_slice(&self.reply().await.body).unwrap()
    }

    /// Every reply that is in the queue by now and was not looked at.
    pub(crate) async fn replies_so_far(&mut self) -> Vec<Message> {
        let end = Message::json("end of replies", "{}");
        self.session
            .publisher()
            .publish(&self.reply_to, &end)
            .await
            .unwrap();
        let mut replies = Vec::new();
        loop {
            let reply = self.reply().await;
            if reply.properties.kind == end.properties.kind {
                return replies;
            }
            replies.push(reply);
        }
    }

    pub(crate) async fn ask(&mut self, job: &Message) -> Value {
        self.submit(job).await;
        self.result().await
    }

    pub(crate) async fn event(&mut self) -> JobEvent {
        timeout(PATIENCE, self.events.recv())
            .await
            .expect("an event in time")
            .expect("the worker lives")
    }

    /// The next message of one of the worker's queues.
    pub(crate) async fn take(&self, queue: &str) -> Message {
        let mut consumer = self.session.consume(queue, 1).await.unwrap();
        let delivery = timeout(PATIENCE, consumer.next())
            .await
            .expect("a message in time")
            .expect("the consumer lives");
        let message = delivery.message.clone();
        let _ = delivery.settle().await;
        consumer.cancel().await;
        message
    }

    /// The test's own session, after its broker was down. As a requester should, it declares its
    /// reply queue anew: a broker that was killed has been seen without a classic queue that it had
    /// confirmed seconds before.
    pub(crate) async fn reconnect(&mut self) {
        self.session = self.broker.connect().await.unwrap();
        self.session.temporary_queue(&self.reply_to).await.unwrap();
        self.replies = self.session.consume(&self.reply_to, 1_000).await.unwrap();
    }

    pub(crate) async fn depth(&self, queue: &str) -> u32 {
        self.session.queue_depth(queue).await.unwrap()
    }

    /// Returns once the queue has so many messages.
    pub(crate) async fn holds(&self, queue: &str, messages: u32) {
        eventually(&format!("{queue} with {messages}"), async || {
            self.depth(queue).await == messages
        })
        .await;
    }

    /// Somebody is handed the queue's next message, and goes away without settling it.
    pub(crate) async fn hand_out_and_lose(&self, queue: &str) {
        self.hand_out_many_and_lose(queue, 1).await;
    }

    /// As [`System::hand_out_and_lose`], with so many messages at once.
    pub(crate) async fn hand_out_many_and_lose(&self, queue: &str, messages: u16) {
        let elsewhere = self.broker.connect().await.unwrap();
        let mut consumer = elsewhere.consume(queue, messages).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..messages {
            held.push(
                timeout(PATIENCE, consumer.next())
                    .await
                    .expect("a message in time")
                    .expect("the consumer lives"),
            );
        }
        elsewhere.close().await;
    }

    /// Returns while a call of this stage is in the air.
    pub(crate) async fn is_called(&self, stage: Stage) {
        let calls = self.sandbox.calls();
        eventually(&format!("a call of {stage}"), async || {
            calls.count(stage).in_flight > 0
        })
        .await;
    }

    /// As when their wait is over: so many jobs parked in this delay queue come back now.
    pub(crate) async fn wake(&self, retry_queue: &str, jobs: usize) {
        for _ in 0..jobs {
            let job = self.take(retry_queue).await;
            self.session
                .publisher()
                .publish(&self.config.broker.due_queue, &self.due_now(&job))
                .await
                .unwrap();
        }
    }

    /// The same parked job with its time come, as only a worker could write it.
    pub(crate) fn due_now(&self, job: &Message) -> Message {
        let ParkedHeaders::Valid(state) = read_parked_headers(job, &self.config.sealer()) else {
            panic!("no valid seal")
        };
        parked_copy(
            job,
            &ParkedState {
                not_before_ms: 0,
                ..state
            },
            &self.config.sealer(),
        )
    }

    /// A job as it is when it comes back from being parked with this progress.
    pub(crate) fn returning(&self, job: &Message, progress: &Progress) -> Message {
        parked_copy(
            job,
            &ParkedState {
                progress: progress.to_header(),
                not_before_ms: 0,
                deaths: None,
            },
            &self.config.sealer(),
        )
    }

    /// The queue of the longest delay: in it waits what waits for longer than that.
    pub(crate) fn longest_wait(&self) -> String {
        self.config
            .broker
            .retry_queue(self.config.broker.retry_delays.last().unwrap())
    }

    /// Stops all workers.
    pub(crate) async fn drain(&mut self) -> Drained {
        assert!(!self.workers.is_empty(), "no worker was started");
        for worker in &self.workers {
            worker.stop();
        }
        let mut drained = Drained::Yes;
        while !self.workers.is_empty() {
            let ended = self.retire().await;
            drained = if ended == Drained::Yes {
                drained
            } else {
                ended
            };
        }
        drained
    }

    /// Stops the worker that was started first.
    pub(crate) async fn retire(&mut self) -> Drained {
        let worker = self.workers.remove(0);
        worker.stop();
        worker.ended().await
    }
}
