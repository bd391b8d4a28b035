//! The whole table as a snapshot, and what must hold whatever the table says.

mod budgets;
mod meanings;
mod mistakes;
mod others;
mod overrides;
mod table;
mod times;
mod vendors;

use super::{
    Decision, Facts, ForecastEntry, Occurrence, Others, Policy, PolicyDecision, Progress, Stage,
    Transfer,
};
use crate::domain::failure::{Billed, Failure};
use crate::domain::result::Verdict;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// Noon in Shanghai, 96 hours left.
fn facts() -> Facts {
    Facts {
        now: time("2026-11-22T04:00:00Z"),
        deadline: time("2026-11-26T04:00:00Z"),
        timezone: TimeZone::get("Asia/Shanghai").expect("a time zone"),
        billing_date: None,
        transfer: Transfer::Inline,
        spread: 0.5,
        others: Others::default(),
    }
}

fn progress() -> Progress {
    Progress::new("0".repeat(64), facts().now)
}

/// The occurrence of this code in which nothing else is said.
fn occurrence(stage: Stage, code: &str) -> Occurrence {
    Occurrence {
        given: Vec::new(),
        failure: Failure::new(stage, code, ""),
        progress: progress(),
        facts: facts(),
    }
}

/// `retry 2s → park 5m ×4 → fail`.
fn in_words(forecast: &[ForecastEntry]) -> String {
    let mut steps: Vec<(String, usize)> = Vec::new();
    for entry in forecast {
        let step = decision_in_words(entry);
        // Retries are shown by their first wait.
        let goes_on = |last: &str| last.starts_with("retry") && step.starts_with("retry");
        match steps.last_mut() {
            Some((last, times)) if *last == step || goes_on(last) => *times += 1,
            _ => steps.push((step, 1)),
        }
    }
    let shown = steps.into_iter().map(|(step, times)| {
        if times == 1 {
            step
        } else {
            format!("{step} ×{times}")
        }
    });
    shown.collect::<Vec<_>>().join(" → ")
}

fn decision_in_words(entry: &ForecastEntry) -> String {
    match &entry.decided.decision {
        Decision::Continue => "continue".to_owned(),
        Decision::Verdict(None) => "verdict of the registry".to_owned(),
        Decision::Verdict(Some(verdict)) => format!("verdict {}", verdict.as_str()),
        Decision::Fail { invalid_job: None } => "fail".to_owned(),
        Decision::Fail {
            invalid_job: Some(code),
        } => format!("fail as {code}"),
        Decision::Retry { wait } => format!("retry {}s", wait.as_secs()),
        Decision::Park { until } => format!("park {:#}", until.duration_since(entry.at)),
        Decision::Rotate => "rotate".to_owned(),
        Decision::Throttle => "throttle".to_owned(),
        Decision::Resign => "resign".to_owned(),
        Decision::Inline => "inline".to_owned(),
        Decision::Pause => "pause".to_owned(),
    }
}

fn park(entry: &ForecastEntry) -> Option<Duration> {
    match entry.decided.decision {
        Decision::Park { until } => Duration::try_from(until.duration_since(entry.at)).ok(),
        _ => None,
    }
}

fn decide(policy: &Policy, occurrence: &Occurrence) -> PolicyDecision {
    policy.decide(&occurrence.failure, &occurrence.progress, &occurrence.facts)
}

/// The built-in policy with these rules in place of some of its own.
fn overridden(text: &str) -> Policy {
    Policy::with_overrides(text, "mine.toml").unwrap_or_else(|problem| panic!("{problem}"))
}

/// Why the rules are refused.
fn refusal(text: &str) -> String {
    Policy::with_overrides(text, "mine.toml")
        .map_or_else(|problem| problem.to_string(), |_| "accepted".to_owned())
}

/// A rule with nothing special about it but this line.
fn with(line: &str) -> String {
    let mut rule = String::from("[[rule]]\n");
    for default in [
        "stage = \"verification\"",
        "code = [\"777\"]",
        "do = [{ action = \"fail\" }]",
    ] {
        let key = default.split(' ').next().unwrap_or_default();
        if line.split(' ').next() != Some(key) {
            rule += default;
            rule.push('\n');
        }
    }
    rule + line
}
