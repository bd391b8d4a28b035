//! The scenarios of `tests/data/policy`, run in virtual time through the real worker and pipeline
//! under the built-in policy.

use invoice_worker::dev::simulation::{PolicyScenario, SimulationOutcome, compare, simulate};
use invoice_worker::policy::Policy;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(crate) fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/policy");
    let paths = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    files
}

pub(crate) fn played(policy: &Policy, scenario: &PolicyScenario) -> SimulationOutcome {
    simulate(policy, &TimeZone::get("Asia/Shanghai").unwrap(), scenario).unwrap()
}

/// What `policy test` would print of it.
fn differences(scenario: &PolicyScenario) -> String {
    compare(scenario, &played(&Policy::builtin(), scenario))
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn one(text: &str) -> PolicyScenario {
    PolicyScenario::parse(text, "test").unwrap().remove(0)
}

#[test]
fn every_scenario_ends_as_expected_and_every_rule_is_met_by_one() {
    let policy = Policy::builtin();
    let (mut met, mut wrong) = (BTreeSet::new(), Vec::new());
    let scenarios: Vec<PolicyScenario> = files()
        .iter()
        .flat_map(|file| PolicyScenario::read(file).unwrap())
        .collect();
    assert!(scenarios.len() > 140, "{} scenarios", scenarios.len());
    for scenario in &scenarios {
        let outcome = played(&policy, scenario);
        wrong.extend(
            compare(scenario, &outcome)
                .iter()
                .map(|difference| format!("{}\n{difference}", scenario.name)),
        );
        met.extend(outcome.rules);
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());

    let unmet: Vec<&str> = policy
        .rules()
        .iter()
        .map(|rule| rule.id.as_str())
        .filter(|rule| !met.contains(*rule))
        .collect();
    assert!(unmet.is_empty(), "rules without a scenario: {unmet:?}");
}

#[test]
fn the_same_scenario_ends_the_same_way_every_time() {
    let scenario = one(
        "[[scenario]]\nname = 'crowd'\nworkers = 3\nexpect = { paid = 0 }\n\
                        [[scenario.job]]\nid = 'job'\nrepeat = 40\nevery = '7s'\n\
                        [[scenario.answer]]\nstage = 'verification'\ncode = '317'\nuntil = '20m'\n",
    );
    let told = |outcome: &SimulationOutcome| {
        let calls: Vec<_> = outcome
            .calls
            .iter()
            .map(|call| (call.at, call.job, call.code.clone()))
            .collect();
        (calls, outcome.paid, outcome.answered.clone())
    };
    let first = told(&played(&Policy::builtin(), &scenario));
    assert!(first.2.iter().all(Option::is_some));
    for _ in 0..3 {
        assert_eq!(told(&played(&Policy::builtin(), &scenario)), first);
    }
}

#[test]
fn an_unexpected_outcome_is_reported_as_a_difference() {
    let scenario = |expect: &str| {
        let answer = "[[scenario.answer]]\nstage = 'verification'\ncode = '317'\ntimes = 2\n";
        one(&format!(
            "[[scenario]]\nname = 'x'\nexpect = {{ {expect} }}\n{answer}"
        ))
    };
    let right = "calls = ['0s recognition 200', '0s verification 317', '30s verification 317', '10m30s verification OK'], \
                 downloads = ['0s OK', '10m30s OK'], paid = 4, ends = 'completed genuine', answered_at = '10m30s'";
    assert_eq!(differences(&scenario(right)), "");
    for (wrong, told) in [
        ("paid = 3", "  paid\n    - 3\n    + 4\n"),
        ("downloads = 1", "  downloads\n    - 1\n    + 2\n"),
        (
            "ends = 'completed voided'",
            "  ends\n    - completed voided\n    + completed genuine\n",
        ),
        (
            "ends = 'waiting'",
            "  ends\n    - waiting\n    + completed genuine\n",
        ),
        (
            "answered_at = '11m'",
            "  answered_at\n    - 11m\n    + 10m30s\n",
        ),
        (
            "downloads = ['0s OK', '10m OK']",
            "  downloads\n      0s storage OK\n    - 10m storage OK\n    + 10m30s storage OK\n",
        ),
        (
            "calls = ['0s recognition 200', '0s verification 317', '31s verification 317', '10m30s verification OK']",
            "  calls\n      0s recognition 200\n      0s verification 317\n    - 31s verification 317\n    + 30s verification 317\n      \
             10m30s verification OK\n",
        ),
    ] {
        assert_eq!(differences(&scenario(wrong)), told, "{wrong}");
    }
}

#[test]
fn a_policy_of_ones_own_is_what_is_tested() {
    let rule = "[[rule]]\nstage = 'verification'\ncode = ['317']\ndo = [{ action = 'park', delays = ['5m'], attempts = 1 }, { action = 'fail' }]";
    let policy = Policy::with_overrides(rule, "mine.toml").unwrap();
    let scenario = one(
        "[[scenario]]\nname = 'x'\n[scenario.expect]\ncalls = ['0s recognition 200', '0s verification 317', '5m verification 317']\n\
                        [[scenario.answer]]\nstage = 'verification'\ncode = '317'\n",
    );
    assert_eq!(compare(&scenario, &played(&policy, &scenario)), []);
    assert!(!compare(&scenario, &played(&Policy::builtin(), &scenario)).is_empty());
}
