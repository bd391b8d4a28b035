//! What would become of a job that meets the same failure at every attempt: for people who ask, and
//! for tests.

use super::{
    Decision, Facts, Failure, Policy, PolicyDecision, Progress, Rule, Stage, Step, Transfer,
    VendorName, When,
};
use jiff::{Span, Timestamp};
use std::time::Duration;

/// The length of a forecast at most. No rule of the built-in table comes near; one that parks every
/// second until the deadline is cut here.
const MAX_ENTRIES: usize = 500;

/// One way in which a code can occur, as far as the policy distinguishes them.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// `QR code found`, `bill 3 days old`: for each thing that makes a difference a phrase, in the
    /// same order in all occurrences of a code.
    pub given: Vec<String>,
    pub failure: Failure,
    pub progress: Progress,
    pub facts: Facts,
}

/// When the failure occurs, and what is decided about it.
#[derive(Clone, Debug, PartialEq)]
pub struct ForecastEntry {
    pub at: Timestamp,
    pub decided: PolicyDecision,
}

impl Occurrence {
    /// Every way in which this code can come that some `when` or step of these policies asks about,
    /// for a job that starts with these facts.
    pub fn all(policies: &[&Policy], stage: Stage, code: &str, facts: &Facts) -> Vec<Self> {
        let rules: Vec<&Rule> = policies
            .iter()
            .flat_map(|policy| &policy.rules)
            .filter(|rule| rule.catches(VendorName::usual(stage), stage, code))
            .collect();
        let asks = |question: &dyn Fn(&When) -> bool| rules.iter().any(|rule| question(&rule.when));
        let has = |wanted: &Step| rules.iter().any(|rule| rule.steps.contains(wanted));
        let mut occurrences = vec![Occurrence {
            given: Vec::new(),
            failure: Failure::new(stage, code, ""),
            progress: Progress::new("0".repeat(64), facts.now),
            facts: facts.clone(),
        }];
        if asks(&|when| when.qr_code_found.is_some()) {
            vary(&mut occurrences, &[false, true], |occurrence, found| {
                occurrence.failure.qr_code_found = Some(*found);
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
            vary(&mut occurrences, &ages(&rules), |occurrence, age| {
                set_age(occurrence, *age)
            });
        }
        if has(&Step::Rotate)
            || asks(&|when| when.rotated.is_some() || when.same_code_before_rotation.is_some())
        {
            vary(&mut occurrences, &[false, true], |occurrence, rotated| {
                occurrence.progress.steps.rotated_for = rotated.then(|| "another code".to_owned());
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
            vary(&mut occurrences, &with_other, |occurrence, status| {
                occurrence.failure.http_status = *status;
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
            vary(&mut occurrences, &with_other, |occurrence, part| {
                occurrence.failure.message = part.clone().unwrap_or_default().into();
                part.as_ref().map_or_else(
                    || "another message".to_owned(),
                    |part| format!("message with {part:?}"),
                )
            });
        }
        if has(&Step::Inline) || asks(&|when| when.transfer.is_some()) {
            vary(
                &mut occurrences,
                &[Transfer::Inline, Transfer::Url],
                |occurrence, transfer| {
                    occurrence.facts.transfer = *transfer;
                    match transfer {
                        Transfer::Inline => "image sent inline",
                        Transfer::Url => "image sent as a URL",
                    }
                    .to_owned()
                },
            );
        }
        if asks(&|when| when.nothing_read.is_some()) {
            vary(&mut occurrences, &[true, false], |occurrence, nothing| {
                occurrence.failure.nothing_read = *nothing;
                if *nothing {
                    "nothing read"
                } else {
                    "something read"
                }
                .to_owned()
            });
        }
        occurrences
    }

    /// Returns decision after decision, until one is final or is a wait of unknown length
    /// (`throttle`, `pause`), or there are [`MAX_ENTRIES`]. Waits are those of the worker, spread
    /// by `facts.spread`.
    pub fn forecast(&self, policy: &Policy) -> Vec<ForecastEntry> {
        let Self {
            failure,
            mut progress,
            mut facts,
            ..
        } = self.clone();
        let mut forecast = Vec::new();
        while forecast.len() < MAX_ENTRIES {
            let decided = policy.decide(&failure, &progress, &facts);
            progress.charge(&decided.rule, decided.step);
            forecast.push(ForecastEntry {
                at: facts.now,
                decided: decided.clone(),
            });
            match decided.decision {
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
        forecast
    }
}

/// Replaces each occurrence by one for each of these values; `set` applies a value and names it.
fn vary<T>(
    occurrences: &mut Vec<Occurrence>,
    values: &[T],
    set: impl Fn(&mut Occurrence, &T) -> String,
) {
    let combine = |occurrence: Occurrence| {
        let set = &set;
        values.iter().map(move |value| {
            let mut occurrence = occurrence.clone();
            let phrase = set(&mut occurrence, value);
            occurrence.given.push(phrase);
            occurrence
        })
    };
    *occurrences = std::mem::take(occurrences)
        .into_iter()
        .flat_map(combine)
        .collect();
}

/// Returns ages in days: no date, and both sides of every bound.
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

fn set_age(occurrence: &mut Occurrence, age: Option<i64>) -> String {
    let today = occurrence
        .facts
        .now
        .to_zoned(occurrence.facts.timezone.clone())
        .date();
    occurrence.facts.billing_date = age
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
