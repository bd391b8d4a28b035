//! Two readings beside each other, and what came of it.

use crate::domain::amount::to_the_fen;
use crate::domain::invoice::{Day, Money, StatusAnswer};
use crate::domain::reading::Reading;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    pub id: String,
    pub outcome: ComparisonOutcome,
    pub expected: Option<String>,
    pub actual: Option<String>,
    /// The way in which the two values were compared, or the reason why they were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ComparisonOutcome {
    Passed,
    Failed,
    /// A side is missing, or could not be read.
    Skipped,
}

/// A check without its name.
pub(super) struct Comparison {
    pub(super) outcome: ComparisonOutcome,
    expected: Option<String>,
    actual: Option<String>,
    note: Option<String>,
}

impl Comparison {
    pub(super) fn of(passed: bool, expected: impl Display, actual: impl Display) -> Self {
        let outcome = if passed {
            ComparisonOutcome::Passed
        } else {
            ComparisonOutcome::Failed
        };
        Self {
            outcome,
            expected: Some(expected.to_string()),
            actual: Some(actual.to_string()),
            note: None,
        }
    }

    /// A comparison that could not be made, with the values that exist.
    pub(super) fn skipped(expected: Option<String>, actual: Option<String>) -> Self {
        Self {
            outcome: ComparisonOutcome::Skipped,
            expected,
            actual,
            note: None,
        }
    }

    pub(super) fn noted(self, note: impl Into<String>) -> Self {
        Self {
            note: Some(note.into()),
            ..self
        }
    }

    /// One finding over several: the fields that failed, else those that passed; skipped where no
    /// field could be compared.
    pub(super) fn all_of(fields: &[(&str, Self)]) -> Self {
        let of = |outcome| {
            let with_outcome = fields
                .iter()
                .filter(move |(_, field)| field.outcome == outcome);
            with_outcome.collect::<Vec<_>>()
        };
        let failed = of(ComparisonOutcome::Failed);
        let passed = of(ComparisonOutcome::Passed);
        let (outcome, shown) = if !failed.is_empty() {
            (ComparisonOutcome::Failed, failed)
        } else if passed.is_empty() {
            return Self::skipped(None, None);
        } else {
            (ComparisonOutcome::Passed, passed)
        };
        let side = |side: fn(&Self) -> &Option<String>| {
            let values = shown.iter().map(|(name, field)| {
                format!("{name} {}", side(field).as_deref().unwrap_or_default())
            });
            Some(values.collect::<Vec<_>>().join(", "))
        };
        Self {
            outcome,
            expected: side(|field| &field.expected),
            actual: side(|field| &field.actual),
            note: None,
        }
    }

    /// The first comparison that failed, else as [`Self::first_made`].
    pub(super) fn first_failed(comparisons: impl Iterator<Item = Self>) -> Self {
        let mut all: Vec<Self> = comparisons.collect();
        let failed = all
            .iter()
            .position(|comparison| comparison.outcome == ComparisonOutcome::Failed);
        match failed {
            Some(index) => all.swap_remove(index),
            None => Self::first_made(all.into_iter()),
        }
    }

    /// The first comparison that could be made, else the first; skipped where there is none.
    pub(super) fn first_made(comparisons: impl Iterator<Item = Self>) -> Self {
        let mut first = None;
        for comparison in comparisons {
            if comparison.outcome != ComparisonOutcome::Skipped {
                return comparison;
            }
            first = first.or(Some(comparison));
        }
        first.unwrap_or_else(|| Self::skipped(None, None))
    }

    pub(super) fn named(self, id: &str) -> Check {
        Check {
            id: id.to_owned(),
            outcome: self.outcome,
            expected: self.expected,
            actual: self.actual,
            note: self.note,
        }
    }
}

/// Compares meanings, so that two spellings of one text are the same: see `domain::spelling`. Incomplete
/// texts are not compared.
pub(super) fn same_text(
    expected: Option<&String>,
    actual: Option<&String>,
    meaning: fn(&str) -> Option<String>,
) -> Comparison {
    let (Some(expected), Some(actual)) = (expected, actual) else {
        return Comparison::skipped(expected.cloned(), actual.cloned());
    };
    match (meaning(expected), meaning(actual)) {
        (Some(one), Some(other)) => Comparison::of(one == other, expected, actual),
        _ => Comparison::skipped(Some(expected.clone()), Some(actual.clone()))
            .noted("not compared: a part of it is masked or could not be read"),
    }
}

/// Compares to the fen, and notes it if rounding changed a value.
pub(super) fn same_amount(expected: Option<&Money>, actual: Option<&Money>) -> Comparison {
    let (Some(one), Some(other)) = (
        expected.and_then(Reading::value),
        actual.and_then(Reading::value),
    ) else {
        return Comparison::skipped(expected.map(shown), actual.map(shown));
    };
    let rounded = (to_the_fen(*one), to_the_fen(*other));
    if rounded == (*one, *other) {
        return Comparison::of(one == other, one, other);
    }
    Comparison::of(rounded.0 == rounded.1, rounded.0, rounded.1).noted("rounded to the fen")
}

pub(super) fn same_day(expected: Option<&Day>, actual: Option<&Day>) -> Comparison {
    match (
        expected.and_then(Reading::value),
        actual.and_then(Reading::value),
    ) {
        (Some(expected), Some(actual)) => Comparison::of(expected == actual, expected, actual),
        _ => Comparison::skipped(expected.map(shown), actual.map(shown)),
    }
}

pub(super) fn not(answer: Option<StatusAnswer>) -> Comparison {
    match answer {
        Some(StatusAnswer::No) => Comparison::of(true, "no", "no"),
        Some(StatusAnswer::Yes) => Comparison::of(false, "no", "yes"),
        Some(StatusAnswer::Unknown) => {
            Comparison::skipped(Some("no".to_owned()), Some("unknown".to_owned()))
        }
        None => Comparison::skipped(Some("no".to_owned()), None),
    }
}

pub(super) fn shown<T: Display>(reading: &Reading<T>) -> String {
    match reading {
        Reading::Value(value) => value.to_string(),
        Reading::Text(text) => text.clone(),
    }
}
