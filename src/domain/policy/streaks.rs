//! Failures in a row that are no single job's fault: then the stage is paused, whatever the rules say about one of them.

use super::{Stage, codes};
use crate::domain::breaker::Province;
use crate::domain::failure::Failure;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const MAX_OUTAGES: u32 = 10;
const MAX_REFUSED: usize = 5;
const MAX_FORBIDDEN: usize = 5;
const MAX_PROVINCES: usize = 3;
/// The provinces' answers count together if they came within this.
const PROVINCES_WITHIN: SignedDuration = SignedDuration::from_mins(10);
const IDENTITY_CHECK: &str = "318";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Streak {
    /// Ten calls found nobody, or nobody well.
    Outage,
    /// Requests with five different images were called malformed: it is how we ask.
    Refused,
    /// Five different keys of the store.
    Forbidden,
    /// The identity check failed in three provinces: it is our identity.
    Identity,
}

/// What one worker has met with, by stage.
#[derive(Clone, Debug, Default)]
pub struct Streaks(BTreeMap<Stage, Row>);

/// Bounded: each list ends with the streak.
#[derive(Clone, Debug, Default)]
struct Row {
    outages: u32,
    refused: Vec<String>,
    forbidden: Vec<String>,
    provinces: Vec<(Province, Timestamp)>,
}

impl Streak {
    /// Why the stage is paused, for people.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Outage => "ten calls in a row found nobody, or got no sound answer",
            Self::Refused => "requests about five different images in a row were refused as malformed",
            Self::Forbidden => "the store forbade five different keys in a row",
            Self::Identity => "the identity check failed in three provinces within ten minutes",
        }
    }
}

impl Streaks {
    /// A good answer ends what was in a row. What three provinces said within ten minutes was never in a row.
    pub fn answered(&mut self, stage: Stage) {
        if let Some(Row { outages, refused, forbidden, provinces: _ }) = self.0.get_mut(&stage) {
            *outages = 0;
            refused.clear();
            forbidden.clear();
        }
    }

    /// A failure about `subject` (an image, or a key of the store). Is it one too many?
    pub fn failed(&mut self, failure: &Failure, subject: &str, province: Option<&Province>, now: Timestamp) -> Option<Streak> {
        let Row { outages, refused, forbidden, provinces } = self.0.entry(failure.stage).or_default();
        *outages = if is_outage(failure) { outages.saturating_add(1) } else { 0 };
        if is_outage(failure) {
            return (*outages >= MAX_OUTAGES).then_some(Streak::Outage);
        }
        let refused = in_row(refused, is_bad_request(failure), subject, MAX_REFUSED).then_some(Streak::Refused);
        let forbidden = in_row(forbidden, is_forbidden(failure), subject, MAX_FORBIDDEN).then_some(Streak::Forbidden);
        provinces.retain(|(_, time)| now.duration_since(*time) <= PROVINCES_WITHIN);
        let identity = match province {
            Some(province) if is_identity(failure) => {
                provinces.retain(|(known, _)| known != province);
                provinces.push((province.clone(), now));
                (provinces.len() >= MAX_PROVINCES).then_some(Streak::Identity)
            }
            _ => None,
        };
        refused.or(forbidden).or(identity)
    }
}

/// One more in the row, or its end. Is it long enough?
fn in_row(row: &mut Vec<String>, belongs: bool, subject: &str, length: usize) -> bool {
    if !belongs {
        row.clear();
        return false;
    }
    if row.len() < length && !row.iter().any(|known| known == subject) {
        row.push(subject.to_owned());
    }
    row.len() >= length
}

/// Nobody answered, or not in a state to.
pub fn is_outage(failure: &Failure) -> bool {
    let unwell = failure.stage == Stage::Storage && failure.http_status.is_some_and(|status| status >= 500);
    unwell || ["connect", "timeout", "http.5xx"].iter().any(|class| codes::catches(class, &failure.code))
}

/// The provider cannot make sense of the request.
pub fn is_bad_request(failure: &Failure) -> bool {
    match (failure.stage, failure.code.as_str()) {
        (Stage::Recognition, "400") | (Stage::Verification, "INVALID_ARGUMENT") => true,
        (Stage::Recognition, "APIG.0201" | "APIG.0602") => failure.http_status == Some(400),
        _ => false,
    }
}

/// The store does not let us read the key.
pub fn is_forbidden(failure: &Failure) -> bool {
    failure.stage == Stage::Storage && failure.code == "AccessDenied"
}

/// The registry does not accept who asks.
pub fn is_identity(failure: &Failure) -> bool {
    failure.stage == Stage::Verification && failure.code == IDENTITY_CHECK
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
    }

    fn failure(stage: Stage, code: &str) -> Failure {
        Failure::new(stage, code, "")
    }

    /// What each of these failures in turn amounts to, each about an image of its own.
    fn told(codes: &[&str]) -> Vec<Option<Streak>> {
        let mut streaks = Streaks::default();
        let tell = |(index, code): (usize, &&str)| streaks.failed(&failure(Stage::Verification, code), &index.to_string(), None, at(0));
        codes.iter().enumerate().map(tell).collect()
    }

    #[test]
    fn the_tenth_call_without_an_answer_in_a_row_is_one_too_many() {
        let codes = ["connect", "timeout", "http.502"].repeat(4);
        let told = told(&codes);
        assert_eq!(told.iter().position(Option::is_some), Some(9));
        assert_eq!(told[9..], [Some(Streak::Outage); 3]);
        let mut interrupted = codes.clone();
        interrupted[5] = "316";
        assert_eq!(super::tests::told(&interrupted), [None; 12]);
    }

    #[test]
    fn a_good_answer_ends_every_row() {
        let mut streaks = Streaks::default();
        for _ in 0..9 {
            assert_eq!(streaks.failed(&failure(Stage::Recognition, "timeout"), "", None, at(0)), None);
        }
        streaks.answered(Stage::Recognition);
        assert_eq!(streaks.failed(&failure(Stage::Recognition, "timeout"), "", None, at(0)), None);
    }

    #[test]
    fn stages_have_rows_of_their_own() {
        let mut streaks = Streaks::default();
        for stage in [Stage::Storage, Stage::Recognition, Stage::Verification].repeat(9) {
            assert_eq!(streaks.failed(&failure(stage, "connect"), "", None, at(0)), None);
        }
        assert_eq!(streaks.failed(&failure(Stage::Storage, "connect"), "", None, at(0)), Some(Streak::Outage));
    }

    #[test]
    fn five_different_images_that_are_refused_are_one_too_many() {
        let mut streaks = Streaks::default();
        let mut tell = |image: &str| streaks.failed(&failure(Stage::Verification, "INVALID_ARGUMENT"), image, None, at(0));
        assert_eq!(["a", "a", "b", "c", "a", "d"].map(&mut tell), [None; 6]);
        assert_eq!(tell("e"), Some(Streak::Refused));
    }

    #[test]
    fn only_the_gateways_own_bad_requests_count() {
        let gateway = |status| Failure { http_status: Some(status), ..failure(Stage::Recognition, "APIG.0201") };
        assert!(is_bad_request(&gateway(400)));
        assert!(!is_bad_request(&gateway(413)));
        assert!(!is_bad_request(&failure(Stage::Verification, "400")));
    }

    #[test]
    fn five_forbidden_keys_in_a_row_are_our_own_rights() {
        let mut streaks = Streaks::default();
        let mut tell = |code: &str, key: &str| streaks.failed(&failure(Stage::Storage, code), key, None, at(0));
        for key in ["a", "b", "c", "d"] {
            assert_eq!(tell("AccessDenied", key), None);
        }
        assert_eq!(tell("NoSuchKey", "x"), None);
        assert_eq!(["a", "b", "c", "d"].map(|key| tell("AccessDenied", key)), [None; 4]);
        assert_eq!(tell("AccessDenied", "e"), Some(Streak::Forbidden));
    }

    #[test]
    fn the_identity_check_has_to_fail_in_three_provinces_within_ten_minutes() {
        let mut streaks = Streaks::default();
        let mut tell = |province: &str, minute: i64| {
            streaks.failed(&failure(Stage::Verification, "318"), "", Province::of(province).as_ref(), at(minute))
        };
        assert_eq!([tell("河南", 0), tell("河南", 1), tell("浙江", 2), tell("", 3)], [None; 4]);
        assert_eq!(tell("北京", 12), None, "Henan's is eleven minutes old");
        assert_eq!(tell("河南", 12), Some(Streak::Identity));
        streaks.answered(Stage::Verification);
        let beijing = Province::of("北京");
        let again = streaks.failed(&failure(Stage::Verification, "318"), "", beijing.as_ref(), at(12));
        assert_eq!(again, Some(Streak::Identity), "bills of other provinces may be answered meanwhile");
    }

    #[test]
    fn a_store_that_is_unwell_is_out_whatever_it_calls_it() {
        let slow = Failure { http_status: Some(503), ..failure(Stage::Storage, "SlowDown") };
        assert!(is_outage(&slow));
        assert!(!is_outage(&Failure { http_status: Some(500), ..failure(Stage::Verification, "INTERNAL_ERROR") }));
    }
}
