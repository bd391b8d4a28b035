//! What would become of the job undisturbed, and how it comes to the worker that is disturbed.

use crate::harness::rabbitmq;
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::{Message, run_id};
use invoice_worker::domain::progress::Progress;
use invoice_worker::settings::units::span;
use jiff::Timestamp;
use lapin::{Connection, ConnectionProperties};
use serde_json::json;

#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    /// As a scenario file writes them.
    pub(super) faults: &'static str,
    /// `None`: over in a moment.
    pub(super) redelivery_wait: Option<&'static str>,
    pub(super) arrives: Arrives,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrives {
    New,
    /// It wants to be told when it is parked.
    Curious,
    /// Its reply queue is full.
    Unwelcome,
    /// So many workers had it, and died.
    Orphaned(usize),
    /// From being parked.
    Returned,
    /// The same message once more.
    Again,
    /// It is no job at all.
    Malformed,
}

pub(super) const PLAIN: Case = Case {
    faults: "",
    redelivery_wait: None,
    arrives: Arrives::New,
};

/// The registry is not to be asked for an hour; then it answers.
pub(super) const PARKS: Case = Case {
    faults: "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\ncalls = [1]\n",
    ..PLAIN
};

/// The registry's answer is one that only a person can help with.
pub(super) const FAILS: Case = Case {
    faults: "[[fault]]\nstage = \"verification\"\nanswer = \"319\"\n",
    ..PLAIN
};

/// Longer than any test: what waits so long waits until it is woken.
pub(super) const LONG: &str = "1h";

/// The built-in rule also closes the province, which is not the subject here.
pub(super) const RULES: &str = r#"
    [[rule]]
    stage = "verification"
    code = ["316"]
    do = [{ action = "park", delays = ["1h"], attempts = 4 }, { action = "fail" }]
    scope = "none"
    billed = "yes"
    reason = "in maintenance"
"#;

impl Case {
    pub(super) const fn arriving(self, arrives: Arrives) -> Self {
        Self { arrives, ..self }
    }

    pub(super) const fn waiting(self, redelivery_wait: &'static str) -> Self {
        Self {
            redelivery_wait: Some(redelivery_wait),
            ..self
        }
    }

    pub(super) async fn setup(&self) -> Setup {
        let mut setup = Setup::new(On::RabbitMq)
            .await
            .faults(self.faults)
            .rules(RULES);
        setup.config.broker.retry_delays = vec![span("100ms"), span("1s"), span("1m")];
        if let Some(wait) = self.redelivery_wait {
            setup.config.worker.redelivery_wait = span(wait);
        }
        // What is held on a wire must not be tried again because of that.
        setup.config.storage.timeout = span("3m");
        setup.config.recognition.timeout = span("3m");
        setup.config.verification.timeout = span("3m");
        setup
    }

    pub(super) async fn job(&self, system: &System) -> Message {
        let key = system.sample("01-beijing-outpatient").await;
        let body = json!({ "job_id": "job", "image": { "key": key }, "progress": self.arrives == Arrives::Curious });
        let mut job = system.message("job", body.to_string());
        if self.arrives == Arrives::Unwelcome {
            let full = format!("{}.full", system.reply_to);
            let connection =
                Connection::connect(&rabbitmq::url().await, ConnectionProperties::default())
                    .await
                    .unwrap();
            rabbitmq::queue_of_one(&connection, &full).await;
            system
                .session
                .publisher()
                .publish(&full, &Message::json("in the way", &b"{}"[..]))
                .await
                .unwrap();
            job.properties.reply_to = Some(full);
        }
        if self.arrives == Arrives::Malformed {
            job.body = "no JSON".into();
        }
        job
    }

    /// With all that happens to the job before somebody has it who is disturbed.
    pub(super) async fn submit(&self, job: &Message, system: &System) {
        match self.arrives {
            Arrives::New
            | Arrives::Curious
            | Arrives::Unwelcome
            | Arrives::Again
            | Arrives::Malformed => system.submit(job).await,
            Arrives::Orphaned(times) => {
                system.submit(job).await;
                for _ in 0..times {
                    system
                        .hand_out_and_lose(&system.config.broker.jobs_queue)
                        .await;
                }
            }
            Arrives::Returned => {
                let copy = system.returning(job, &Progress::new(run_id(job), Timestamp::now()));
                system
                    .session
                    .publisher()
                    .publish(&system.config.broker.due_queue, &copy)
                    .await
                    .unwrap();
            }
        }
    }
}
