mod merging;

use super::*;
use crate::cluster::closure_report::ClosureReport;
use crate::domain::account::{AccountName, VendorName};
use crate::domain::failure::Stage;
use crate::domain::scope::{BillId, Province};
use proptest::prelude::*;

const LONGEST: SignedDuration = SignedDuration::from_hours(24);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn peers(me: &str, others: &[&str], now: Timestamp) -> Peers {
    let mut peers = Peers::new(me.to_owned());
    for other in others {
        peers.record(other, true, false, now);
    }
    peers
}

fn henan() -> Scope {
    Scope::Province(Province::of("河南").unwrap())
}

fn cause(now: Timestamp) -> ClosureCause {
    ClosureCause {
        is_own: false,
        stage: Stage::Verification,
        vendor: VendorName::DEEPFINCH,
        code: "316".into(),
        reason: "maintenance".into(),
        streak: None,
        run: "run".into(),
        is_probe: true,
        now,
    }
}

/// Closed at second 0 by worker `me`, until second 60.
fn closed(scope: &Scope, me: &Peers) -> Closures {
    let mut closures = Closures::default();
    let change = closures.close(scope, &cause(at(0)), |_| at(60), me);
    assert!(matches!(change, Some(ClosureChange::Closed(..))));
    closures
}

#[test]
fn a_closed_scope_admits_no_call_before_its_time_and_then_one_probe() {
    let me = peers("a", &[], at(0));
    let mut closures = closed(&henan(), &me);
    let scopes = [Scope::Account(AccountName::VERIFICATION), henan()];
    let blocked = closures.admit(&scopes, "another", &me, at(59)).unwrap_err();
    assert_eq!(
        (blocked.scope, blocked.until, blocked.is_brief),
        (henan(), at(60), false)
    );
    assert_eq!(
        closures.admit(&scopes, "another", &me, at(60)),
        Ok(vec![henan()]),
        "the probe"
    );
    let waiting = closures.admit(&scopes, "another", &me, at(61)).unwrap_err();
    assert_eq!(
        (waiting.until, waiting.is_brief),
        (at(66), true),
        "the others wait for its answer"
    );
    assert!(matches!(
        closures.open(&henan(), &me, at(62)),
        Some(ClosureChange::Opened(..))
    ));
    assert_eq!(closures.admit(&scopes, "another", &me, at(62)), Ok(vec![]));
}

#[test]
fn a_failed_probe_moves_the_scope_on_and_calls_in_the_air_do_not() {
    let me = peers("a", &[], at(0));
    let mut closures = closed(&henan(), &me);
    assert_eq!(
        closures.close(&henan(), &cause(at(1)), |_| at(999), &me),
        None,
        "it was in the air when the province was closed"
    );
    closures.admit(&[henan()], "another", &me, at(60)).unwrap();
    let Some(ClosureChange::Prolonged(_, before, after)) = closures.close(
        &henan(),
        &cause(at(61)),
        |failures| at(61 + 60 * i64::from(failures)),
        &me,
    ) else {
        panic!("prolonged")
    };
    assert_eq!(
        (before.failures, after.failures, after.since, after.until),
        (1, 2, at(0), at(181))
    );
}

#[test]
fn where_others_wait_for_a_stage_the_job_that_closed_it_lets_them_go_first() {
    let me = peers("a", &[], at(0));
    let stage = Scope::Account(AccountName::VERIFICATION);
    let scopes = std::slice::from_ref(&stage);
    let alone = &mut closed(&stage, &me);
    assert_eq!(
        alone.admit(scopes, "run", &me, at(60)),
        Ok(vec![stage.clone()]),
        "no other run waits"
    );
    let crowded = &mut closed(&stage, &me);
    crowded.admit(scopes, "another", &me, at(1)).unwrap_err();
    let back = crowded.admit(scopes, "run", &me, at(60)).unwrap_err();
    assert_eq!((back.until, back.is_brief), (at(65), true));
    assert_eq!(
        crowded.clone().admit(scopes, "another", &me, at(60)),
        Ok(vec![stage.clone()])
    );
    assert_eq!(
        crowded.admit(scopes, "run", &me, at(65)),
        Ok(vec![stage.clone()]),
        "no other run came"
    );
    let province = &mut closed(&henan(), &me);
    province
        .admit(&[henan()], "another", &me, at(1))
        .unwrap_err();
    assert!(
        province.admit(&[henan()], "run", &me, at(60)).is_ok(),
        "of a province any job is as good"
    );
}

#[test]
fn a_probe_without_an_answer_may_be_made_again_by_any_worker() {
    let me = peers("a", &[], at(0));
    let mut closures = closed(&henan(), &me);
    closures.admit(&[henan()], "another", &me, at(60)).unwrap();
    closures.release(&henan(), &me, at(60));
    assert_eq!(
        closures.admit(&[henan()], "another", &me, at(61)),
        Ok(vec![henan()])
    );
    // It may also have died with its worker, or taken for ever.
    let other = peers("b", &["a"], at(61));
    assert!(closures.blocked(&[henan()], &other, at(62)).is_some());
    assert!(
        closures.blocked(&[henan()], &other, at(70)).is_none(),
        "its worker is gone"
    );
    assert!(closures.blocked(&[henan()], &me, at(61 + 299)).is_some());
    assert!(
        closures.blocked(&[henan()], &me, at(61 + 300)).is_none(),
        "it took for ever"
    );
}

#[test]
fn a_pause_belongs_to_one_worker_which_probes_it_itself() {
    let pause = Scope::Pause(AccountName::VERIFICATION);
    let me = peers("b", &["a"], at(60));
    let closures = closed(&pause, &me);
    assert!(
        !closures.is_probe_due(&me, at(59)) && closures.is_probe_due(&me, at(60)),
        "whichever other workers there are"
    );
    assert_eq!(
        closures.blocked(std::slice::from_ref(&pause), &me, at(60)),
        None
    );
    let blocked = closures
        .blocked(std::slice::from_ref(&pause), &me, at(59))
        .unwrap();
    assert_eq!(
        (blocked.until, blocked.opens, blocked.is_brief),
        (at(59), at(60), false),
        "others may take it at once"
    );
    assert_eq!(closures.report(at(0)), [], "it is not announced");
}

#[test]
fn a_pause_comes_before_every_other_barrier() {
    let me = peers("a", &[], at(0));
    let mut closures = closed(&henan(), &me);
    closures.close(
        &Scope::Pause(AccountName::VERIFICATION),
        &cause(at(0)),
        |_| at(1),
        &me,
    );
    let blocked = closures
        .blocked(
            &[Scope::Pause(AccountName::VERIFICATION), henan()],
            &me,
            at(0),
        )
        .unwrap();
    assert!(blocked.scope.is_pause());
}

#[test]
fn paused_time_is_counted_once_however_many_accounts_were_paused() {
    let me = peers("a", &[], at(0));
    let mut closures = Closures::default();
    let mut pause = |account, from, to: Option<i64>| {
        closures.close(&Scope::Pause(account), &cause(at(from)), |_| at(from), &me);
        if let Some(to) = to {
            closures.open(&Scope::Pause(account), &me, at(to));
        }
    };
    pause(AccountName::RECOGNITION, 10, Some(20));
    pause(AccountName::VERIFICATION, 15, Some(30));
    pause(AccountName::STORAGE, 100, None);
    let seconds = |from, to| closures.paused_between(at(from), at(to)).as_secs();
    assert_eq!(
        [
            seconds(0, 50),
            seconds(12, 17),
            seconds(0, 5),
            seconds(40, 90),
            seconds(0, 110),
            seconds(105, 110)
        ],
        [20, 5, 0, 0, 30, 5]
    );
}

/// One of three workers does something about one of two scopes, or tells another.
#[derive(Clone, Debug)]
enum Deed {
    Admit(usize, usize),
    Close(usize, usize),
    Open(usize, usize),
    Release(usize, usize),
    Tell(usize, usize),
}
