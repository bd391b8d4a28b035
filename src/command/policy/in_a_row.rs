//! Which failures pause their stage when they come in a row: found out by telling them to those who
//! count.

use crate::domain::failure::{Failure, Stage};
use crate::domain::scope::Province;
use crate::policy::{Rule, Streak, Streaks, Subject};
use jiff::Timestamp;

/// More than any row is long.
const ENOUGH: usize = 20;
/// The HTTP status with which these codes come, where it makes the difference.
const STATUSES: [(Stage, &str, u16); 4] = [
    (Stage::Storage, "InternalError", 500),
    (Stage::Storage, "ServiceUnavailable", 503),
    (Stage::Storage, "SlowDown", 503),
    (Stage::Recognition, "APIG.0602", 400),
];

/// What comes of this failure again and again, each time about another image of another province.
pub(super) fn streak(failure: &Failure) -> Option<Streak> {
    let usual = STATUSES
        .iter()
        .find(|(stage, code, _)| (*stage, *code) == (failure.stage, failure.code.as_str()));
    let failure = Failure {
        http_status: failure.http_status.or(usual.map(|(.., status)| *status)),
        ..failure.clone()
    };
    let mut streaks = Streaks::default();
    (0..ENOUGH).find_map(|index| {
        let other = index.to_string();
        let province = Province::of(&other);
        let subject = Subject {
            name: &other,
            province: province.as_ref(),
            is_brought: false,
            is_inline: true,
            is_listed: true,
        };
        streaks.failed(&failure, &subject, Timestamp::UNIX_EPOCH)
    })
}

/// The streaks of a rule's codes, in the order in which they are named.
pub(super) fn of_rule(rule: &Rule) -> Vec<(Streak, Vec<&str>)> {
    let mut streaks: Vec<(Streak, Vec<&str>)> = Vec::new();
    for code in &rule.codes {
        let failure = Failure {
            http_status: rule.when.http_status.first().copied(),
            ..Failure::new(rule.stage, code, "")
        };
        let Some(streak) = streak(&failure) else {
            continue;
        };
        match streaks.iter_mut().find(|(known, _)| *known == streak) {
            Some((_, codes)) => codes.push(code),
            None => streaks.push((streak, vec![code])),
        }
    }
    streaks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_knows_its_row() {
        for (stage, code, http_status, expected) in [
            (
                Stage::Storage,
                "AccessDenied",
                None,
                Some(Streak::Forbidden),
            ),
            (Stage::Storage, "SlowDown", None, Some(Streak::Outage)),
            (Stage::Storage, "truncated", None, None),
            (Stage::Recognition, "400", None, Some(Streak::Refused)),
            (
                Stage::Recognition,
                "APIG.0201",
                Some(400),
                Some(Streak::Refused),
            ),
            (Stage::Recognition, "APIG.0201", Some(413), None),
            (Stage::Recognition, "APIG.0201", None, None),
            (Stage::Recognition, "APIG.0602", None, Some(Streak::Refused)),
            (Stage::Recognition, "timeout", None, Some(Streak::Outage)),
            (
                Stage::Verification,
                "INVALID_ARGUMENT",
                None,
                Some(Streak::Refused),
            ),
            (Stage::Verification, "318", None, Some(Streak::Identity)),
            (Stage::Verification, "http.502", None, Some(Streak::Outage)),
            (Stage::Verification, "316", None, None),
        ] {
            let failure = Failure {
                http_status,
                ..Failure::new(stage, code, "")
            };
            assert_eq!(streak(&failure), expected, "{stage} {code} {http_status:?}");
        }
    }
}
