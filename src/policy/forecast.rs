//! What would become of a job that meets the same failure at every attempt: for people who ask, and
//! for tests.

use super::{
    Decision, Facts, Failure, Policy, PolicyDecision, Progress, Rule, Stage, Step, Transfer,
    VendorName, When,
};
use jiff::{Span, Timestamp};
use std::time::Duration;

/// No rule of the built-in table comes near; one that parks every second until the deadline is cut
/// here.
const MAX_MOMENTS: usize = 500;

/// One way in which a code can come, as far as the policy tells them apart.
#[derive(Clone, Debug)]
pub struct Case {
    /// `QR code found`, `bill 3 days old`: for each thing that makes a difference a phrase, in the
    /// same order in all cases of a code.
    pub given: Vec<String>,
    pub failure: Failure,
    pub progress: Progress,
    pub facts: Facts,
}

/// A failure and what was decided about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    pub at: Timestamp,
    pub ruling: PolicyDecision,
}

impl Case {
    /// Every way in which this code can come that some `when` or step asks about, for a job that
    /// starts with these facts.
    pub fn all(policy: &Policy, stage: Stage, code: &str, facts: &Facts) -> Vec<Self> {
        let rules: Vec<&Rule> = policy
            .rules
            .iter()
            .filter(|rule| rule.catches(VendorName::usual(stage), stage, code))
            .collect();
        let asks = |question: &dyn Fn(&When) -> bool| rules.iter().any(|rule| question(&rule.when));
        let has = |wanted: &Step| rules.iter().any(|rule| rule.steps.contains(wanted));
        let mut cases = vec![Case {
            given: Vec::new(),
            failure: Failure::new(stage, code, ""),
            progress: Progress::new("0".repeat(64), facts.now),
            facts: facts.clone(),
        }];
        if asks(&|when| when.qr_code_found.is_some()) {
            vary(&mut cases, &[false, true], |case, found| {
                case.failure.qr_code_found = Some(*found);
                if *found {
                    "QR code found"
                } else {
                    "no QR code found"
                }
                .to_owned()
            });
        }
        if asks(&|when| {
            when.bill_date_known.is_some()
                || when.bill_age_days_min.is_some()
                || when.bill_age_days_max.is_some()
        }) {
            vary(&mut cases, &ages(&rules), |case, age| set_age(case, *age));
        }
        if has(&Step::Rotate)
            || asks(&|when| when.rotated.is_some() || when.same_code_before_rotation.is_some())
        {
            vary(&mut cases, &[false, true], |case, rotated| {
                case.progress.steps.rotated_for = rotated.then(|| "another code".to_owned());
                if *rotated {
                    "already turned upright for another code"
                } else {
                    "not yet turned upright"
                }
                .to_owned()
            });
        }
        let statuses: Vec<u16> = rules
            .iter()
            .flat_map(|rule| rule.when.http_status.iter().copied())
            .collect();
        if !statuses.is_empty() {
            let with_other = statuses
                .into_iter()
                .map(Some)
                .chain([None])
                .collect::<Vec<_>>();
            vary(&mut cases, &with_other, |case, status| {
                case.failure.http_status = *status;
                status.map_or_else(
                    || "another HTTP status".to_owned(),
                    |status| format!("HTTP {status}"),
                )
            });
        }
        let parts: Vec<String> = rules
            .iter()
            .filter_map(|rule| rule.when.message_contains.clone())
            .collect();
        if !parts.is_empty() {
            let with_other = parts
                .into_iter()
                .map(Some)
                .chain([None])
                .collect::<Vec<_>>();
            vary(&mut cases, &with_other, |case, part| {
                case.failure.message = part.clone().unwrap_or_default();
                part.as_ref().map_or_else(
                    || "another message".to_owned(),
                    |part| format!("message with {part:?}"),
                )
            });
        }
        if has(&Step::Inline) || asks(&|when| when.transfer.is_some()) {
            vary(
                &mut cases,
                &[Transfer::Inline, Transfer::Url],
                |case, transfer| {
                    case.facts.transfer = *transfer;
                    match transfer {
                        Transfer::Inline => "image sent inline",
                        Transfer::Url => "image sent as a URL",
                    }
                    .to_owned()
                },
            );
        }
        if asks(&|when| when.nothing_read.is_some()) {
            vary(&mut cases, &[true, false], |case, nothing| {
                case.failure.nothing_read = *nothing;
                if *nothing {
                    "nothing read"
                } else {
                    "something read"
                }
                .to_owned()
            });
        }
        cases
    }

    /// Decision after decision, until one is final, is a wait of unknown length (`throttle`,
    /// `pause`), or there are too many. Waits are as the worker's, spread by the case's `spread`.
    pub fn forecast(&self, policy: &Policy) -> Vec<Moment> {
        let Self {
            failure,
            mut progress,
            mut facts,
            ..
        } = self.clone();
        let mut moments = Vec::new();
        while moments.len() < MAX_MOMENTS {
            let ruling = policy.decide(&failure, &progress, &facts);
            progress.charge(&ruling.rule, ruling.step);
            moments.push(Moment {
                at: facts.now,
                ruling: ruling.clone(),
            });
            match ruling.decision {
                Decision::Retry { wait } => facts.now = after(facts.now, wait),
                Decision::Park { until } => facts.now = until,
                Decision::Rotate => progress.steps.rotated_for = Some(failure.code.clone()),
                Decision::Inline => facts.transfer = Transfer::Inline,
                Decision::Resign => {}
                Decision::Continue
                | Decision::Verdict(_)
                | Decision::Fail { .. }
                | Decision::Throttle
                | Decision::Pause => break,
            }
        }
        moments
    }
}

/// One case for each combination of what was and these values; `set` applies a value and names it.
fn vary<T>(cases: &mut Vec<Case>, values: &[T], set: impl Fn(&mut Case, &T) -> String) {
    let combine = |case: Case| {
        let set = &set;
        values.iter().map(move |value| {
            let mut case = case.clone();
            let phrase = set(&mut case, value);
            case.given.push(phrase);
            case
        })
    };
    *cases = std::mem::take(cases)
        .into_iter()
        .flat_map(combine)
        .collect();
}

/// No date, and both sides of every bound.
fn ages(rules: &[&Rule]) -> Vec<Option<i64>> {
    let below = rules
        .iter()
        .filter_map(|rule| rule.when.bill_age_days_max)
        .flat_map(|max| [max, max.saturating_add(1)]);
    let above = rules
        .iter()
        .filter_map(|rule| rule.when.bill_age_days_min)
        .flat_map(|min| [min.saturating_sub(1), min]);
    let mut ages: Vec<Option<i64>> = below
        .chain(above)
        .chain([-1])
        .map(Some)
        .chain([None])
        .collect();
    ages.sort_unstable();
    ages.dedup();
    ages
}

fn set_age(case: &mut Case, age: Option<i64>) -> String {
    let today = case.facts.now.to_zoned(case.facts.timezone.clone()).date();
    case.facts.billing_date = age
        .and_then(|age| Span::new().try_days(age).ok())
        .map(|age| today.saturating_sub(age));
    match age {
        None => "bill without a known date".to_owned(),
        Some(age) if age < 0 => "bill dated in the future".to_owned(),
        Some(1) => "bill 1 day old".to_owned(),
        Some(age) => format!("bill {age} days old"),
    }
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}
