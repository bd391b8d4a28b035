//! SIGTERM at an inconvenient moment: the worker ends within its grace, tells whether it was done,
//! and the next one finishes the rest.

use super::outage::LOST;
use crate::harness::eventually::eventually;
use crate::harness::program::{ConfigFile, Program};
use crate::harness::proxy::{Direction, Flow, Proxy};
use crate::harness::rabbitmq;
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::broker::{Message, ParkedState, parked_copy, run_id};
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use invoice_worker::domain::progress::Progress;
use invoice_worker::settings::secret::Secret;
use std::collections::BTreeSet;
use std::time::Duration;

const NO_GRACE: (&str, &str) = ("INVOICE_WORKER__WORKER__SHUTDOWN_GRACE", "1s");
/// Longer than any test waits.
const SLOW_CALLS: (&str, &str) = ("INVOICE_WORKER__RECOGNITION__TIMEOUT", "5m");
const HANGS_ONCE: &str = "[[fault]]\nstage = \"recognition\"\nanswer = \"timeout\"\ncalls = [1]\n";

/// A worker that is about to be stopped, and the one that comes after it.
struct Stop {
    system: System,
    wire: Proxy,
    /// Through the wire.
    program: Program,
    telemetry: String,
    _file: ConfigFile,
    /// Past it.
    next: ConfigFile,
}

impl Stop {
    async fn of(setup: Setup, environment: &[(&str, &str)]) -> Self {
        Self::behind(Proxy::url, setup, environment).await
    }

    async fn behind(url: fn(&Proxy) -> Secret, setup: Setup, environment: &[(&str, &str)]) -> Self {
        let mut system = setup.prepare().await;
        let next = ConfigFile::of(&system);
        let wire = Proxy::before(rabbitmq::port().await).await;
        system.put_behind(url(&wire));
        let file = ConfigFile::of(&system);
        let mut program = file.run(environment);
        let telemetry = program.telemetry().await;
        program.event("consuming").await;
        Self {
            system,
            wire,
            program,
            telemetry,
            _file: file,
            next,
        }
    }

    async fn submits(&self, id: &str) {
        let key = self.system.sample("01-beijing-outpatient").await;
        self.system.submit(&self.system.job(id, &key)).await;
    }

    async fn has_in_flight(&self, jobs: usize) {
        let wanted = format!("invoice_jobs_in_flight {jobs}");
        eventually(&wanted, async || {
            let metrics = reqwest::get(format!("{}/metrics", self.telemetry))
                .await
                .unwrap()
                .text()
                .await
                .unwrap();
            metrics.lines().any(|line| line == wanted)
        })
        .await;
    }

    /// The worker ends with this code; the next one answers the rest, each job once, or twice with
    /// the same bytes where one `may_repeat`.
    async fn ends(mut self, code: i32, jobs: usize, may_repeat: bool) -> (System, Vec<Message>) {
        let ended = self.program.stop().await;
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        // The broker hears of it, at the latest by its heartbeats. What the wire holds is lost.
        self.wire.sever();
        let mut next = self
            .next
            .run(&[("INVOICE_WORKER__RECOGNITION__RATE_PER_SECOND", "1000")]);
        next.event("consuming").await;
        let mut answers = BTreeSet::new();
        let mut runs = BTreeSet::new();
        let mut replies = Vec::new();
        while runs.len() < jobs {
            let reply = self.system.reply().await;
            runs.insert(reply.properties.message_id.clone());
            replies.push(reply);
        }
        let ended = next.stop().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        replies.extend(self.system.replies_so_far().await);
        for reply in &replies {
            answers.insert((reply.properties.message_id.clone(), reply.body.clone()));
        }
        assert_eq!(answers.len(), jobs, "each job has one answer");
        assert!(
            may_repeat || replies.len() == jobs,
            "{} replies for {jobs} jobs: {}",
            replies.len(),
            ended.stderr
        );
        for queue in [
            &self.system.config.broker.jobs_queue,
            &self.system.config.broker.due_queue,
        ] {
            assert_eq!(self.system.depth(queue).await, 0, "{queue}");
        }
        (self.system, replies)
    }
}

fn paid(system: &System) -> [u64; 2] {
    [Stage::Recognition, Stage::Verification]
        .map(|stage| system.sandbox.calls().count(stage).billed)
}

#[tokio::test]
async fn jobs_that_wait_for_the_rate_are_handed_on() {
    const JOBS: usize = 30;
    let mut setup = Setup::new(On::RabbitMq).await;
    // The first call is made, and the next one is a day away.
    setup.config.recognition.rate_per_second = 0.000_02;
    let stop = Stop::of(setup, &[]).await;
    let sample = samples::named("01-beijing-outpatient").unwrap();
    for number in 0..JOBS {
        // Behind the end of the picture: another file, the same bill.
        let picture = [sample.bytes, number.to_string().as_bytes()].concat();
        let key = format!("samples/{number}.jpg");
        stop.system
            .sandbox
            .put(BUCKET, &key, picture)
            .await
            .unwrap();
        stop.system
            .submit(&stop.system.job(&number.to_string(), &key))
            .await;
    }
    // All but the first, which may be answered by now.
    stop.has_in_flight(JOBS - 1).await;
    let (system, _) = stop.ends(0, JOBS, false).await;
    assert_eq!(paid(&system), [JOBS as u64, JOBS as u64]);
}

#[tokio::test]
async fn a_result_on_its_way_that_never_arrives_is_published_by_the_next_worker() {
    let stop = Stop::of(Setup::new(On::RabbitMq).await, &[NO_GRACE]).await;
    stop.wire.trap("invoice.result", Direction::ToServer);
    stop.submits("job").await;
    stop.wire.sprung(1).await;
    let (system, _) = stop.ends(1, 1, false).await;
    assert_eq!(paid(&system), [1, 1]);
}

#[tokio::test]
async fn a_result_whose_confirm_is_on_its_way_is_published_again_with_the_same_bytes() {
    let mut stop = Stop::of(Setup::new(On::RabbitMq).await, &[NO_GRACE]).await;
    stop.wire.trap("invoice.result", Direction::ToClient);
    stop.submits("job").await;
    let first = stop.system.reply().await;
    let (system, again) = stop.ends(1, 1, true).await;
    assert!(
        again
            .iter()
            .all(|reply| (&reply.properties.message_id, &reply.body)
                == (&first.properties.message_id, &first.body))
    );
    assert_eq!(paid(&system), [1, 1]);
}

#[tokio::test]
async fn a_suspect_that_runs_alone_does_not_hold_the_worker_beyond_its_grace() {
    let stop = Stop::of(
        Setup::new(On::RabbitMq).await.faults(HANGS_ONCE),
        &[NO_GRACE, SLOW_CALLS],
    )
    .await;
    let key = stop.system.sample("01-beijing-outpatient").await;
    let suspect = stop.system.job("suspect", &key);
    let progress = Progress::new(run_id(&suspect), jiff::Timestamp::now()).to_header();
    let suspect = parked_copy(
        &suspect,
        &ParkedState {
            progress,
            not_before_ms: 0,
            deaths: Some(0),
        },
        &stop.system.config.sealer(),
    );
    stop.system
        .session
        .publisher()
        .publish(&stop.system.config.broker.due_queue, &suspect)
        .await
        .unwrap();
    stop.system.is_called(Stage::Recognition).await;
    stop.ends(1, 1, false).await;
}

#[tokio::test]
async fn a_worker_that_has_lost_its_broker_finishes_its_call_and_ends() {
    let mut setup = Setup::new(On::RabbitMq).await;
    setup.scenario.recognition.latency = Duration::from_secs(1);
    let mut stop = Stop::of(setup, &[]).await;
    stop.submits("job").await;
    stop.system.is_called(Stage::Recognition).await;
    stop.wire.refuse(true);
    stop.wire.sever();
    stop.program.event(LOST).await;
    let (system, _) = stop.ends(0, 1, true).await;
    assert_eq!(
        paid(&system),
        [1, 1],
        "the call in the air was paid for, and used"
    );
}

#[tokio::test]
async fn a_worker_whose_broker_has_fallen_silent_ends_as_well() {
    let mut setup = Setup::new(On::RabbitMq).await;
    setup.scenario.recognition.latency = Duration::from_secs(1);
    let stop = Stop::behind(Proxy::url_with_heartbeats, setup, &[]).await;
    stop.submits("job").await;
    stop.system.is_called(Stage::Recognition).await;
    stop.wire.flow(Flow::Hold);
    let (system, _) = stop.ends(0, 1, true).await;
    assert_eq!(
        paid(&system),
        [1, 1],
        "the call in the air was paid for, and used"
    );
}

#[tokio::test]
async fn a_paused_worker_ends_at_once_and_the_job_is_tried_by_the_next() {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"UNAUTHORIZED\"\ncalls = [1]\n";
    let mut stop = Stop::of(Setup::new(On::RabbitMq).await.faults(faults), &[]).await;
    stop.submits("job").await;
    stop.program.event("job parked").await;
    // Through the shortest delay, for another worker to take.
    stop.system
        .holds(&stop.system.config.broker.due_queue, 1)
        .await;
    let (system, _) = stop.ends(0, 1, false).await;
    assert_eq!(paid(&system), [1, 1]);
}
