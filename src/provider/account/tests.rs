use super::*;
use crate::breaker::Breaker;
use crate::clock::Clock;
use crate::cluster::Membership;
use crate::domain::job::Job;
use crate::policy::{Policy, Transfer};
use crate::provider::{CallLimits, UrlSigner, View};
use crate::randomness::Randomness;
use crate::retry::{ImageOrigin, JobContext};
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// The object's addresses, in the order in which they are asked for; after the last one there is
/// always another.
#[derive(Default)]
struct Signs(Mutex<Vec<Result<(), &'static str>>>);

const TOO_LONG: &str = "too long";

impl UrlSigner for Signs {
    fn sign(&self, valid: Duration) -> BoxFuture<'_, Result<String, NotSigned>> {
        let next = self.0.lock().unwrap().pop().unwrap_or(Ok(()));
        let signed = match next {
            Ok(()) => Ok(format!("https://b.example/a.jpg?valid={}", valid.as_secs())),
            Err(TOO_LONG) => Err(NotSigned::TooLong),
            Err(code) => Err(NotSigned::Failed(Failure::new(
                Stage::Storage,
                code,
                "not signed",
            ))),
        };
        Box::pin(std::future::ready(signed))
    }
}

/// Answers with the address that it was shown; the first time it is out of order.
struct Echo {
    calls: Arc<Mutex<Vec<String>>>,
    is_broken_at_first: bool,
}

impl Provider for Echo {
    type Answer = ();

    fn call<'a>(
        &'a self,
        _request: &'a Request,
        shown: Shown<'a>,
    ) -> BoxFuture<'a, Result<Reply<()>, Failure>> {
        let Shown::Url(url) = shown else {
            panic!("an address")
        };
        let mut calls = self.calls.lock().unwrap();
        calls.push(url.into_owned());
        let is_broken = self.is_broken_at_first && calls.len() == 1;
        let reply = Reply {
            code: "200",
            request_id: None,
            answer: (),
        };
        Box::pin(std::future::ready(if is_broken {
            Err(Failure::new(Stage::Recognition, "http.502", ""))
        } else {
            Ok(reply)
        }))
    }
}

struct Outcome {
    stopped: Option<(Stage, String, Decision)>,
    shown: Vec<String>,
    /// The job's own account of what it cost.
    progress: Progress,
}

/// A client of a provider that is ten calls a second, one at a time.
fn client(echo: Echo) -> Account<()> {
    let clock = Clock::starting_at("2026-03-02T01:00:00Z".parse().unwrap());
    let (policy, timezone) = (Arc::new(Policy::builtin()), TimeZone::UTC);
    let breaker = Breaker::new(
        Membership::new("a worker".into(), clock),
        Arc::clone(&policy),
        clock,
        timezone.clone(),
    );
    let retrier = Retrier {
        policy,
        timezone,
        clock,
        randomness: Randomness::seeded(1),
        breaker,
        budgets: crate::budget::Budgets::default(),
        queue_weights: crate::quota::QueueWeights::default(),
        observer: Arc::new(crate::retry::DecisionLog),
    };
    let limits = CallLimits {
        rate_per_second: 10.0,
        burst: 1,
        max_in_flight: 4,
        timeout: Duration::from_secs(30),
    };
    Account::new(AccountId::RECOGNITION, Opened::new(echo, limits), retrier)
}

fn job() -> Job {
    Job::parse(br#"{"job_id":"a","image":{"key":"a"}}"#, None)
        .ok()
        .unwrap()
}

fn context(job: &Job, deadline: Timestamp) -> JobContext<'_> {
    JobContext {
        job,
        halt: CancellationToken::new(),
        deadline,
        began: Instant::now(),
        is_queued: true,
        redelivery_wait: REDELIVERY_WAIT,
        origin: ImageOrigin::DefaultBucket,
    }
}

/// A call of recognition by URL, with checkpoints that were looked at just now.
fn by_url<'a>(
    job: &'a JobContext<'a>,
    progress: &'a mut Progress,
    clock: Clock,
) -> CallContext<'a> {
    CallContext {
        transfer: Transfer::Url,
        can_send_bytes: true,
        recalled: Some(RecallTime::now(clock)),
        ..CallContext::new(job, progress, AccountId::RECOGNITION, "")
    }
}

async fn call(signed: &[Result<(), &'static str>], is_broken_at_first: bool) -> Outcome {
    let calls = Arc::<Mutex<Vec<String>>>::default();
    let client = client(Echo {
        calls: Arc::clone(&calls),
        is_broken_at_first,
    });
    let link = Signs(Mutex::new(signed.iter().rev().copied().collect()));
    let now = client.retrier.clock.now();
    let mut progress = Progress::new(String::new(), now);
    let job = job();
    let context = context(&job, now + Duration::from_hours(96));
    let outcome = client
        .call(
            &Request::new(View::Object(Arc::new(link)), false),
            &mut by_url(&context, &mut progress, client.retrier.clock),
            unknown,
        )
        .await;
    let stopped = outcome.err().map(|stopped| {
        (
            stopped.failure.stage,
            stopped.failure.code,
            stopped.policy.decision,
        )
    });
    let shown = calls.lock().unwrap().clone();
    Outcome {
        stopped,
        shown,
        progress,
    }
}

#[tokio::test(start_paused = true)]
async fn every_attempt_has_an_address_of_its_own_that_outlives_the_call_by_a_minute() {
    let Outcome { stopped, shown, .. } = call(&[], true).await;
    assert_eq!(
        (stopped, shown),
        (None, vec!["https://b.example/a.jpg?valid=90".to_owned(); 2])
    );
}

#[tokio::test(start_paused = true)]
async fn an_address_that_cannot_be_signed_for_a_while_is_the_stores_failure_and_no_call() {
    let Outcome {
        stopped,
        shown,
        progress,
    } = call(&[Err("timeout"), Err("timeout"), Err("connect")], false).await;
    assert_eq!((stopped, shown.len()), (None, 1));
    assert_eq!(
        (
            progress.attempts(Stage::Storage),
            progress.costs.totals.retries,
            progress.calls().len()
        ),
        (2, 2, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn without_credentials_nothing_is_called_and_the_store_is_paused() {
    let Outcome {
        stopped,
        shown,
        progress,
    } = call(&[Err("NoCredentials"); 2], false).await;
    assert_eq!(
        stopped,
        Some((Stage::Storage, "NoCredentials".to_owned(), Decision::Pause))
    );
    assert_eq!((shown.len(), progress.calls().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_has_become_too_long_has_the_image_sent() {
    // Also where it became so while it could not be signed.
    for signed in [
        &[Err(TOO_LONG)][..],
        &[Err("timeout"), Err(TOO_LONG), Err(TOO_LONG)],
    ] {
        let Outcome {
            stopped,
            shown,
            progress,
        } = call(signed, false).await;
        assert_eq!(
            stopped.map(|(_, _, decision)| decision),
            Some(Decision::Inline)
        );
        assert_eq!((shown.len(), progress.costs.totals.billed), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_past_its_deadline_takes_no_call_from_the_rate() {
    let client = client(Echo {
        calls: Arc::default(),
        is_broken_at_first: false,
    });
    let (now, began, job) = (client.retrier.clock.now(), Instant::now(), job());
    let request = Request::new(View::Object(Arc::new(Signs::default())), false);
    for (deadline, expected) in [(now - Duration::from_secs(1), Some("job.deadline")); 20]
        .into_iter()
        .chain([(now, None)])
    {
        let mut progress = Progress::new(String::new(), now);
        let outcome = client
            .call(
                &request,
                &mut by_url(
                    &context(&job, deadline),
                    &mut progress,
                    client.retrier.clock,
                ),
                unknown,
            )
            .await;
        assert_eq!(
            outcome.err().map(|stopped| stopped.failure.code).as_deref(),
            expected
        );
    }
    assert_eq!(
        began.elapsed(),
        Duration::ZERO,
        "not even a turn of a tenth of a second was waited for"
    );
}

const REDELIVERY_WAIT: Duration = Duration::from_secs(35);

/// No other worker has paid.
async fn unknown() -> Result<Option<&'static str>, Box<StageStopped>> {
    Ok(None)
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waited_longer_than_redelivery_wait_looks_for_a_paid_answer_before_it_calls() {
    let known = async || Ok(Some("paid for by another worker"));
    for (waited, paid_elsewhere, expected) in [
        (34, true, "called"),
        (35, true, "paid for by another worker"),
        (35, false, "called"),
    ] {
        let calls = Arc::<Mutex<Vec<String>>>::default();
        let client = client(Echo {
            calls: Arc::clone(&calls),
            is_broken_at_first: false,
        });
        let now = client.retrier.clock.now();
        let mut progress = Progress::new(String::new(), now);
        let job = job();
        let context = context(&job, now + Duration::from_hours(96));
        let mut calling = by_url(&context, &mut progress, client.retrier.clock);
        tokio::time::sleep(Duration::from_secs(waited)).await;
        let request = Request::new(View::Object(Arc::new(Signs::default())), false);
        let outcome = if paid_elsewhere {
            client.call(&request, &mut calling, known).await
        } else {
            client.call(&request, &mut calling, unknown).await
        };
        let came_to = match outcome.unwrap() {
            Called::Answered(_) => "called",
            Called::Known(known) => known,
        };
        assert_eq!(
            (came_to, calls.lock().unwrap().len()),
            (expected, usize::from(expected == "called")),
            "{waited} {paid_elsewhere}"
        );
        assert!(
            !calling.recalled.is_some_and(|recalled| {
                recalled.is_older_than(Duration::from_secs(35), client.retrier.clock)
            }) || waited < 35
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_tried_again_in_place_looks_again_each_time_that_it_waited_too_long() {
    let looks = std::cell::Cell::new(0);
    let looked = async || {
        looks.set(looks.get() + 1);
        Ok(None::<()>)
    };
    let client = client(Echo {
        calls: Arc::default(),
        is_broken_at_first: true,
    });
    let now = client.retrier.clock.now();
    let mut progress = Progress::new(String::new(), now);
    let job = job();
    let context = JobContext {
        redelivery_wait: Duration::from_secs(1),
        ..context(&job, now + Duration::from_hours(96))
    };
    let mut calling = by_url(&context, &mut progress, client.retrier.clock);
    let request = Request::new(View::Object(Arc::new(Signs::default())), false);
    assert!(matches!(
        client.call(&request, &mut calling, looked).await,
        Ok(Called::Answered(_))
    ));
    assert_eq!(
        looks.get(),
        1,
        "after the wait of two seconds, and not before the first call"
    );
}
