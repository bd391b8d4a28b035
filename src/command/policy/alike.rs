//! Occurrences of a code with the same forecast, explained as one.

use crate::policy::{Decision, ForecastEntry, Occurrence, Policy, Streak};

/// Occurrences with the same forecast.
pub(super) struct Alike {
    /// Each is one combination; any of them leads here. `["no QR code found", "bill 4 days old or
    /// bill 365 days old"]`.
    pub(super) given: Vec<Vec<String>>,
    pub(super) forecast: Vec<ForecastEntry>,
    /// The streak that many such jobs in a row make.
    pub(super) streak: Option<Streak>,
}

/// Returns the groups in the order of the occurrences. An occurrence after the image was turned
/// upright is left out where its forecast is the rest of the forecast before that.
pub(super) fn alike(policy: &Policy, occurrences: Vec<Occurrence>) -> Vec<Alike> {
    let everything: Vec<Vec<String>> = occurrences
        .iter()
        .map(|occurrence| occurrence.given.clone())
        .collect();
    let with_forecast = |occurrence: Occurrence| {
        let forecast = occurrence.forecast(policy);
        (occurrence, forecast)
    };
    let forecasts: Vec<(Occurrence, Vec<ForecastEntry>)> =
        occurrences.into_iter().map(with_forecast).collect();
    let mut groups: Vec<Alike> = Vec::new();
    for (occurrence, forecast) in forecasts.iter().filter(|(occurrence, forecast)| {
        !forecasts
            .iter()
            .any(|(other, longer)| begins_later(occurrence, forecast, other, longer))
    }) {
        let streak = policy.meaning(&occurrence.failure).streak;
        match groups
            .iter_mut()
            .find(|group| group.forecast == *forecast && group.streak == streak)
        {
            Some(group) => group.given.push(occurrence.given.clone()),
            None => groups.push(Alike {
                given: vec![occurrence.given.clone()],
                forecast: forecast.clone(),
                streak,
            }),
        }
    }
    for group in &mut groups {
        merge(&mut group.given, &everything);
    }
    groups
}

/// Is `longer` the forecast of the same occurrence before the image was turned upright?
fn begins_later(
    occurrence: &Occurrence,
    forecast: &[ForecastEntry],
    other: &Occurrence,
    longer: &[ForecastEntry],
) -> bool {
    let differences = occurrence
        .given
        .iter()
        .zip(&other.given)
        .filter(|(one, other)| one != other)
        .count();
    let turned = occurrence.progress.steps.rotated_for.is_some()
        && other.progress.steps.rotated_for.is_none();
    let turns = longer
        .first()
        .is_some_and(|first| first.decided.decision == Decision::Rotate);
    turned && differences == 1 && turns && longer[1..] == *forecast
}

/// Combinations that differ in one phrase become one: `this or that`, or nothing where it can be
/// anything.
fn merge(given: &mut Vec<Vec<String>>, everything: &[Vec<String>]) {
    for place in (0..everything.first().map_or(0, Vec::len)).rev() {
        let mut values: Vec<&str> = everything
            .iter()
            .map(|phrases| phrases[place].as_str())
            .collect();
        values.sort_unstable();
        values.dedup();
        let mut merged: Vec<(Vec<String>, Vec<String>)> = Vec::new();
        for mut phrases in std::mem::take(given) {
            let phrase = std::mem::take(&mut phrases[place]);
            match merged.iter_mut().find(|(others, _)| *others == phrases) {
                Some((_, these)) => these.push(phrase),
                None => merged.push((phrases, vec![phrase])),
            }
        }
        *given = merged
            .into_iter()
            .map(|(mut phrases, these)| {
                phrases[place] = if these.len() == values.len() {
                    String::new()
                } else {
                    these.join(" or ")
                };
                phrases
            })
            .collect();
    }
    for phrases in given {
        phrases.retain(|phrase| !phrase.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(given: &[[&str; 2]], everything: &[[&str; 2]]) -> Vec<String> {
        let owned = |all: &[[&str; 2]]| {
            all.iter()
                .map(|phrases| phrases.map(str::to_owned).to_vec())
                .collect::<Vec<_>>()
        };
        let mut given = owned(given);
        merge(&mut given, &owned(everything));
        given
            .into_iter()
            .map(|phrases| phrases.join(", "))
            .collect()
    }

    #[test]
    fn a_condition_that_makes_no_difference_is_left_out() {
        let all = [["q", "old"], ["q", "new"], ["no q", "old"], ["no q", "new"]];
        assert_eq!(merged(&all, &all), [""]);
        assert_eq!(merged(&all[..2], &all), ["q"]);
        assert_eq!(merged(&all[..1], &all), ["q, old"]);
        assert_eq!(merged(&[all[0], all[3]], &all), ["q, old", "no q, new"]);
        assert_eq!(
            merged(&all[..2], &[all[0], all[1], ["q", "older"], all[2]]),
            ["q, old or new"]
        );
    }
}
