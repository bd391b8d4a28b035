//! Cases of a code that go the same way, explained as one.

use crate::policy::{Case, Decision, Moment, Policy, Streak};

/// Cases that go the same way.
pub(super) struct Alike {
    /// Each is one combination; any of them leads here. `["no QR code found", "bill 4 days old or
    /// bill 365 days old"]`.
    pub(super) given: Vec<Vec<String>>,
    pub(super) moments: Vec<Moment>,
    /// The streak that many such jobs in a row make.
    pub(super) streak: Option<Streak>,
}

/// In the order of the cases. One that was turned upright already is left out where it only begins
/// later on the same way.
pub(super) fn alike(policy: &Policy, cases: Vec<Case>) -> Vec<Alike> {
    let everything: Vec<Vec<String>> = cases.iter().map(|case| case.given.clone()).collect();
    let with_its_way = |case: Case| {
        let way = case.forecast(policy);
        (case, way)
    };
    let ways: Vec<(Case, Vec<Moment>)> = cases.into_iter().map(with_its_way).collect();
    let mut groups: Vec<Alike> = Vec::new();
    for (case, moments) in ways.iter().filter(|(case, way)| {
        !ways
            .iter()
            .any(|(other, longer)| begins_later(case, way, other, longer))
    }) {
        let streak = policy.meaning(&case.failure).streak;
        match groups
            .iter_mut()
            .find(|group| group.moments == *moments && group.streak == streak)
        {
            Some(group) => group.given.push(case.given.clone()),
            None => groups.push(Alike {
                given: vec![case.given.clone()],
                moments: moments.clone(),
                streak,
            }),
        }
    }
    for group in &mut groups {
        merge(&mut group.given, &everything);
    }
    groups
}

/// Is `longer` the way of the same case before it was turned upright?
fn begins_later(case: &Case, way: &[Moment], other: &Case, longer: &[Moment]) -> bool {
    let differences = case
        .given
        .iter()
        .zip(&other.given)
        .filter(|(one, other)| one != other)
        .count();
    let turned =
        case.progress.steps.rotated_for.is_some() && other.progress.steps.rotated_for.is_none();
    let turns = longer
        .first()
        .is_some_and(|first| first.ruling.decision == Decision::Rotate);
    turned && differences == 1 && turns && longer[1..] == *way
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
