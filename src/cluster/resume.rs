//! The control message with which an operator ends pauses and opens closed scopes on all workers of
//! a fleet, and which of them a worker carries out.
//!
//! The seal shows that it was written with the fleet's key, and not when: a client that can read
//! the exchange could send it again, days later. So each has an id, and is carried out once, and
//! only within [`LONGEST_AWAY`] of the time at which it was sent. A worker that has just started
//! remembers no ids, which is why that time is short.

use crate::cluster::peers::MAX_ID_BYTES;
use crate::domain::account::AccountName;
use crate::domain::province;
use crate::domain::scope::{Province, Scope};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt;

pub const KIND: &str = "invoice.resume";
const VERSION: u32 = 1;
/// A longer message is none of ours.
pub const MAX_BYTES: usize = 4 << 10;
/// One sent this long before or after now is refused.
pub const LONGEST_AWAY: SignedDuration = SignedDuration::from_mins(5);
/// The ids that are remembered. Beyond them further messages are refused, rather than an id
/// forgotten that may be used again.
const MAX_REMEMBERED: usize = 1_000;

/// The scopes that an operator opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResumeTarget {
    /// Every pause, and whatever is closed.
    All,
    /// The pause of an account, and its closed backend.
    Stage(AccountName),
    Province(Province),
    /// Whatever was read as a province and is none: no label shows such names.
    OtherProvinces,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    v: u32,
    pub id: String,
    pub fleet: String,
    /// Milliseconds since the epoch, by the clock of the operator's machine.
    pub sent_at_ms: i64,
    /// The operator, as the log names them.
    pub by: String,
    pub what: ResumeTarget,
}

/// A worker's answer, which its heartbeats carry for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeReport {
    pub id: String,
    /// How many pauses and closed scopes it ended.
    pub opened: u32,
    /// How many workers it knew to be alive.
    pub alive: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeAdmission {
    Accepted,
    /// It was carried out before.
    Repeated,
    /// It was sent at another time than now.
    OutOfTime,
    OtherFleet,
    TooMany,
}

/// The messages that this worker has carried out.
#[derive(Clone, Debug)]
pub struct ResumeRegister {
    fleet: String,
    /// Each id, and until when a repetition would be in time.
    known: VecDeque<(String, Timestamp)>,
}

impl ResumeTarget {
    /// Reads `all`, a stage, a province in any spelling, or `other`.
    pub fn parse(text: &str) -> Option<Self> {
        let stages = [
            AccountName::RECOGNITION,
            AccountName::VERIFICATION,
            AccountName::STORAGE,
        ];
        let stage = stages.into_iter().find(|stage| stage.as_str() == text);
        match (text, stage) {
            ("all", _) => Some(Self::All),
            ("other", _) => Some(Self::OtherProvinces),
            (_, Some(stage)) => Some(Self::Stage(stage)),
            _ => province::known(text)
                .and_then(Province::of)
                .map(Self::Province),
        }
    }

    pub fn includes(&self, scope: &Scope) -> bool {
        match (self, scope) {
            (Self::All, _) => true,
            (Self::Stage(stage), Scope::Pause(account) | Scope::Account(account)) => {
                stage == account
            }
            (Self::Province(named), Scope::Province(province)) => named == province,
            (Self::OtherProvinces, Scope::Province(province)) => {
                !province::is_known(province.name())
            }
            _ => false,
        }
    }

    fn is_sound(&self) -> bool {
        match self {
            Self::Province(province) => province::is_known(province.name()),
            Self::All | Self::Stage(_) | Self::OtherProvinces => true,
        }
    }
}

impl fmt::Display for ResumeTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("everything"),
            Self::Stage(stage) => write!(formatter, "{stage}"),
            Self::Province(province) => write!(formatter, "province {}", province.label()),
            Self::OtherProvinces => formatter.write_str("provinces of no known name"),
        }
    }
}

impl Resume {
    pub fn new(id: String, fleet: String, by: &str, what: ResumeTarget, now: Timestamp) -> Self {
        Self {
            v: VERSION,
            id,
            fleet,
            sent_at_ms: now.as_millisecond(),
            by: operator(by),
            what,
        }
    }

    pub fn to_json(&self) -> Vec<u8> {
        // Serialising text and numbers cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads one that this program could have written.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let resume: Self = (bytes.len() <= MAX_BYTES)
            .then(|| serde_json::from_slice(bytes).ok())
            .flatten()?;
        let is_sound = resume.v == VERSION
            && is_id(&resume.id)
            && is_id(&resume.fleet)
            && resume.by == operator(&resume.by)
            && resume.what.is_sound();
        is_sound.then_some(resume)
    }

    fn sent_at(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.sent_at_ms).ok()
    }
}

impl ResumeReport {
    /// Whether a worker could have written it.
    pub fn is_sound(&self) -> bool {
        is_id(&self.id)
    }
}

impl ResumeRegister {
    pub fn new(fleet: String) -> Self {
        Self {
            fleet,
            known: VecDeque::new(),
        }
    }

    /// Decides whether a message with a valid seal is carried out, and remembers its id.
    pub fn admit(&mut self, resume: &Resume, now: Timestamp) -> ResumeAdmission {
        if resume.fleet != self.fleet {
            return ResumeAdmission::OtherFleet;
        }
        let sent = resume
            .sent_at()
            .filter(|sent| now.duration_since(*sent).abs() <= LONGEST_AWAY);
        let Some(sent) = sent else {
            return ResumeAdmission::OutOfTime;
        };
        self.known.retain(|(_, until)| *until >= now);
        if self.known.iter().any(|(id, _)| *id == resume.id) {
            return ResumeAdmission::Repeated;
        }
        if self.known.len() >= MAX_REMEMBERED {
            return ResumeAdmission::TooMany;
        }
        let until = sent.saturating_add(LONGEST_AWAY).unwrap_or(Timestamp::MAX);
        self.known.push_back((resume.id.clone(), until));
        ResumeAdmission::Accepted
    }
}

/// The operator's name without what could deceive a reader of the log.
fn operator(by: &str) -> String {
    let plain = by
        .chars()
        .filter(char::is_ascii_graphic)
        .take(MAX_ID_BYTES)
        .collect::<String>();
    if plain.is_empty() {
        "unknown".to_owned()
    } else {
        plain
    }
}

fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric();
    !text.is_empty() && text.len() <= MAX_ID_BYTES && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scope::BillId;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn resume(id: &str, sent: i64) -> Resume {
        Resume::new(
            id.into(),
            "fleet".into(),
            "me@here",
            ResumeTarget::All,
            at(sent),
        )
    }

    #[test]
    fn a_target_is_all_a_stage_or_a_province_and_opens_nothing_else() {
        let province = |name: &str| Scope::Province(Province::of(name).unwrap());
        let bill = || Scope::Bill(BillId::of(None, None, "image"));
        let scopes = || {
            [
                Scope::Pause(AccountName::RECOGNITION),
                Scope::Pause(AccountName::VERIFICATION),
                Scope::Account(AccountName::VERIFICATION),
                province("河南"),
                province("北京"),
                province("Utopia"),
                bill(),
            ]
        };
        for (text, included) in [
            ("all", &[0, 1, 2, 3, 4, 5, 6][..]),
            ("recognition", &[0]),
            ("verification", &[1, 2]),
            ("storage", &[]),
            ("河南省", &[3]),
            ("Henan", &[3]),
            ("410000", &[3]),
            ("beijing", &[4]),
            ("other", &[5]),
        ] {
            let target = ResumeTarget::parse(text).unwrap();
            let found: Vec<usize> = scopes()
                .iter()
                .enumerate()
                .filter(|(_, scope)| target.includes(scope))
                .map(|(index, _)| index)
                .collect();
            assert_eq!(found, included, "{text}");
        }
        for text in ["", "ALL", "everything", "Verification", "Utopia", "316"] {
            assert_eq!(ResumeTarget::parse(text), None, "{text}");
        }
    }

    #[test]
    fn each_is_carried_out_once_and_within_minutes_of_when_it_was_sent() {
        use ResumeAdmission::{Accepted, OtherFleet, OutOfTime, Repeated};
        let mut register = ResumeRegister::new("fleet".into());
        for (id, sent, now, expected) in [
            ("a", 0, 0, Accepted),
            ("a", 0, 1, Repeated),
            ("b", 0, 300, Accepted),
            ("a", 0, 300, Repeated),
            ("a", 0, 301, OutOfTime),
            ("c", 700, 400, Accepted),
            ("c", 700, 1_000, Repeated),
            ("d", 1_301, 1_000, OutOfTime),
            ("a", 1_000, 1_000, Accepted),
        ] {
            let admission = register.admit(&resume(id, sent), at(now));
            assert_eq!(admission, expected, "{id} {sent} {now}");
        }
        let mut never = resume("e", 0);
        never.sent_at_ms = i64::MAX;
        assert_eq!(register.admit(&never, at(1_000)), OutOfTime);
        let foreign = Resume {
            fleet: "other".into(),
            ..resume("f", 1_000)
        };
        assert_eq!(register.admit(&foreign, at(1_000)), OtherFleet);
    }

    #[test]
    fn ids_are_never_forgotten_while_they_could_be_used_again() {
        let mut register = ResumeRegister::new("fleet".into());
        for number in 0..MAX_REMEMBERED {
            let admission = register.admit(&resume(&number.to_string(), 0), at(0));
            assert_eq!(admission, ResumeAdmission::Accepted);
        }
        let more = resume("more", 0);
        assert_eq!(register.admit(&more, at(0)), ResumeAdmission::TooMany);
        assert_eq!(
            register.admit(&resume("0", 0), at(0)),
            ResumeAdmission::Repeated
        );
        let later = resume("later", 301);
        assert_eq!(register.admit(&later, at(301)), ResumeAdmission::Accepted);
    }

    #[test]
    fn what_this_program_would_not_write_is_no_resume() {
        let sound = Resume {
            what: ResumeTarget::parse("河南").unwrap(),
            ..resume("a", 0)
        };
        assert_eq!(Resume::parse(&sound.to_json()), Some(sound.clone()));
        let changed = |name: &str, value: Value| {
            let mut fields = serde_json::to_value(&sound).unwrap();
            fields[name] = value;
            fields.to_string()
        };
        for text in [
            String::new(),
            "null".into(),
            changed("v", json!(2)),
            changed("id", json!("")),
            changed("id", json!("a\u{1b}[2J")),
            changed("id", json!("x".repeat(65))),
            changed("fleet", json!(7)),
            changed("by", json!("me\nlevel=error")),
            changed("by", json!("x".repeat(65))),
            changed("what", json!("nothing")),
            changed("what", json!({ "province": "Utopia" })),
            changed("what", json!({ "stage": "Recognition!" })),
            changed("more", json!("x".repeat(MAX_BYTES))),
        ] {
            assert_eq!(Resume::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn an_operator_is_named_without_control_characters() {
        for (by, named) in [
            ("ops@host-1", "ops@host-1"),
            ("\u{1b}[2J\n", "[2J"),
            ("", "unknown"),
            ("张三", "unknown"),
        ] {
            let made = Resume::new("a".into(), "f".into(), by, ResumeTarget::All, at(0));
            assert_eq!(made.by, named);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Resume::parse(&bytes);
        }
    }
}
