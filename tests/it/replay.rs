//! `policy replay` over what the scenarios of `tests/data/policy` write to the ledger: the same
//! policy makes the same calls, at the same price, to the same end, at the same time.

use crate::scenarios::{files, played};
use invoice_worker::dev::simulation::PolicyScenario;
use invoice_worker::domain::account::AccountName;
use invoice_worker::domain::failure::{Billed, Stage};
use invoice_worker::ledger::reading::LedgerPeriod;
use invoice_worker::ledger::replay::{
    LeftOutReason, PolicyReplay, ReplayEnd, ReplaySettings, RunBook, RunCall, RunNews, RunRecord,
};
use invoice_worker::ledger::{CallPrice, LedgerEvent};
use invoice_worker::policy::Policy;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use std::path::{Path, PathBuf};

const SHORTEST_DELAY: SignedDuration = SignedDuration::from_secs(5);

/// The runs that these events tell of, and how many are left out: those of more than fifty calls in
/// one turn.
fn runs(events: &[LedgerEvent]) -> (Vec<RunRecord>, usize) {
    let stages = vec![
        (AccountName::RECOGNITION, Stage::Recognition),
        (AccountName::VERIFICATION, Stage::Verification),
    ];
    let mut book = RunBook::new(LedgerPeriod::default(), stages, SHORTEST_DELAY);
    let (mut runs, mut left_out) = (Vec::new(), 0);
    for event in events {
        for news in book.add(event) {
            match news {
                RunNews::Ended(run) => runs.push(run),
                RunNews::LeftOut(LeftOutReason::CallsUnlisted) => left_out += 1,
                RunNews::CallsLeftOut(_) if left_out > 0 => {}
                other => panic!("{other:?}: {event:?}"),
            }
        }
    }
    runs.extend(book.end());
    (runs, left_out)
}

/// Calls of the two accounts cost what they cost in no other test.
fn priced(mut events: Vec<LedgerEvent>) -> Vec<LedgerEvent> {
    for call in events.iter_mut().flat_map(|event| &mut event.calls) {
        let price = if call.account == AccountName::RECOGNITION {
            "0.25"
        } else {
            "1.5"
        };
        call.price = Some(CallPrice {
            price: price.parse().unwrap(),
            currency: "CNY".parse().unwrap(),
        });
    }
    events
}

fn price<'a>(calls: impl Iterator<Item = &'a RunCall>) -> [Decimal; 2] {
    let mut sums = [Decimal::ZERO; 2];
    for call in calls {
        let price = call.price.as_ref().unwrap().price;
        match call.billed {
            Billed::Yes => sums[0] += price,
            Billed::Unknown => sums[1] += price,
            Billed::No => {}
        }
    }
    sums
}

/// Shows the run and its replay where they differ.
fn difference(replay: &PolicyReplay, run: &RunRecord) -> Option<String> {
    let replayed = replay.replay(run);
    let made: Vec<&RunCall> = run.calls().chain(&run.lost).collect();
    let recorded = run.answer.as_ref().map_or(ReplayEnd::Waiting, |answer| {
        let took = answer.at.duration_since(run.first_seen);
        ReplayEnd::Answered {
            label: answer.label(),
            took,
        }
    });
    let is_same = replayed.calls == made && replayed.end == recorded && replayed.unexplained == 0;
    let prices = [
        price(made.iter().copied()),
        price(replayed.calls.iter().copied()),
    ];
    (!is_same || prices[0] != prices[1]).then(|| format!("{run:#?}\n{replayed:#?}"))
}

#[test]
fn every_scenario_replays_to_itself() {
    let (policy, timezone) = (Policy::builtin(), TimeZone::get("Asia/Shanghai").unwrap());
    let (mut wrong, mut replayed, mut calls, mut unlisted) = (Vec::new(), 0, 0, 0);
    for scenario in files()
        .iter()
        .flat_map(|file| PolicyScenario::read(file).unwrap())
    {
        let outcome = played(&policy, &scenario);
        let settings = ReplaySettings {
            timezone: timezone.clone(),
            job_deadline: scenario.job_deadline,
            auto_rotate: false,
            read_to: Timestamp::MIN,
        };
        let replay = PolicyReplay::new(policy.clone(), policy.clone(), settings);
        let (runs, left_out) = runs(&priced(outcome.ledger));
        unlisted += left_out;
        let made = || runs.iter().flat_map(RunRecord::calls);
        let paid = made().filter(|call| call.billed != Billed::No).count();
        if left_out == 0 && u32::try_from(paid).unwrap() != outcome.paid {
            let (name, of) = (&scenario.name, outcome.paid);
            wrong.push(format!("{name}: {paid} paid calls of {of}"));
        }
        calls += made().count();
        let differences = runs.iter().filter_map(|run| difference(&replay, run));
        wrong.extend(differences.map(|difference| format!("{}\n{difference}", scenario.name)));
        replayed += runs.len();
    }
    assert!(
        wrong.is_empty(),
        "{} differ\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(unlisted, 1, "a throttled job makes more than fifty calls");
    assert!(
        replayed > 250 && calls > 1_000,
        "{replayed} runs, {calls} calls"
    );
}

/// Fewer attempts, and other waits, than the built-in rules of the same codes have.
const LESS_PATIENT: &str = "
[[rule]]
stage = 'verification'
code = ['317']
do = [{ action = 'park', delays = ['7m'], attempts = 3 }, { action = 'fail' }]
billed = 'yes'
[[rule]]
stage = 'verification'
code = ['INTERNAL_ERROR', 'http.5xx', 'connect']
do = [
  { action = 'retry', attempts = 2 },
  { action = 'park', delays = ['3m', '5m'], attempts = 4 },
  { action = 'fail' },
]
scope = 'stage'
billed = 'no'
[[rule]]
stage = 'verification'
code = ['100', '198', '311', '318', '321', 'timeout']
do = [{ action = 'park', delays = ['20m'], attempts = 1 }, { action = 'fail' }]
billed = 'yes'
[[rule]]
stage = 'verification'
code = ['314', '316']
do = [{ action = 'park', delays = ['40m'], attempts = 1 }, { action = 'fail' }]
scope = 'province'
billed = 'yes'
[[rule]]
stage = 'recognition'
code = ['http.5xx', 'connect', 'timeout', 'APIG.0202', 'APIG.0203']
do = [{ action = 'retry', attempts = 1 }, { action = 'fail' }]
billed = 'unknown'
";

/// The scenarios of a file about one job whose answers depend on the number of the call alone.
fn by_number(file: &Path) -> Vec<PolicyScenario> {
    let text = std::fs::read_to_string(file).unwrap();
    let is_timed = |line: &str| {
        ["from =", "until =", "[[scenario.job]]", "workers"]
            .iter()
            .any(|key| line.starts_with(key))
    };
    let scenarios = PolicyScenario::read(file).unwrap().into_iter();
    let is_by_number = |scenario: &PolicyScenario| {
        let lines = text.lines().skip(scenario.line);
        let mut own = lines.take_while(|line| *line != "[[scenario]]");
        !own.any(is_timed)
    };
    scenarios.filter(is_by_number).collect()
}

/// A replay under another policy is what the worker would have done: it is held against a
/// simulation under that policy.
#[test]
fn a_replay_under_another_policy_is_what_a_worker_does_under_it() {
    let timezone = TimeZone::get("Asia/Shanghai").unwrap();
    let (in_force, tried) = (
        Policy::builtin(),
        Policy::with_overrides(LESS_PATIENT, "x").unwrap(),
    );
    let (mut wrong, mut differing, mut unknown) = (Vec::new(), 0, 0);
    let known = [
        "paid.toml",
        "recognition.toml",
        "registry.toml",
        "verification.toml",
    ];
    let is_known = |file: &PathBuf| known.iter().any(|name| file.ends_with(name));
    for scenario in files()
        .into_iter()
        .filter(is_known)
        .flat_map(|file| by_number(&file))
    {
        let (before, after) = (played(&in_force, &scenario), played(&tried, &scenario));
        let settings = ReplaySettings {
            timezone: timezone.clone(),
            job_deadline: scenario.job_deadline,
            auto_rotate: false,
            read_to: Timestamp::MIN,
        };
        let replay = PolicyReplay::new(in_force.clone(), tried.clone(), settings);
        let (runs, _) = runs(&priced(before.ledger));
        let [run] = &runs[..] else { continue };
        let replayed = replay.replay(run);
        let made = replayed.calls.iter().map(|call| call.code.to_string());
        let made: Vec<String> = made.collect();
        let expected: Vec<&String> = after.calls.iter().map(|call| &call.code).collect();
        let end = match (&replayed.end, &after.answered[0]) {
            (ReplayEnd::Unknown { .. }, _) => {
                unknown += 1;
                continue;
            }
            (ReplayEnd::Waiting, None) => true,
            (ReplayEnd::Answered { label, took }, Some(answered)) => {
                *label == answered.ends && took.unsigned_abs() == answered.at
            }
            (ReplayEnd::Waiting | ReplayEnd::Answered { .. }, _) => false,
        };
        if !end || made.iter().collect::<Vec<_>>() != expected {
            wrong.push(format!(
                "{}: {:?}\n{replayed:?}",
                scenario.name, after.answered
            ));
        }
        differing += usize::from(made.len() != before.calls.len());
    }
    assert!(
        wrong.is_empty(),
        "{} differ\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        differing >= 10 && unknown < 10,
        "{differing} differ, {unknown} are unknown"
    );
}
