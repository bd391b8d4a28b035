mod between_workers;
mod resume;

use super::*;
use crate::clock::Clock;
use crate::cluster::Membership;
use crate::domain::account::{AccountId, AccountName};
use crate::domain::failure::{Failure, Stage};
use crate::domain::progress::Progress;
use crate::domain::scope::Scope;
use crate::domain::scope::{BillId, Province};
use crate::policy::Transfer;
use crate::policy::{Decision, Policy, PolicyDecision, Subject};
use crate::policy::{Facts, Others};
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;

fn clock() -> Clock {
    Clock::starting_at("2026-03-02T01:00:00Z".parse().unwrap())
}

fn breaker(worker: &str, clock: Clock) -> Breaker {
    Breaker::new(
        Membership::new(worker.to_owned(), clock),
        Arc::new(Policy::builtin()),
        clock,
        TimeZone::get("Asia/Shanghai").unwrap(),
    )
}

fn henan() -> Vec<Scope> {
    let province = Province::of("河南").unwrap();
    let bill = BillId::of(Some(&province), Some("1"), "image");
    vec![
        Scope::Pause(AccountName::VERIFICATION),
        Scope::Account(AccountName::VERIFICATION),
        Scope::Province(province),
        Scope::Bill(bill),
    ]
}

/// That was sent.
fn of(image: &str) -> Subject<'_> {
    Subject {
        name: image,
        is_inline: true,
        ..Subject::default()
    }
}

fn about(breaker: &Breaker) -> About<'static> {
    About {
        subject: of("image"),
        failing_since: breaker.0.clock.now(),
    }
}

fn facts(breaker: &Breaker, others: Others) -> Facts {
    let now = breaker.0.clock.now();
    Facts {
        now,
        deadline: now + Duration::from_hours(96),
        timezone: breaker.0.timezone.clone(),
        billing_date: None,
        transfer: Transfer::Inline,
        spread: 0.5,
        others,
    }
}

/// A call fails, and is not tried again in place.
fn fail(breaker: &Breaker, permit: CallPermit, code: &str) -> PolicyDecision {
    fail_after(
        breaker,
        permit,
        code,
        &Progress::new(String::new(), breaker.0.clock.now()),
    )
}

/// A call fails whose job has used up its retries in place.
fn fail_for_good(breaker: &Breaker, permit: CallPermit, code: &str) {
    let failure = Failure::new(Stage::Verification, code, "");
    let mut progress = Progress::new(String::new(), breaker.0.clock.now());
    let rule = breaker.0.policy.rule_about(&failure).unwrap().id.clone();
    for _ in 0..3 {
        progress.charge(&rule, 0);
    }
    fail_after(breaker, permit, code, &progress);
}

fn fail_after(
    breaker: &Breaker,
    permit: CallPermit,
    code: &str,
    progress: &Progress,
) -> PolicyDecision {
    let failure = Failure::new(Stage::Verification, code, "");
    let others = breaker.others(&permit, &failure, &about(breaker));
    let facts = facts(breaker, others);
    let decision = breaker.0.policy.decide(&failure, progress, &facts);
    breaker.failed(permit, &failure, &decision);
    decision
}

async fn enter(breaker: &Breaker) -> Result<CallPermit, Blocked> {
    breaker
        .enter(AccountId::VERIFICATION, &henan(), "run", None)
        .await
}

/// Minutes until the blocked opens, as far as it knows.
fn minutes(breaker: &Breaker) -> Option<i64> {
    breaker.blocked(&henan(), "run").map(|blocked| {
        blocked
            .until
            .duration_since(breaker.0.clock.now())
            .as_mins()
    })
}

async fn sleep_minutes(minutes: u64) {
    tokio::time::sleep(Duration::from_mins(minutes)).await;
}

#[tokio::test(start_paused = true)]
async fn a_province_is_closed_probed_and_opened() {
    let breaker = breaker("a", clock());
    let in_the_air = enter(&breaker).await.unwrap();
    fail(&breaker, enter(&breaker).await.unwrap(), "316");
    assert_eq!(minutes(&breaker), Some(30));
    fail(&breaker, in_the_air, "316");
    assert_eq!(minutes(&breaker), Some(30), "it tells nothing new");
    sleep_minutes(30).await;
    let probe = enter(&breaker).await.unwrap();
    assert!(enter(&breaker).await.unwrap_err().is_brief);
    fail(&breaker, probe, "316");
    assert_eq!(minutes(&breaker), Some(60));
    sleep_minutes(60).await;
    breaker.answered(enter(&breaker).await.unwrap());
    assert_eq!(minutes(&breaker), None);
    fail(&breaker, enter(&breaker).await.unwrap(), "316");
    assert_eq!(minutes(&breaker), Some(30), "from the beginning");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_was_not_answered_says_nothing_about_the_province() {
    let breaker = breaker("a", clock());
    fail(&breaker, enter(&breaker).await.unwrap(), "316");
    sleep_minutes(30).await;
    fail(&breaker, enter(&breaker).await.unwrap(), "timeout");
    let probe = enter(&breaker).await.unwrap();
    assert!(probe.is_probe(), "the next one tries at once");
    fail(&breaker, probe, "301");
    assert_eq!(
        minutes(&breaker),
        None,
        "the registry answered, about the bill"
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_given_up_is_the_next_ones() {
    let breaker = breaker("a", clock());
    fail(&breaker, enter(&breaker).await.unwrap(), "316");
    sleep_minutes(30).await;
    drop(enter(&breaker).await.unwrap());
    let probe = enter(&breaker).await.unwrap();
    let kept = breaker
        .enter(AccountId::VERIFICATION, &henan(), "run", Some(probe))
        .await
        .unwrap();
    assert!(
        kept.is_probe(),
        "what is tried again in place stays the probe"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pause_stops_everything_and_is_probed_ever_more_rarely() {
    let breaker = breaker("a", clock());
    let mut changes = breaker.changes();
    let began = breaker.0.clock.now();
    fail(&breaker, enter(&breaker).await.unwrap(), "UNAUTHORIZED");
    let mut probes = Vec::new();
    for _ in 0..5 {
        while !matches!(breaker.flow(), Flow::Probe(_)) {
            breaker.flow_changes(&breaker.flow(), &mut changes).await;
        }
        probes.push(breaker.0.clock.now().duration_since(began).as_secs());
        let probe = enter(&breaker).await.unwrap();
        assert!(matches!(breaker.flow(), Flow::Shut(_)), "one at a time");
        fail(&breaker, probe, "UNAUTHORIZED");
    }
    assert_eq!(probes, [5, 20, 80, 380, 1_280]);
    assert_eq!(
        breaker
            .paused_between(began, breaker.0.clock.now())
            .as_secs(),
        1_280
    );
    sleep_minutes(60).await;
    fail(&breaker, enter(&breaker).await.unwrap(), "317");
    assert_eq!(breaker.flow(), Flow::Open, "any other answer ends it");
}

#[tokio::test(start_paused = true)]
async fn an_outage_pauses_at_the_tenth_call_and_only_an_answer_ends_it() {
    let breaker = breaker("a", clock());
    for call in 1..=10 {
        let decision = fail(&breaker, enter(&breaker).await.unwrap(), "timeout");
        assert_eq!(decision.decision == Decision::Pause, call == 10, "{call}");
    }
    assert_eq!(breaker.flow().paused()[0].code, "timeout");
    sleep_minutes(1).await;
    fail(&breaker, enter(&breaker).await.unwrap(), "http.502");
    assert!(matches!(breaker.flow(), Flow::Shut(_)));
    sleep_minutes(5).await;
    breaker.answered(enter(&breaker).await.unwrap());
    assert_eq!(breaker.flow(), Flow::Open);
}

#[tokio::test(start_paused = true)]
async fn malformed_requests_in_a_row_ask_for_a_control_call_which_alone_probes_what_it_paused() {
    let breaker = breaker("a", clock());
    let failure = Failure::new(Stage::Verification, "INVALID_ARGUMENT", "");
    let suspicion = |permit: &CallPermit, image: &str| {
        let about = About {
            subject: of(image),
            failing_since: breaker.0.clock.now(),
        };
        let others = breaker.others(permit, &failure, &about);
        assert_eq!(
            others.streak, None,
            "nothing stops before it is known whose fault it is"
        );
        others.suspicion
    };
    for image in ["a", "b", "c", "d"] {
        assert_eq!(
            suspicion(&enter(&breaker).await.unwrap(), image),
            None,
            "{image}"
        );
    }
    let fifth = enter(&breaker).await.unwrap();
    let streak = suspicion(&fifth, "e").expect("one too many");
    let decision =
        PolicyDecision::without_rule(Decision::Fail { invalid_job: None }).paused_for(streak);
    breaker.failed(fifth, &failure, &decision);
    assert_eq!(breaker.control_call_due(), None);
    for _ in 0..2 {
        sleep_minutes(10).await;
        assert!(
            matches!(breaker.flow(), Flow::Shut(_)) && enter(&breaker).await.is_err(),
            "no job is spent on it"
        );
        assert_eq!(
            breaker.control_call_due(),
            Some((AccountName::VERIFICATION, streak))
        );
        breaker.control_call_refused(AccountName::VERIFICATION, &failure);
        assert_eq!(
            breaker.control_call_due(),
            None,
            "at most one in ten minutes"
        );
    }
    breaker.control_call_answered(AccountName::VERIFICATION);
    assert_eq!(breaker.flow(), Flow::Open);
}
