//! What an operator's resume opens here, and what the other workers make of it.

use super::*;
use crate::cluster::resume::{Resume, ResumeTarget};

fn resume(breaker: &Breaker, what: &str) {
    let target = ResumeTarget::parse(what).unwrap();
    let now = breaker.0.clock.now();
    breaker.resume(&Resume::new("a1".into(), "f".into(), "me", target, now));
}

/// How much the last resume opened, as the next heartbeat says.
fn opened(breaker: &Breaker) -> Option<u32> {
    let reports = breaker.heartbeat(false).resumed;
    reports.first().map(|report| report.opened)
}

#[tokio::test(start_paused = true)]
async fn a_resume_opens_what_it_names_at_once_and_says_how_much() {
    let breaker = breaker("a", clock());
    fail(&breaker, enter(&breaker).await.unwrap(), "316");
    for (what, is_closed, count) in [
        ("北京", true, 0),
        ("recognition", true, 0),
        ("河南省", false, 1),
        ("河南省", false, 0),
    ] {
        resume(&breaker, what);
        assert_eq!(minutes(&breaker).is_some(), is_closed, "{what}");
        assert_eq!(opened(&breaker), Some(count), "{what}");
    }
    fail(&breaker, enter(&breaker).await.unwrap(), "316");
    assert_eq!(
        minutes(&breaker),
        Some(30),
        "the next failure closes it from the beginning"
    );
    sleep_minutes(1).await;
    assert_eq!(opened(&breaker), None, "it is reported for a minute");
}

#[tokio::test(start_paused = true)]
async fn a_resume_ends_a_pause_and_is_no_evidence_that_anything_works() {
    let breaker = breaker("a", clock());
    fail(&breaker, enter(&breaker).await.unwrap(), "UNAUTHORIZED");
    let mut changes = breaker.changes();
    changes.mark_unchanged();
    assert!(matches!(breaker.flow(), Flow::Shut(_)));
    resume(&breaker, "verification");
    assert_eq!(breaker.flow(), Flow::Open);
    assert!(changes.has_changed().unwrap(), "jobs are taken at once");
    assert_eq!(breaker.last_answer(AccountName::VERIFICATION), None);
    fail(&breaker, enter(&breaker).await.unwrap(), "UNAUTHORIZED");
    assert!(matches!(breaker.flow(), Flow::Shut(_)));
    resume(&breaker, "all");
    assert_eq!(breaker.flow(), Flow::Open);
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_begin_anew_after_a_resume() {
    let breaker = breaker("a", clock());
    for _ in 1..=10 {
        fail(&breaker, enter(&breaker).await.unwrap(), "timeout");
    }
    assert!(matches!(breaker.flow(), Flow::Shut(_)));
    resume(&breaker, "verification");
    for call in 1..=10 {
        let decision = fail(&breaker, enter(&breaker).await.unwrap(), "timeout");
        assert_eq!(decision.decision == Decision::Pause, call == 10, "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_was_under_way_does_not_close_what_was_resumed() {
    let clock = clock();
    let (a, b) = (breaker("a", clock), breaker("b", clock));
    fail(&a, enter(&a).await.unwrap(), "316");
    b.apply_heartbeat(a.heartbeat(false));
    let under_way = b.heartbeat(false);
    sleep_minutes(1).await;
    resume(&a, "all");
    a.apply_heartbeat(under_way);
    assert_eq!(minutes(&a), None);
    b.apply_heartbeat(a.heartbeat(false));
    assert_eq!(minutes(&b), None, "who missed it hears it from the others");
}
