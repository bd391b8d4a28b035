//! Can a rule ever be reached behind those before it?

use super::{Transfer, When};
use std::collections::BTreeSet;

/// Is it asked, and with this answer.
type Question = (fn(&When) -> bool, fn(When, bool) -> When);

/// Those that have two answers.
const QUESTIONS: [Question; 6] = [
    (
        |when| when.qr_code_found.is_some(),
        |when, yes| When {
            qr_code_found: Some(yes),
            ..when
        },
    ),
    (
        |when| when.bill_date_known.is_some(),
        |when, yes| When {
            bill_date_known: Some(yes),
            ..when
        },
    ),
    (
        |when| when.rotated.is_some(),
        |when, yes| When {
            rotated: Some(yes),
            ..when
        },
    ),
    (
        |when| when.same_code_before_rotation.is_some(),
        |when, yes| When {
            same_code_before_rotation: Some(yes),
            ..when
        },
    ),
    (
        |when| when.nothing_read.is_some(),
        |when, yes| When {
            nothing_read: Some(yes),
            ..when
        },
    ),
    (
        |when| when.transfer.is_some(),
        |when, yes| When {
            transfer: Some(if yes { Transfer::Inline } else { Transfer::Url }),
            ..when
        },
    ),
];

/// The lines of the earlier rules that take everything under these conditions; `None` where
/// something is left.
///
/// `earlier` are the rules that catch the same code, each with its line.
pub(super) fn taken_by(when: &When, earlier: &[(usize, &When)]) -> Option<BTreeSet<usize>> {
    let when = with_what_follows(when.clone());
    if when.rotated == Some(false) && when.same_code_before_rotation == Some(true) {
        return Some(BTreeSet::new());
    }
    if let Some((line, _)) = earlier
        .iter()
        .find(|(_, other)| other.holds_wherever(&when))
    {
        return Some([*line].into());
    }
    let is_open =
        |asks: fn(&When) -> bool| !asks(&when) && earlier.iter().any(|(_, other)| asks(other));
    let (_, answered) = QUESTIONS.iter().find(|(asks, _)| is_open(*asks))?;
    let yes = taken_by(&answered(when.clone(), true), earlier)?;
    let no = taken_by(&answered(when, false), earlier)?;
    Some(&yes | &no)
}

fn with_what_follows(when: When) -> When {
    let has_age = when.bill_age_days_min.is_some() || when.bill_age_days_max.is_some();
    let same = when.same_code_before_rotation == Some(true);
    When {
        bill_date_known: when.bill_date_known.or(has_age.then_some(true)),
        rotated: when.rotated.or(same.then_some(true)),
        ..when
    }
}

impl When {
    /// Does everything that `other` asks for imply what `self` asks for?
    fn holds_wherever(&self, other: &Self) -> bool {
        let Self {
            qr_code_found,
            bill_age_days_min,
            bill_age_days_max,
            bill_date_known,
            rotated,
            same_code_before_rotation,
            http_status,
            message_contains,
            transfer,
            nothing_read,
        } = self;
        let part_of = |part: &String| {
            other
                .message_contains
                .as_ref()
                .is_some_and(|whole| whole.to_lowercase().contains(&part.to_lowercase()))
        };
        let one_of = |status: &u16| http_status.contains(status);
        follows(*qr_code_found, other.qr_code_found)
            && bill_age_days_min
                .is_none_or(|min| other.bill_age_days_min.is_some_and(|other| other >= min))
            && bill_age_days_max
                .is_none_or(|max| other.bill_age_days_max.is_some_and(|other| other <= max))
            && follows(*bill_date_known, other.bill_date_known)
            && follows(*rotated, other.rotated)
            && follows(*same_code_before_rotation, other.same_code_before_rotation)
            && (http_status.is_empty()
                || (!other.http_status.is_empty() && other.http_status.iter().all(one_of)))
            && message_contains.as_ref().is_none_or(part_of)
            && follows(*transfer, other.transfer)
            && follows(*nothing_read, other.nothing_read)
    }
}

fn follows<T: PartialEq + Copy>(wanted: Option<T>, given: Option<T>) -> bool {
    wanted.is_none() || wanted == given
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn when(text: &str) -> When {
        let table: BTreeMap<String, When> =
            toml::from_str(&format!("when = {{ {text} }}")).expect("conditions");
        table.into_values().next().expect("one")
    }

    /// The numbers of the rules that take what the last one waits for.
    fn takers(rules: &[&str]) -> Option<Vec<usize>> {
        let rules: Vec<When> = rules.iter().map(|text| when(text)).collect();
        let (last, earlier) = rules.split_last().expect("a rule");
        let earlier: Vec<(usize, &When)> = earlier.iter().enumerate().collect();
        taken_by(last, &earlier).map(|lines| lines.into_iter().collect())
    }

    #[test]
    fn a_rule_behind_a_wider_one_is_never_reached() {
        for (wide, narrow) in [
            ("", "rotated = true"),
            (
                "qr_code_found = true",
                "qr_code_found = true, rotated = true",
            ),
            ("bill_age_days_max = 3", "bill_age_days_max = 2"),
            (
                "bill_age_days_min = 3",
                "bill_age_days_min = 3, bill_age_days_max = 9",
            ),
            ("bill_date_known = true", "bill_age_days_min = 3"),
            ("rotated = true", "same_code_before_rotation = true"),
            ("http_status = [413, 414]", "http_status = [414]"),
            (
                "message_contains = \"Day\"",
                "message_contains = \"per day\"",
            ),
            (
                "transfer = \"url\"",
                "transfer = \"url\", nothing_read = true",
            ),
        ] {
            assert_eq!(
                takers(&[wide, narrow]),
                Some(vec![0]),
                "{narrow} behind {wide}"
            );
            if narrow != "same_code_before_rotation = true" {
                assert_eq!(takers(&[narrow, wide]), None, "{wide} behind {narrow}");
            }
        }
    }

    #[test]
    fn rules_that_leave_nothing_over_together_are_seen_through() {
        assert_eq!(
            takers(&[
                "rotated = true",
                "qr_code_found = true",
                "rotated = false",
                "http_status = [400]"
            ]),
            Some(vec![0, 1, 2])
        );
        assert_eq!(
            takers(&["transfer = \"url\"", "transfer = \"inline\"", ""]),
            Some(vec![0, 1])
        );
        assert_eq!(
            takers(&[
                "rotated = true, qr_code_found = true",
                "rotated = false",
                ""
            ]),
            None
        );
        let rotated = [
            "same_code_before_rotation = true",
            "rotated = true, same_code_before_rotation = false",
            "rotated = false",
            "",
        ];
        assert_eq!(takers(&rotated), Some(vec![0, 1, 2]));
    }

    #[test]
    fn what_is_asked_of_something_else_leaves_something() {
        assert_eq!(
            takers(&["bill_age_days_max = 3", "bill_age_days_min = 3"]),
            None
        );
        assert_eq!(
            takers(&["http_status = [413]", "http_status = [413, 414]"]),
            None
        );
        assert_eq!(takers(&["http_status = [413]", ""]), None);
        assert_eq!(
            takers(&[
                "message_contains = \"per day\"",
                "message_contains = \"day\""
            ]),
            None
        );
    }
}
