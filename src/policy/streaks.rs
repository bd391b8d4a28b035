//! Failures in a row that are no single job's fault: then the stage is paused, whatever the rules
//! say about one of them.

use super::{Stage, codes};
use crate::domain::failure::Failure;
use crate::domain::scope::Province;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const MAX_OUTAGES: u32 = 10;
const MAX_REFUSED: usize = 5;
const MAX_MALFORMED: u32 = 10;
const MAX_FORBIDDEN: usize = 5;
const MAX_UNLISTED: usize = 5;
const MAX_PROVINCES: usize = 3;
/// The provinces' answers count together if they came within this.
const PROVINCES_WITHIN: SignedDuration = SignedDuration::from_mins(10);
const MALFORMED: &str = "malformed";
const IDENTITY_CHECK: &str = "318";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Streak {
    /// Ten calls got no answer, or only that the other side is unwell.
    Outage,
    /// Requests with five different images were called malformed: it is how we ask.
    Refused,
    /// Ten answers that are not what the API documents.
    Malformed,
    /// Five different keys of the default bucket.
    Forbidden,
    /// One code of the store that the policy does not know, for five different keys.
    Unlisted,
    /// The identity check failed in three provinces: it is our identity.
    Identity,
    /// The stage has not worked in this process yet, other workers are there, and what failed may
    /// be this worker's own configuration.
    Unproven,
    /// This worker finds no way to the other side, and other workers are there: it may be its own
    /// network.
    Network,
}

/// What one worker has met with, by stage.
#[derive(Clone, Debug, Default)]
pub struct Streaks(BTreeMap<Stage, Row>);

/// Bounded: each list ends with the streak.
#[derive(Clone, Debug, Default)]
struct Row {
    outages: u32,
    refused: Vec<String>,
    malformed: u32,
    forbidden: Vec<String>,
    /// The code, and the keys that got it.
    unlisted: (String, Vec<String>),
    provinces: Vec<(Province, Timestamp)>,
}

impl Streak {
    /// It may be the jobs' own fault: a control call decides before anything stops, and probes what
    /// is stopped.
    pub fn needs_a_control_call(self) -> bool {
        matches!(self, Self::Refused | Self::Malformed)
    }

    /// Is the answer to a control call the one that made the row?
    pub fn is_confirmed_by(self, failure: &Failure) -> bool {
        match self {
            Self::Refused => is_bad_request(failure),
            Self::Malformed => failure.code == MALFORMED,
            _ => false,
        }
    }

    /// Why the stage is paused, for people.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Outage => "ten calls in a row found nobody, or got no sound answer",
            Self::Refused => {
                "requests about five different images in a row were refused as malformed, and so was a control call"
            }
            Self::Malformed => {
                "ten answers in a row were not what the API documents, nor was that to a control call"
            }
            Self::Forbidden => "the store forbade five different keys in a row",
            Self::Unlisted => {
                "the store gave the same answer, which is not in the policy, for five different keys in a row"
            }
            Self::Unproven => {
                "the stage has never worked in this process, and the answer may be about this worker's own configuration"
            }
            Self::Network => "this worker does not reach the other side; other workers may",
            Self::Identity => "the identity check failed in three provinces within ten minutes",
        }
    }
}

/// What a call was about, as far as it tells whom its failure speaks of.
#[derive(Clone, Debug, Default)]
pub struct Subject<'a> {
    /// The image, or the key of the store.
    pub name: &'a str,
    pub province: Option<&'a Province>,
    /// The address that was read is the job's own: a URL, or a bucket other than the default one.
    /// Its failure says nothing about us.
    pub is_brought: bool,
    /// The image's bytes were sent, not its address.
    pub is_inline: bool,
    /// The policy names the code.
    pub is_listed: bool,
}

impl Streaks {
    /// A good answer ends what was in a row. What three provinces said within ten minutes was never
    /// in a row.
    pub fn answered(&mut self, stage: Stage) {
        if let Some(Row {
            outages,
            refused,
            malformed,
            forbidden,
            unlisted,
            provinces: _,
        }) = self.0.get_mut(&stage)
        {
            *outages = 0;
            refused.clear();
            *malformed = 0;
            forbidden.clear();
            unlisted.1.clear();
        }
    }

    /// A failure about this subject. Is it one too many?
    pub fn failed(
        &mut self,
        failure: &Failure,
        subject: &Subject<'_>,
        now: Timestamp,
    ) -> Option<Streak> {
        let Row {
            outages,
            refused,
            malformed,
            forbidden,
            unlisted,
            provinces,
        } = self.0.entry(failure.stage).or_default();
        if is_outage(failure) {
            if subject.is_brought && !is_our_network(failure) {
                return None;
            }
            *outages = outages.saturating_add(1);
            return (*outages >= MAX_OUTAGES).then_some(Streak::Outage);
        }
        // Whatever it says: the other side is there. Of another bucket's store not even that is
        // known.
        if !(subject.is_brought && failure.stage == Stage::Storage) {
            *outages = 0;
        }
        if subject.is_brought {
            return None;
        }
        *malformed = if failure.code == MALFORMED {
            malformed.saturating_add(1)
        } else {
            0
        };
        let malformed = (*malformed >= MAX_MALFORMED).then_some(Streak::Malformed);
        // What was fetched by the provider itself may be the address's fault: it neither counts nor
        // ends the row.
        let is_refused = is_bad_request(failure);
        let refused = if is_refused && !subject.is_inline {
            None
        } else {
            in_row(refused, is_refused, subject.name, MAX_REFUSED).then_some(Streak::Refused)
        };
        let forbidden = in_row(
            forbidden,
            is_forbidden(failure),
            subject.name,
            MAX_FORBIDDEN,
        )
        .then_some(Streak::Forbidden);
        let (code, keys) = unlisted;
        if *code != failure.code {
            code.clone_from(&failure.code);
            keys.clear();
        }
        let is_unlisted = !subject.is_listed && is_stores_own(failure);
        let unlisted =
            in_row(keys, is_unlisted, subject.name, MAX_UNLISTED).then_some(Streak::Unlisted);
        provinces.retain(|(_, time)| now.duration_since(*time) <= PROVINCES_WITHIN);
        let identity = match subject.province {
            Some(province) if is_identity(failure) => {
                provinces.retain(|(known, _)| known != province);
                provinces.push((province.clone(), now));
                (provinces.len() >= MAX_PROVINCES).then_some(Streak::Identity)
            }
            _ => None,
        };
        refused
            .or(malformed)
            .or(forbidden)
            .or(unlisted)
            .or(identity)
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
    let unwell =
        failure.stage == Stage::Storage && failure.http_status.is_some_and(|status| status >= 500);
    unwell
        || ["connect", "timeout", "http.5xx"]
            .iter()
            .any(|class| codes::catches(class, &failure.code))
}

/// Nothing was sent, whatever it was to be about.
fn is_our_network(failure: &Failure) -> bool {
    failure.code == "connect" && failure.stage != Stage::Storage
}

/// Not the name that this program gives to a failure of a single object.
fn is_stores_own(failure: &Failure) -> bool {
    failure.stage == Stage::Storage && failure.code != "request"
}

/// Whose fault it is where a bucket other than the default one gives this answer: our credentials
/// are ours in any bucket, the rest is the bucket's own affair.
pub fn is_about_the_bucket(failure: &Failure) -> bool {
    let region = [
        "PermanentRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "IncorrectEndpoint",
    ];
    let naming = [
        "SecondLevelDomainForbidden",
        "VirtualHostDomainRequired",
        "http.3xx",
    ];
    let owner = ["AccountProblem", "AllAccessDisabled", "KMS.*"];
    let codes = region.iter().chain(&naming).chain(&owner);
    failure.stage == Stage::Storage
        && codes
            .into_iter()
            .any(|code| codes::catches(code, &failure.code))
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

/// As a worker with a wrong address, without rights or with a network of its own would be answered.
pub fn may_be_our_setting(failure: &Failure, is_listed: bool) -> bool {
    let code = failure.code.as_str();
    match failure.stage {
        Stage::Storage => {
            matches!(code, "connect" | "timeout" | "AccessDenied")
                || (!is_listed && is_stores_own(failure))
        }
        Stage::Recognition | Stage::Verification => {
            matches!(code, "connect" | "malformed")
                || (codes::catches("http.4xx", code) && code != "http.429")
        }
        Stage::Job | Stage::Image | Stage::Worker => false,
    }
}

/// No answer came that would say that the other side is there.
pub fn may_be_our_network(failure: &Failure) -> bool {
    match failure.stage {
        Stage::Storage => matches!(failure.code.as_str(), "connect" | "timeout"),
        // One that was sent and not answered may have been paid for: it is not sent again at once.
        _ => failure.code == "connect",
    }
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

    fn about(name: &str) -> Subject<'_> {
        Subject {
            name,
            is_inline: true,
            is_listed: true,
            ..Subject::default()
        }
    }

    /// What each of these failures in turn amounts to, each about an image of its own.
    fn told(codes: &[&str]) -> Vec<Option<Streak>> {
        let mut streaks = Streaks::default();
        let tell = |(index, code): (usize, &&str)| {
            streaks.failed(
                &failure(Stage::Verification, code),
                &about(&index.to_string()),
                at(0),
            )
        };
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
            assert_eq!(
                streaks.failed(&failure(Stage::Recognition, "timeout"), &about(""), at(0)),
                None
            );
        }
        streaks.answered(Stage::Recognition);
        assert_eq!(
            streaks.failed(&failure(Stage::Recognition, "timeout"), &about(""), at(0)),
            None
        );
    }

    #[test]
    fn stages_have_rows_of_their_own() {
        let mut streaks = Streaks::default();
        for stage in [Stage::Storage, Stage::Recognition, Stage::Verification].repeat(9) {
            assert_eq!(
                streaks.failed(&failure(stage, "connect"), &about(""), at(0)),
                None
            );
        }
        assert_eq!(
            streaks.failed(&failure(Stage::Storage, "connect"), &about(""), at(0)),
            Some(Streak::Outage)
        );
    }

    #[test]
    fn five_different_images_that_are_refused_are_one_too_many() {
        let mut streaks = Streaks::default();
        let mut tell = |image: &str| {
            streaks.failed(
                &failure(Stage::Verification, "INVALID_ARGUMENT"),
                &about(image),
                at(0),
            )
        };
        assert_eq!(["a", "a", "b", "c", "a", "d"].map(&mut tell), [None; 6]);
        assert_eq!(tell("e"), Some(Streak::Refused));
    }

    #[test]
    fn only_the_gateways_own_bad_requests_count() {
        let gateway = |status| Failure {
            http_status: Some(status),
            ..failure(Stage::Recognition, "APIG.0201")
        };
        assert!(is_bad_request(&gateway(400)));
        assert!(!is_bad_request(&gateway(413)));
        assert!(!is_bad_request(&failure(Stage::Verification, "400")));
    }

    #[test]
    fn five_forbidden_keys_in_a_row_are_our_own_rights() {
        let mut streaks = Streaks::default();
        let mut tell = |code: &str, key: &str| {
            streaks.failed(&failure(Stage::Storage, code), &about(key), at(0))
        };
        for key in ["a", "b", "c", "d"] {
            assert_eq!(tell("AccessDenied", key), None);
        }
        assert_eq!(tell("NoSuchKey", "x"), None);
        assert_eq!(
            ["a", "b", "c", "d"].map(|key| tell("AccessDenied", key)),
            [None; 4]
        );
        assert_eq!(tell("AccessDenied", "e"), Some(Streak::Forbidden));
    }

    #[test]
    fn the_identity_check_has_to_fail_in_three_provinces_within_ten_minutes() {
        let mut streaks = Streaks::default();
        let mut tell = |province: &str, minute: i64| {
            let province = Province::of(province);
            let subject = Subject {
                province: province.as_ref(),
                ..about("")
            };
            streaks.failed(&failure(Stage::Verification, "318"), &subject, at(minute))
        };
        assert_eq!(
            [
                tell("河南", 0),
                tell("河南", 1),
                tell("浙江", 2),
                tell("", 3)
            ],
            [None; 4]
        );
        assert_eq!(tell("北京", 12), None, "Henan's is eleven minutes old");
        assert_eq!(tell("河南", 12), Some(Streak::Identity));
        streaks.answered(Stage::Verification);
        let beijing = Province::of("北京");
        let again = streaks.failed(
            &failure(Stage::Verification, "318"),
            &Subject {
                province: beijing.as_ref(),
                ..about("")
            },
            at(12),
        );
        assert_eq!(
            again,
            Some(Streak::Identity),
            "bills of other provinces may be answered meanwhile"
        );
    }

    /// How many of twenty such failures, each about a subject of its own, were one too many.
    fn too_many(stage: Stage, code: &str, subject: &Subject<'_>) -> usize {
        let mut streaks = Streaks::default();
        let failed = |index: i32| {
            streaks.failed(
                &failure(stage, code),
                &Subject {
                    name: &index.to_string(),
                    ..subject.clone()
                },
                at(0),
            )
        };
        (0..20).filter_map(failed).count()
    }

    #[test]
    fn what_a_job_brought_never_counts() {
        let brought = Subject {
            is_brought: true,
            ..about("")
        };
        for (stage, code) in [
            (Stage::Storage, "AccessDenied"),
            (Stage::Storage, "NeverHeardOf"),
            (Stage::Storage, "connect"),
            (Stage::Storage, "http.503"),
            (Stage::Recognition, "400"),
            (Stage::Recognition, "timeout"),
            (Stage::Verification, "INVALID_ARGUMENT"),
            (Stage::Verification, "http.502"),
        ] {
            assert_eq!(
                too_many(
                    stage,
                    code,
                    &Subject {
                        is_listed: code != "NeverHeardOf",
                        ..brought.clone()
                    }
                ),
                0,
                "{stage} {code}"
            );
        }
        assert_eq!(
            too_many(Stage::Verification, "connect", &brought),
            11,
            "nothing was sent: that is our network"
        );
        assert_eq!(
            too_many(
                Stage::Recognition,
                "400",
                &Subject {
                    is_inline: false,
                    ..about("")
                }
            ),
            0,
            "an address of ours"
        );
    }

    #[test]
    fn the_same_unknown_code_for_five_keys_is_one_too_many() {
        let unlisted = Subject {
            is_listed: false,
            ..about("")
        };
        assert_eq!(too_many(Stage::Storage, "NeverHeardOf", &unlisted), 16);
        assert_eq!(too_many(Stage::Storage, "request", &unlisted), 0);
        assert_eq!(
            too_many(Stage::Storage, "NoSuchKey", &about("")),
            0,
            "it is known"
        );
        let mut streaks = Streaks::default();
        let codes = ["A", "A", "A", "A", "B", "A", "A", "A", "A"];
        let told = codes.iter().enumerate().map(|(index, code)| {
            streaks.failed(
                &failure(Stage::Storage, code),
                &Subject {
                    name: &index.to_string(),
                    ..unlisted.clone()
                },
                at(0),
            )
        });
        assert_eq!(told.flatten().count(), 0, "another code comes between");
    }

    #[test]
    fn a_store_that_is_unwell_is_out_whatever_it_calls_it() {
        let slow = Failure {
            http_status: Some(503),
            ..failure(Stage::Storage, "SlowDown")
        };
        assert!(is_outage(&slow));
        assert!(!is_outage(&Failure {
            http_status: Some(500),
            ..failure(Stage::Verification, "INTERNAL_ERROR")
        }));
    }
}
