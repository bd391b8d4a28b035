use super::super::{DecisionLog, ImageOrigin, JobEnd};
use super::*;
use crate::breaker::Breaker;
use crate::budget::{AccountPrice, Budgets, Config, ToldCall};
use crate::clock::Clock;
use crate::cluster::Membership;
use crate::domain::failure::Billed;
use crate::domain::progress::Parked;
use crate::policy::Policy;
use crate::randomness::Randomness;
use jiff::tz::TimeZone;
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Decides for a worker with two calls a day for recognition, at eight in the evening.
fn retrier() -> Retrier {
    let clock = Clock::starting_at("2026-03-02T20:00:00Z".parse().unwrap());
    let (policy, timezone) = (Arc::new(Policy::builtin()), TimeZone::UTC);
    let membership = Membership::new("a worker".into(), clock);
    let breaker = Breaker::new(
        membership.clone(),
        Arc::clone(&policy),
        clock,
        timezone.clone(),
    );
    let config: Config = toml::from_str("account = \"recognition\"\namount = 2").unwrap();
    let prices = vec![AccountPrice {
        account: AccountName::RECOGNITION,
        tariff: "".parse().unwrap(),
        currency: "CNY".parse().unwrap(),
    }];
    let budgets = Budgets::new(
        &[config],
        prices,
        timezone.clone(),
        String::new(),
        (membership, clock),
    );
    budgets.begin_reading();
    budgets.is_read();
    Retrier {
        policy,
        timezone,
        clock,
        randomness: Randomness::seeded(1),
        breaker,
        budgets,
        queue_weights: crate::quota::QueueWeights::default(),
        observer: Arc::new(DecisionLog),
    }
}

fn job() -> Job {
    Job::parse(br#"{"job_id":"a","image":{"key":"a"}}"#, None)
        .ok()
        .unwrap()
}

fn context<'a>(job: &'a Job, retrier: &Retrier, is_queued: bool) -> JobContext<'a> {
    JobContext {
        job,
        halt: CancellationToken::new(),
        deadline: retrier.clock.now() + Duration::from_hours(96),
        began: Instant::now(),
        is_queued,
        redelivery_wait: Duration::from_secs(35),
        origin: ImageOrigin::DefaultBucket,
    }
}

fn progress(retrier: &Retrier) -> Progress {
    Progress::new("run".to_owned(), retrier.clock.now())
}

fn tell(retrier: &Retrier, id: &str) {
    let call = ToldCall {
        id,
        account: AccountName::RECOGNITION,
        submitter: "",
        at: retrier.clock.now(),
        billed: Billed::Yes,
        price: None,
    };
    retrier.budgets.tell([call].into_iter());
}

#[tokio::test(start_paused = true)]
async fn a_job_without_budget_left_is_parked_until_it_opens_and_its_deadline_stands_still() {
    let retrier = retrier();
    let (job, mut progress) = (job(), progress(&retrier));
    let context = context(&job, &retrier, true);
    for id in ["01", "02"] {
        tell(&retrier, id);
    }
    let id = AccountId::RECOGNITION;
    let call = CallContext::new(&context, &mut progress, id, "");
    let stopped = retrier.wait_for_budget(&call).await.unwrap_err();
    assert_eq!(
        (stopped.failure.stage, stopped.failure.code.as_str()),
        (Stage::Worker, BUDGET)
    );
    assert_eq!(stopped.policy.rule, BUDGET);
    assert!(retrier.begin_call(&call, retrier.clock.now()).is_err());
    let ahead = retrier.look_ahead(id, &[], &context, &progress);
    assert!(ahead.is_ok(), "its answer may be known");
    progress.is_about("image");
    let ahead = retrier.look_ahead(id, &[], &context, &progress);
    assert!(ahead.is_err());
    let verification = AccountId::VERIFICATION;
    let other = retrier.look_ahead(verification, &[], &context, &progress);
    assert!(other.is_ok(), "it has no budget");
    let JobEnd::Parked(request) = JobEnd::of(*stopped, &context, &progress, &retrier) else {
        panic!("it is parked");
    };
    let midnight: Timestamp = "2026-03-03T00:00:00Z".parse().unwrap();
    assert_eq!(
        (request.until, request.next_attempt_at),
        (midnight, midnight)
    );
    assert!(request.by_pause && !request.is_brief);
    assert_eq!(
        request.reason,
        "the budget of 2 calls per day of recognition is used up; it opens at 2026-03-03T00:00:00Z"
    );
    assert_eq!(progress.used(BUDGET, 0), 0, "nothing is charged");
    progress.park(Parked {
        stage: request.failure.stage,
        code: request.failure.code,
        at: retrier.clock.now(),
        by_pause: request.by_pause,
    });
    assert!(!retrier.is_budget_open(&job, &progress));
    tokio::time::advance(Duration::from_hours(4)).await;
    assert!(retrier.is_budget_open(&job, &progress));
    let before = progress.deadline(&job, Duration::from_hours(96));
    retrier.record_return(&mut progress, false);
    let after = progress.deadline(&job, Duration::from_hours(96));
    assert_eq!(after.duration_since(before).as_hours(), 4);
    assert!(
        !retrier.is_budget_open(&job, &progress),
        "it does not wait for a budget any more"
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_waits_in_place_for_calls_in_the_air_and_not_for_long() {
    let retrier = retrier();
    let (job, mut progress) = (job(), progress(&retrier));
    let context = context(&job, &retrier, true);
    let call = CallContext::new(&context, &mut progress, AccountId::RECOGNITION, "");
    let begin = || retrier.begin_call(&call, retrier.clock.now()).ok().unwrap();
    let (first, _second) = (begin().unwrap(), begin().unwrap());
    assert!(begin().is_none(), "both may be paid for");
    let start = Instant::now();
    let ending = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        first.ended(|| "01".to_owned(), Billed::No);
    };
    let (waited, ()) = tokio::join!(retrier.wait_for_budget(&call), ending);
    assert!(waited.is_ok());
    assert_eq!(start.elapsed().as_secs(), 2);
    let _third = begin().unwrap();
    let stopped = retrier.wait_for_budget(&call).await.unwrap_err();
    assert_eq!(start.elapsed().as_secs(), 7);
    assert!(stopped.is_brief);
    context.halt.cancel();
    let stopped = retrier.wait_for_budget(&call).await.unwrap_err();
    assert_eq!(stopped.failure.code, "worker.stopping");
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_budget_is_not_known_looks_again_in_a_minute() {
    let retrier = retrier();
    let (job, mut progress) = (job(), progress(&retrier));
    retrier.budgets.cannot_be_read("no streams");
    let queued = context(&job, &retrier, true);
    let call = CallContext::new(&queued, &mut progress, AccountId::RECOGNITION, "");
    let stopped = retrier.wait_for_budget(&call).await.unwrap_err();
    let until = retrier.clock.now() + Duration::from_mins(1);
    assert_eq!(*stopped.decision(), Decision::Park { until });
    assert_eq!(
        stopped.failure.message.to_string(),
        "what was spent of its budget is not known: no streams"
    );
    // Without a queue there is no ledger.
    let at_once = context(&job, &retrier, false);
    let call = CallContext::new(&at_once, &mut progress, AccountId::RECOGNITION, "");
    assert!(retrier.wait_for_budget(&call).await.is_ok());
    assert!(retrier.begin_call(&call, until).is_ok());
}
