//! One job, a worker whose wires can be stopped at a byte, others whose wires cannot, and what it
//! all comes to.

use super::case::{Arrives, Case, RULES};
use super::stop::{self, Stop, Until, Wire};
use crate::harness::eventually::eventually;
use crate::harness::ledger::{costs, ledger_of};
use crate::harness::program::{ConfigFile, Program};
use crate::harness::proxy::{Direction, Proxy};
use crate::harness::rabbitmq;
use crate::harness::system::System;
use invoice_worker::broker::{FAILURE, Message, run_id};
use invoice_worker::config::Config;
use invoice_worker::domain::failure::Stage;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) struct RowRun {
    pub(super) system: System,
    job: Message,
    pub(super) to_broker: Proxy,
    pub(super) to_sandbox: Proxy,
    direct: ConfigFile,
    wired: ConfigFile,
    /// As they came, the job's and others'.
    results: Vec<Message>,
    /// Jobs that were submitted beside the one that it is all about.
    others: usize,
}

/// What it comes to in the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// Paid calls of recognition and verification.
    pub(super) paid: (u64, u64),
    /// With the same bytes.
    pub(super) results: usize,
    /// Copies in the failed queue.
    pub(super) failed: u32,
}

impl RowRun {
    /// The job is submitted, and nobody takes it yet.
    pub(super) async fn prepare(case: &Case) -> Self {
        let mut system = case.setup().await.prepare().await;
        let to_broker = Proxy::before(rabbitmq::port().await).await;
        let to_sandbox = Proxy::before(port_of(&system.sandbox.s3_url())).await;
        let direct = with_rules(&system.config);
        let wired = with_rules(&through(&to_broker, &to_sandbox, &system.config));
        let job = case.job(&system).await;
        let mut results = Vec::new();
        if case.arrives == Arrives::Again {
            system.work().await;
            system.submit(&job).await;
            results.push(system.reply().await);
            system.drain().await;
        }
        case.submit(&job, &system).await;
        Self {
            system,
            job,
            to_broker,
            to_sandbox,
            direct,
            wired,
            results,
            others: 0,
        }
    }

    /// A worker of which nobody keeps anything back.
    pub(super) fn worker(&self) -> Program {
        self.direct.run(&[])
    }

    /// A worker that gets as far as this.
    pub(super) async fn stopped(&mut self, stop: &Stop) -> Program {
        for sees in [Some(stop.sees), stop.also].into_iter().flatten() {
            self.wire(stop.wire).trap(sees, stop.holds);
        }
        if matches!(stop.until, Until::Suspected) {
            self.to_sandbox.trap(stop::IMAGE, Direction::ToServer);
        }
        // One job at a time: when it is settled the next one is handed out.
        let program = self
            .wired
            .run(&[("INVOICE_WORKER__WORKER__MAX_IN_FLIGHT", "1")]);
        self.wire(stop.wire).sprung(1).await;
        self.reached(stop.until).await;
        program
    }

    /// What a dead process leaves of its connections goes with it.
    pub(super) async fn kill(&self, program: Program) {
        program.kill().await;
        self.to_broker.sever();
        self.to_sandbox.sever();
    }

    pub(super) async fn reached(&mut self, until: Until) {
        let queues = &self.system.config.broker;
        match until {
            Until::Sent | Until::Suspected => {}
            Until::Stored(key) => eventually(key, async || self.is_stored(key)).await,
            Until::Answered(stage) => eventually("an answer", async || self.paid(stage) == 1).await,
            Until::Replied => self.result().await,
            Until::Parked => self.holds(&self.system.longest_wait(), 1).await,
            Until::InTheFailedQueue => self.holds(&queues.failed_queue, 1).await,
            Until::Settled => {
                let key = self.system.sample("01-beijing-outpatient").await;
                self.system
                    .submit(&self.system.job("the next job", &key))
                    .await;
                self.others += 1;
                self.holds(&queues.jobs_queue, 0).await;
            }
        }
    }

    /// The next result, of whatever else is told on the way.
    pub(super) async fn result(&mut self) {
        loop {
            let reply = self.system.reply().await;
            if reply.properties.kind.as_deref() == Some("invoice.result") {
                return self.results.push(reply);
            }
        }
    }

    /// Results so far.
    pub(super) fn answered(&self) -> usize {
        self.results.len()
    }

    /// From now on the queue that was full has a reader.
    pub(super) async fn reads_the_full_queue(&mut self) {
        let full = self.job.properties.reply_to.clone().unwrap();
        self.system.replies = self.system.session.consume(&full, 0).await.unwrap();
    }

    /// One of the parked copies comes back, that which was parked first.
    pub(super) async fn wake(&self) {
        self.system.wake(&self.system.longest_wait(), 1).await;
    }

    pub(super) async fn ends(mut self, workers: Vec<Program>, end: &End) {
        for worker in workers {
            let ended = worker.stop().await;
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        }
        self.system.replies.cancel().await;
        while let Some(delivery) = self.system.replies.next().await {
            self.results.push(delivery.message);
        }
        let run = run_id(&self.job);
        let (ours, others): (Vec<_>, Vec<_>) = self
            .results
            .iter()
            .partition(|result| result.properties.message_id.as_deref() == Some(&run));
        assert_eq!(
            (ours.len(), others.len()),
            (end.results, self.others),
            "results of the job, and of others"
        );
        assert!(
            ours.iter().all(|result| result.body == ours[0].body),
            "the same run is answered with the same bytes"
        );
        let body: Value = serde_json::from_slice(&ours[0].body).unwrap();
        assert_eq!(body["status"] == "completed", end.failed == 0, "{body}");
        assert!(
            body["seen_before"].is_null(),
            "nobody else had the bill: {body}"
        );
        assert_eq!(
            (
                self.paid(Stage::Recognition),
                self.paid(Stage::Verification)
            ),
            end.paid,
            "paid calls"
        );
        let (told, paid) = (
            costs(&ledger_of(&self.system).await),
            usize::try_from(end.paid.0 + end.paid.1).unwrap(),
        );
        assert!(
            told.paid <= paid && paid <= told.paid + told.unknown,
            "{paid} paid calls in the ledger: {told:?}"
        );
        let queues = &self.system.config.broker;
        assert_eq!(
            self.system.depth(&queues.failed_queue).await,
            end.failed,
            "copies in the failed queue"
        );
        let mut failures = BTreeSet::new();
        for _ in 0..end.failed {
            let copy = self.system.take(&queues.failed_queue).await;
            let reason: Value =
                serde_json::from_str(&copy.properties.headers.text(FAILURE).unwrap()).unwrap();
            failures.insert(format!("{} {}", reason["run"], reason["at"]));
        }
        assert!(
            failures.len() <= 1,
            "copies of one failure are known as such: {failures:?}"
        );
        let waits = queues
            .retry_delays
            .iter()
            .map(|delay| queues.retry_queue(delay));
        for queue in waits.chain([
            queues.jobs_queue.clone(),
            queues.due_queue.clone(),
            queues.results_queue.clone(),
        ]) {
            assert_eq!(self.system.depth(&queue).await, 0, "left in {queue}");
        }
    }

    pub(super) async fn holds(&self, queue: &str, messages: u32) {
        self.system.holds(queue, messages).await;
    }

    fn is_stored(&self, key: &str) -> bool {
        let subject = format!("put {key}");
        self.system
            .sandbox
            .calls()
            .of(Stage::Storage)
            .iter()
            .any(|call| {
                call.subject
                    .as_ref()
                    .is_some_and(|put| put.starts_with(&subject))
            })
    }

    /// One that nobody heard the end of may be paid for, too.
    fn paid(&self, stage: Stage) -> u64 {
        let count = self.system.sandbox.calls().count(stage);
        count.billed + count.billed_unknown
    }

    fn wire(&self, wire: Wire) -> &Proxy {
        match wire {
            Wire::Broker => &self.to_broker,
            Wire::Sandbox => &self.to_sandbox,
        }
    }
}

/// With rules beside it that `policy.file` names.
fn with_rules(config: &Config) -> ConfigFile {
    let file = ConfigFile::of_config(config);
    std::fs::write(file.file("rules.toml"), RULES).unwrap();
    file
}

/// The same, through wires of our own.
fn through(to_broker: &Proxy, to_sandbox: &Proxy, config: &Config) -> Config {
    let mut wired = config.clone();
    wired.broker.urls = vec![to_broker.url()];
    for url in [
        &mut wired.storage.endpoint_url,
        &mut wired.recognition.url,
        &mut wired.verification.url,
    ] {
        *url = url.replace(
            &format!(":{}", port_of(url)),
            &format!(":{}", to_sandbox.port),
        );
    }
    wired
}

fn port_of(url: &str) -> u16 {
    url::Url::parse(url).unwrap().port().unwrap()
}
