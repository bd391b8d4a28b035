//! What can be closed: an account, for this worker or for all, a province, a bill.

use crate::domain::account::AccountName;
use crate::domain::{province, spelling};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

const HASH_BYTES: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// This worker's keys for the account, its configuration or its network: it gets no job past
    /// the account's stage, so it consumes nothing. It is this worker's own affair, so no heartbeat
    /// carries it.
    #[serde(skip)]
    Pause(AccountName),
    /// The backend behind the account: all calls with it wait.
    #[serde(rename = "stage")]
    Account(AccountName),
    Province(Province),
    Bill(BillId),
}

/// One of the registries' provinces; a name that is none is only known by its hash, because who
/// knows what was read there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Province(String);

/// A bill that may be told to others: a hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BillId(String);

impl Scope {
    /// Could it have been written by this program? Others' messages are not trusted blindly.
    pub fn is_sound(&self) -> bool {
        match self {
            Self::Pause(_) => false,
            // Whether this worker has the account is not known here.
            Self::Account(_) => true,
            Self::Province(Province(name)) => province::is_known(name) || is_hash(name),
            Self::Bill(BillId(hash)) => is_hash(hash),
        }
    }

    pub fn is_pause(&self) -> bool {
        matches!(self, Self::Pause(_))
    }
}

/// Writes the scope for people; bills have no name.
impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pause(account) | Self::Account(account) => write!(formatter, "{account}"),
            Self::Province(province) => write!(formatter, "province {}", province.label()),
            Self::Bill(_) => formatter.write_str("a bill"),
        }
    }
}

impl Province {
    /// In every spelling of [`province::known`]. `None` for what is no name, or could not be
    /// decoded.
    pub fn of(read: &str) -> Option<Self> {
        if let Some(known) = province::known(read) {
            return Some(Self(known.to_owned()));
        }
        let bare = spelling::name(&province::bare(read))?;
        Some(Self(hash(&["province", &bare])))
    }

    /// The registries' spelling, or a hash of a name that is none of theirs.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Its name where it is one of the registries', so that a label can be no stranger's text.
    pub fn label(&self) -> &str {
        if province::is_known(&self.0) {
            &self.0
        } else {
            "other"
        }
    }
}

impl BillId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Province and note number, however it was written; where one of them was not read whole, the
    /// image.
    pub fn of(province: Option<&Province>, note_no: Option<&str>, image: &str) -> Self {
        match (province, note_no.and_then(spelling::number)) {
            (Some(Province(province)), Some(number)) => Self(hash(&["bill", province, &number])),
            _ => Self(hash(&["image", image])),
        }
    }
}

fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..HASH_BYTES])
}

fn is_hash(text: &str) -> bool {
    text.len() == 2 * HASH_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_province_is_known_by_its_bare_name() {
        for (read, name) in [
            ("河南", "河南"),
            (" 河南省 ", "河南"),
            ("北京市", "北京"),
            ("内蒙古自治区", "内蒙古"),
            ("广西壮族自治区", "广西"),
            ("新疆维吾尔自治区", "新疆"),
            ("新疆生产建设兵团", "新疆生产建设兵团"),
            ("香港特别行政区", "香港"),
        ] {
            assert_eq!(Province::of(read).unwrap().label(), name, "{read}");
        }
        assert_eq!(Province::of("河南省"), Province::of("河南"));
        for nothing in ["", "  ", "省", "\u{fffd}\u{fffd}", "河\u{fffd}省"] {
            assert_eq!(Province::of(nothing), None);
        }
    }

    #[test]
    fn a_name_that_is_no_province_is_shown_in_no_label() {
        let misread = Province::of("张三").unwrap();
        assert_eq!(misread.label(), "other");
        assert!(!format!("{misread:?}").contains("张三"));
        assert_eq!(Some(misread), Province::of("张三省"));
    }

    #[test]
    fn a_bill_is_its_province_and_number_or_else_its_image() {
        let henan = Province::of("河南");
        let bill = |province, note_no, image| BillId::of(province, note_no, image);
        assert_eq!(
            bill(henan.as_ref(), Some("01"), "a"),
            bill(henan.as_ref(), Some("01"), "b")
        );
        let henan_too = Province::of("Henan Province");
        assert_eq!(
            bill(henan.as_ref(), Some("01"), "a"),
            bill(henan_too.as_ref(), Some("No. １"), "b")
        );
        assert_ne!(
            bill(henan.as_ref(), Some("1\u{fffd}"), "a"),
            bill(henan.as_ref(), Some("1\u{fffd}"), "b"),
            "not read whole"
        );
        let hebei = Province::of("河北");
        assert_ne!(
            bill(henan.as_ref(), Some("01"), "a"),
            bill(hebei.as_ref(), Some("01"), "a")
        );
        assert_ne!(
            bill(henan.as_ref(), None, "a"),
            bill(henan.as_ref(), None, "b")
        );
        assert_eq!(bill(None, Some("01"), "a"), bill(None, Some("02"), "a"));
    }

    #[test]
    fn a_scope_that_no_worker_would_write_is_refused() {
        for text in [r#"{"province":"张三"}"#, r#"{"bill":"x"}"#] {
            assert!(
                !serde_json::from_str::<Scope>(text).unwrap().is_sound(),
                "{text}"
            );
        }
        for place in [
            Scope::Account(AccountName::STORAGE),
            Scope::Province(Province::of("河南").unwrap()),
            Scope::Bill(BillId::of(None, None, "i")),
        ] {
            let text = serde_json::to_string(&place).unwrap();
            let back: Scope = serde_json::from_str(&text).unwrap();
            assert!(back.is_sound() && back == place, "{text}");
        }
    }

    #[test]
    fn a_pause_is_neither_sent_nor_accepted() {
        assert!(serde_json::to_string(&Scope::Pause(AccountName::STORAGE)).is_err());
        assert!(serde_json::from_str::<Scope>(r#"{"pause":"storage"}"#).is_err());
    }
}
