//! What workers tell each other of closed scopes, and what they keep to themselves.

use super::*;

#[tokio::test(start_paused = true)]
async fn two_workers_know_the_same_and_one_of_them_probes() {
    let clock = clock();
    let (a, b) = (breaker("a", clock), breaker("b", clock));
    let talk = || {
        b.apply_heartbeat(a.heartbeat(false));
        a.apply_heartbeat(b.heartbeat(false));
    };
    talk();
    fail(&a, enter(&a).await.unwrap(), "316");
    talk();
    assert_eq!(minutes(&b), Some(30));
    sleep_minutes(30).await;
    talk();
    let both = async { tokio::join!(enter(&a), enter(&b)) };
    tokio::pin!(both);
    // Both claim it before either has heard of the other.
    let outcome = tokio::select! {
        outcome = &mut both => outcome,
        () = async { tokio::time::sleep(Duration::from_millis(100)).await; talk(); std::future::pending().await } => unreachable!(),
    };
    let (first, second) = outcome;
    assert!(first.unwrap().is_probe());
    assert!(second.unwrap_err().is_brief);
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_neither_announced_nor_taken_over() {
    let clock = clock();
    let (a, b) = (breaker("a", clock), breaker("b", clock));
    fail(&b, enter(&b).await.unwrap(), "UNAUTHORIZED");
    let told = String::from_utf8(b.heartbeat(false).to_json()).unwrap();
    assert!(
        !told.contains("pause") && !told.contains("UNAUTHORIZED"),
        "{told}"
    );
    a.apply_heartbeat(b.heartbeat(false));
    b.apply_heartbeat(a.heartbeat(false));
    assert!(matches!((a.flow(), b.flow()), (Flow::Open, Flow::Shut(_))));
    sleep_minutes(1).await;
    assert!(matches!(b.flow(), Flow::Probe(_)), "it probes itself");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_was_alone_and_reached_no_provider_tells_newcomers_nothing() {
    let clock = clock();
    for (code, is_told) in [("connect", false), ("timeout", false), ("http.503", true)] {
        let (a, b) = (breaker("a", clock), breaker("b", clock));
        for _ in 0..20 {
            if let Ok(permit) = enter(&a).await {
                fail_for_good(&a, permit, code);
            }
        }
        b.apply_heartbeat(a.heartbeat(false));
        let is_closed = b.blocked(&henan(), "run").is_some();
        assert_eq!(is_closed, is_told, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_since_then_goes_before_what_another_worker_says_about_the_stage() {
    // Recognition's 500 closes its stage where one worker meets with it.
    let clock = clock();
    let scopes = [
        Scope::Pause(AccountName::RECOGNITION),
        Scope::Account(AccountName::RECOGNITION),
    ];
    for (answered_before, answered_since, is_closed) in [
        (false, false, true),
        (true, false, true),
        (false, true, false),
        (true, true, false),
    ] {
        let (a, b) = (breaker("a", clock), breaker("b", clock));
        let answer = async || {
            let permit = b
                .enter(AccountId::RECOGNITION, &scopes, "run", None)
                .await
                .unwrap();
            b.answered(permit);
        };
        if answered_before {
            answer().await;
        }
        sleep_minutes(1).await;
        let permit = a
            .enter(AccountId::RECOGNITION, &scopes, "run", None)
            .await
            .unwrap();
        let failure = Failure::new(Stage::Recognition, "500", "");
        let decision = Policy::builtin().decide(
            &failure,
            &Progress::new(String::new(), clock.now()),
            &facts(&a, a.others(&permit, &failure, &about(&a))),
        );
        a.failed(permit, &failure, &decision);
        sleep_minutes(1).await;
        if answered_since {
            answer().await;
        }
        b.apply_heartbeat(a.heartbeat(false));
        assert_eq!(
            b.blocked(&scopes, "run").is_some(),
            is_closed,
            "{answered_before} {answered_since}"
        );
        if is_closed {
            // What it believed stays closed: a call that was under way opens nothing.
            b.0.with(|state, context| {
                state
                    .readiness
                    .answered(AccountName::RECOGNITION, context.now);
            });
            sleep_minutes(1).await;
            b.apply_heartbeat(a.heartbeat(false));
            assert!(b.blocked(&scopes, "run").is_some());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_announced_at_once_and_a_new_peer_gets_everything() {
    let clock = clock();
    let (a, b) = (breaker("a", clock), breaker("b", clock));
    fail(&a, enter(&a).await.unwrap(), "316");
    tokio::time::timeout(Duration::from_millis(1), a.membership().announced())
        .await
        .expect("news");
    a.apply_heartbeat(b.heartbeat(false));
    tokio::time::timeout(Duration::from_millis(1), a.membership().announced())
        .await
        .expect("another worker joined");
    a.apply_heartbeat(b.heartbeat(false));
    assert!(
        tokio::time::timeout(Duration::from_secs(1), a.membership().announced())
            .await
            .is_err(),
        "nothing new"
    );
}

#[tokio::test(start_paused = true)]
async fn a_learned_rate_is_announced_to_the_other_workers_at_once() {
    let clock = clock();
    let (a, b) = (breaker("a", clock), breaker("b", clock));
    let _wanted = a.membership().wait_for_call();
    b.apply_heartbeat(a.heartbeat(false));
    a.membership().announced().await;
    for (learned, heard, is_told_at_once) in [
        (0.98, 1.0, false),
        (0.96, 0.97, true),
        (0.95, 0.97, false),
        (1.0, 1.0, false),
    ] {
        a.membership()
            .report_granted(AccountName::RECOGNITION, learned);
        let is_news = tokio::time::timeout(Duration::from_millis(1), a.membership().announced())
            .await
            .is_ok();
        assert_eq!(is_news, is_told_at_once, "{learned}");
        b.apply_heartbeat(a.heartbeat(false));
        let of = |stage| b.membership().share(stage).of_others;
        assert!(
            (of(AccountName::RECOGNITION) - heard).abs() < 1e-9,
            "{learned}: {}",
            of(AccountName::RECOGNITION)
        );
        assert!((of(AccountName::VERIFICATION) - 1.0).abs() < 1e-9);
    }
}
