//! A panic inside one job's task: a failed attempt of that job, and nobody else's business.

use crate::harness::system::{On, PATIENCE, Setup};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use invoice_worker::dev::{StoreScript, scripted_store};
use invoice_worker::domain::account::AccountId;
use invoice_worker::domain::failure::Failure;
use invoice_worker::domain::invoice::Invoice;
use invoice_worker::pipeline::Pipeline;
use invoice_worker::provider::{Account, CallLimits, Opened, Provider, Reply, Request, Shown};
use invoice_worker::store::WriteOutcome;
use invoice_worker::telemetry::health::HealthState;
use invoice_worker::worker::Drained;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Notify;
use tokio::time::timeout;

const RATE: CallLimits = CallLimits {
    rate_per_second: 1_000.0,
    burst: 1,
    max_in_flight: 16,
    timeout: PATIENCE,
};

/// Fails on the first call, once it is let; afterwards it answers that there is nothing on the
/// picture.
struct Fragile {
    called: Arc<Notify>,
    go: Arc<Notify>,
    calls: AtomicU32,
}

impl Provider for Fragile {
    type Answer = Invoice;

    fn call<'a>(
        &'a self,
        _request: &'a Request,
        _shown: Shown<'a>,
    ) -> BoxFuture<'a, Result<Reply<Invoice>, Failure>> {
        Box::pin(async {
            if self.calls.fetch_add(1, Ordering::Relaxed) == 0 {
                self.called.notify_one();
                self.go.notified().await;
                panic!("what a defect looks like");
            }
            Ok(Reply {
                code: "200",
                request_id: None,
                answer: Invoice::default(),
            })
        })
    }
}

/// A store that fails on every image.
struct Broken;

impl StoreScript for Broken {
    fn read(&self, key: &str) -> Result<Bytes, Failure> {
        panic!("a defect about {key}")
    }

    fn write(&self, key: &str, _bytes: Bytes, _new: bool) -> Result<WriteOutcome, Failure> {
        panic!("a defect about {key}")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_on_which_the_worker_panics_is_answered_so_and_the_follower_makes_the_call_again() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let (called, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let fragile = Fragile {
        called: Arc::clone(&called),
        go: Arc::clone(&go),
        calls: AtomicU32::new(0),
    };
    let fit = |pipeline: &mut Pipeline| {
        pipeline.recognition.accounts = Account::new(
            AccountId::RECOGNITION,
            Opened::new(fragile, RATE),
            pipeline.retrier.clone(),
        )
        .into();
    };
    system.work_with(fit).await;
    let key = system.sample("01-beijing-outpatient").await;
    system.submit(&system.job("fails", &key)).await;
    timeout(PATIENCE, called.notified())
        .await
        .expect("a call in time");
    system.submit(&system.job("waits", &key)).await;
    let other = system.sample("03-zhejiang-outpatient").await;
    assert_eq!(
        system.ask(&system.job("other", &other)).await["verdict"],
        "genuine",
        "nobody else waits for it"
    );
    go.notify_one();

    let mut results = [system.result().await, system.result().await];
    results.sort_by_key(|result| result["job_id"].to_string());
    let [failed, waited] = results;
    assert_eq!(
        (&failed["job_id"], &failed["status"]),
        (&json!("fails"), &json!("undetermined")),
        "{failed}"
    );
    assert_eq!(
        (&failed["error"]["stage"], &failed["error"]["code"]),
        (&json!("worker"), &json!("worker.panic")),
        "{failed}"
    );
    assert!(
        !failed.to_string().contains("what a defect looks like"),
        "the message may hold what the code was working on"
    );
    assert_eq!(
        (&waited["job_id"], &waited["verdict"]),
        (&json!("waits"), &json!("genuine")),
        "{waited}"
    );

    assert_eq!(system.drain().await, Drained::Yes);
    assert!(system.replies_so_far().await.is_empty());
    assert_eq!(
        system.depth(&system.config.broker.jobs_queue).await,
        0,
        "none of them is delivered again"
    );
    assert_eq!(
        system.depth(&system.config.broker.failed_queue).await,
        1,
        "the one that failed"
    );
}

/// What fails on every job is no job's fault: a wrong setting that a library panics about, say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_fails_on_two_jobs_at_the_same_place_takes_no_more_and_others_answer_the_rest()
 {
    let mut setup = Setup::new(On::RabbitMq).await;
    setup.config.worker.max_in_flight = 1;
    let mut system = setup.prepare().await;
    let fit = |pipeline: &mut Pipeline| {
        pipeline.loader.store = scripted_store(Broken);
    };
    system.work_with(fit).await;
    let key = system.sample("01-beijing-outpatient").await;
    let first = system.ask(&system.job("one", &key)).await;
    assert_eq!(
        (&first["job_id"], &first["error"]["code"]),
        (&json!("one"), &json!("worker.panic")),
        "{first}"
    );
    for id in ["two", "three", "four"] {
        system.submit(&system.job(id, &key)).await;
    }
    system.workers[0]
        .becomes(|state| matches!(state, HealthState::Unfit { .. }))
        .await;
    let HealthState::Unfit { problem } = system.workers[0].health.state() else {
        unreachable!()
    };
    assert!(problem.contains(file!()), "the place is told: {problem}");
    assert!(!system.workers[0].health.state().is_ready());

    system.work().await;
    let mut answered = BTreeSet::new();
    for _ in 0..3 {
        let result = system.result().await;
        assert_eq!(
            (&result["status"], &result["verdict"]),
            (&json!("completed"), &json!("genuine")),
            "{result}"
        );
        answered.insert(result["job_id"].to_string());
    }
    assert_eq!(answered.len(), 3);
    assert!(
        matches!(system.workers[0].health.state(), HealthState::Unfit { .. }),
        "until it is started anew"
    );
    assert_eq!(system.drain().await, Drained::Yes);
    assert_eq!(
        system.depth(&system.config.broker.failed_queue).await,
        1,
        "the first one"
    );
    for queue in [
        &system.config.broker.jobs_queue,
        &system.config.broker.due_queue,
    ] {
        assert_eq!(system.depth(queue).await, 0, "{queue}");
    }
}
