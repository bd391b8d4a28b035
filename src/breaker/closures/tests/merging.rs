//! Closures that come from other workers.

use super::*;

#[test]
fn a_closure_of_one_worker_reaches_the_others() {
    let (a, b) = (peers("a", &["b"], at(0)), peers("b", &["a"], at(0)));
    let mut ours = closed(&henan(), &a);
    let mut theirs = Closures::default();
    assert!(matches!(
        theirs.merge(ours.report(at(1)), LONGEST, at(1))[..],
        [ClosureChange::Closed(..)]
    ));
    assert!(
        theirs.merge(ours.report(at(1)), LONGEST, at(1)).is_empty(),
        "told once"
    );
    assert!(theirs.blocked(&[henan()], &b, at(1)).is_some());
    theirs.admit(&[henan()], "another", &b, at(60)).unwrap();
    ours.merge(theirs.report(at(60)), LONGEST, at(60));
    let a = peers("a", &["b"], at(60));
    assert!(
        ours.blocked(&[henan()], &a, at(61)).unwrap().is_brief,
        "they probe"
    );
    theirs.open(&henan(), &b, at(62));
    assert!(matches!(
        ours.merge(theirs.report(at(62)), LONGEST, at(62))[..],
        [ClosureChange::Opened(..)]
    ));
    assert_eq!(ours.blocked(&[henan()], &a, at(62)), None);
}

#[test]
fn a_stage_that_this_worker_alone_may_not_reach_is_not_told_closed_nor_open() {
    let a = peers("a", &[], at(0));
    let stage = Scope::Account(AccountName::VERIFICATION);
    let of = |is_own| ClosureCause {
        is_own,
        ..cause(at(0))
    };
    for (first, then, told) in [
        (true, None, 0),
        (false, None, 1),
        // A probe's failure of another kind.
        (true, Some(false), 1),
        // What the others know stays theirs, until it opens.
        (false, Some(true), 1),
    ] {
        let mut closures = Closures::default();
        closures.close(&stage, &of(first), |_| at(1), &a);
        if let Some(then) = then {
            closures
                .admit(std::slice::from_ref(&stage), "run", &a, at(2))
                .unwrap();
            closures.close(&stage, &of(then), |_| at(3), &a);
        }
        assert_eq!(closures.report(at(3)).len(), told, "{first} {then:?}");
        closures.open(&stage, &a, at(4));
        assert_eq!(
            closures.report(at(5)).len(),
            told,
            "{first} {then:?}, opened"
        );
    }
}

#[test]
fn of_two_that_claim_the_same_probe_the_lower_id_has_it() {
    let (a, b) = (peers("a", &["b"], at(60)), peers("b", &["a"], at(60)));
    let mut ours = closed(&henan(), &a);
    let mut theirs = Closures::default();
    theirs.merge(ours.report(at(1)), LONGEST, at(1));
    ours.admit(&[henan()], "another", &a, at(60)).unwrap();
    theirs.admit(&[henan()], "another", &b, at(60)).unwrap();
    let (our_news, their_news) = (ours.report(at(60)), theirs.report(at(60)));
    ours.merge(their_news, LONGEST, at(60));
    theirs.merge(our_news, LONGEST, at(60));
    assert!(ours.is_probed_by(&henan(), "a") && theirs.is_probed_by(&henan(), "a"));
}

#[test]
fn a_closure_that_is_not_needed_for_an_hour_is_forgotten() {
    let me = peers("a", &[], at(0));
    let mut closures = closed(&henan(), &me);
    closures.close(
        &Scope::Pause(AccountName::STORAGE),
        &cause(at(0)),
        |_| at(60),
        &me,
    );
    assert!(closures.forget(at(60 + 3_599)).is_empty());
    assert!(
        matches!(
            closures.forget(at(60 + 3_600))[..],
            [ClosureChange::Opened(..)]
        ),
        "no call was made for an hour"
    );
    assert_eq!(
        closures.paused().count(),
        1,
        "a pause ends by an answer only"
    );
}

#[test]
fn a_thousand_bills_are_remembered_and_the_latest_are_sent() {
    let me = peers("a", &[], at(0));
    let mut closures = closed(&henan(), &me);
    for number in 0..5_000 {
        let bill = Scope::Bill(BillId::of(None, None, &number.to_string()));
        closures.close(&bill, &cause(at(number)), |_| at(number + 86_400), &me);
    }
    let told = closures.report(at(5_000));
    assert_eq!(told.len(), 201);
    let latest = Scope::Bill(BillId::of(None, None, "4999"));
    assert!(
        serde_json::to_string(&told)
            .unwrap()
            .contains(&serde_json::to_string(&latest).unwrap())
    );
    assert!(
        closures.blocked(&[henan()], &me, at(0)).is_some(),
        "provinces do not give way"
    );
    assert!(serde_json::to_string(&told).unwrap().len() < 64 * 1024);
}

#[test]
fn a_closure_that_no_worker_would_send_is_ignored() {
    let me = peers("a", &[], at(0));
    let told = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = serde_json::to_value(closed(&henan(), &me).report(at(0))).unwrap();
        change(&mut value[0]);
        serde_json::from_value::<Vec<ClosureReport>>(value).unwrap()
    };
    let mut closures = Closures::default();
    for told in [
        told(&|told| told["version"] = u64::MAX.into()),
        told(&|told| told["by"] = "x".repeat(65).into()),
        told(&|told| told["place"] = serde_json::json!({ "province": "张三" })),
        told(&|told| told["state"]["closed"]["code"] = "x".repeat(65).into()),
        told(&|told| told["state"]["closed"]["reason"] = "x".repeat(501).into()),
        told(&|told| told["by"] = "".into()),
    ] {
        assert!(closures.merge(told, LONGEST, at(0)).is_empty());
    }
    assert_eq!(closures.merge(told(&|_| ()), LONGEST, at(0)).len(), 1);
}

/// A day ahead, or behind: what it closed is closed for as long as it would be by its own clock,
/// and never for longer than any rule says.
#[test]
fn a_closure_lasts_as_long_by_a_clock_that_is_wrong() {
    let me = peers("a", &[], at(0));
    let of_the_other = |offset: i64, waits: i64| {
        let (mut closures, now) = (Closures::default(), at(offset));
        closures.close(
            &henan(),
            &cause(now),
            |_| at(offset + waits),
            &peers("b", &[], now),
        );
        closures.report(now)
    };
    for (offset, waits, expected) in [
        (0, 60, 60),
        (86_400, 60, 60),
        (-432_000, 60, 60),
        (0, 30 * 86_400, LONGEST.as_secs()),
    ] {
        let mut closures = Closures::default();
        closures.merge(of_the_other(offset, waits), LONGEST, at(0));
        assert_eq!(
            closures
                .blocked(&[henan()], &me, at(0))
                .map(|blocked| blocked.until),
            Some(at(expected)),
            "{offset}"
        );
    }
}

#[test]
fn a_probe_in_another_format_costs_only_the_probe() {
    let me = peers("a", &["b"], at(0));
    let mut told = serde_json::to_value(closed(&henan(), &me).report(at(0))).unwrap();
    told[0]["state"]["closed"]["probing"] = serde_json::json!({ "by": 7 });
    told[0]["state"]["closed"]["of_tomorrow"] = serde_json::json!(["anything"]);
    let told: Vec<ClosureReport> = serde_json::from_value(told).unwrap();
    assert_eq!(Closures::default().merge(told, LONGEST, at(0)).len(), 1);
}

fn deed() -> impl Strategy<Value = Deed> {
    let worker = 0..3_usize;
    prop_oneof![
        (worker.clone(), 0..2_usize).prop_map(|(worker, scope)| Deed::Admit(worker, scope)),
        (worker.clone(), 0..2_usize).prop_map(|(worker, scope)| Deed::Close(worker, scope)),
        (worker.clone(), 0..2_usize).prop_map(|(worker, scope)| Deed::Open(worker, scope)),
        (worker.clone(), 0..2_usize).prop_map(|(worker, scope)| Deed::Release(worker, scope)),
        (worker.clone(), worker).prop_map(|(from, to)| Deed::Tell(from, to)),
    ]
}

proptest! {
    /// Whatever they did and heard before: once all have told all, all think the same.
    #[test]
    fn closures_agree_once_each_copy_was_merged_into_each(deeds in proptest::collection::vec(deed(), 0..60)) {
        let ids = ["a", "b", "c"];
        let scopes = [henan(), Scope::Account(AccountName::RECOGNITION)];
        let fleets: Vec<Peers> = ids.iter().map(|me| peers(me, &ids, at(0))).collect();
        let mut copies = vec![Closures::default(); 3];
        for (second, deed) in deeds.into_iter().enumerate() {
            let now = at(i64::try_from(second).unwrap());
            match deed {
                Deed::Admit(worker, scope) => drop(copies[worker].admit(&scopes[scope..=scope], "another", &fleets[worker], now)),
                Deed::Close(worker, scope) => drop(copies[worker].close(&scopes[scope], &cause(now), |_| now, &fleets[worker])),
                Deed::Open(worker, scope) => drop(copies[worker].open(&scopes[scope], &fleets[worker], now)),
                Deed::Release(worker, scope) => copies[worker].release(&scopes[scope], &fleets[worker], now),
                Deed::Tell(from, to) => {
                    let told = copies[from].report(now);
                    copies[to].merge(told, LONGEST, now);
                }
            }
        }
        for _ in 0..2 {
            for from in 0..3 {
                let told = copies[from].report(at(100));
                for closures in &mut copies {
                    closures.merge(told.clone(), LONGEST, at(100));
                }
            }
        }
        let known: Vec<String> = copies.iter().map(|closures| serde_json::to_string(&closures.report(at(100))).unwrap()).collect();
        prop_assert_eq!(&known[0], &known[1]);
        prop_assert_eq!(&known[1], &known[2]);
    }
}
