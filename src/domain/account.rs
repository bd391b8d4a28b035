//! Whose account a call is made with. Behind a stage's question there may be several: each has its
//! own credentials, its own quota and its own vendor's codes.

use super::stage::Stage;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Longer names would not fit into a line of the log.
const MAX_NAME_BYTES: usize = 24;

/// The name of an account: that of its section in the configuration. Limits, breaker and metrics
/// are kept by it. Cheap to copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName {
    /// Filled up with zeros.
    bytes: [u8; MAX_NAME_BYTES],
}

/// The vendor of an API: its code table says what the codes of its answers mean. The name is that
/// of its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VendorName(&'static str);

/// An account: its name, the question that it answers, and whose API it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountId {
    pub name: AccountName,
    pub stage: Stage,
    pub vendor: VendorName,
}

impl AccountName {
    pub const RECOGNITION: Self = Self::from_literal("recognition");
    pub const VERIFICATION: Self = Self::from_literal("verification");
    /// The store has one account as well.
    pub const STORAGE: Self = Self::from_literal("storage");

    /// `None` for what cannot be the name of a section: it begins with a lower-case letter, and
    /// goes on with such letters, digits, `_` and `-`, up to 24 in all.
    pub fn parse(name: &str) -> Option<Self> {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        let is_name = name.len() <= MAX_NAME_BYTES
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(is_plain);
        is_name.then(|| Self::from_literal(name))
    }

    /// The name has been checked, or is one of ours.
    const fn from_literal(name: &str) -> Self {
        let (name, mut bytes, mut index) = (name.as_bytes(), [0; MAX_NAME_BYTES], 0);
        while index < name.len() {
            bytes[index] = name[index];
            index += 1;
        }
        Self { bytes }
    }

    pub fn as_str(&self) -> &str {
        let end = self.bytes.iter().position(|byte| *byte == 0);
        let name = &self.bytes[..end.unwrap_or(MAX_NAME_BYTES)];
        // Always text: nothing but ASCII is taken.
        std::str::from_utf8(name).unwrap_or_default()
    }
}

impl VendorName {
    pub const HUAWEI: Self = Self::new("huawei");
    pub const DEEPFINCH: Self = Self::new("deepfinch");
    pub const S3: Self = Self::new("s3");
    /// The worker's own codes, of stages that call nothing.
    pub const WORKER: Self = Self::new("worker");

    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The vendor whose codes `config/error-codes.toml` has for this stage.
    pub const fn usual(stage: Stage) -> Self {
        match stage {
            Stage::Recognition => Self::HUAWEI,
            Stage::Verification => Self::DEEPFINCH,
            Stage::Storage => Self::S3,
            Stage::Job | Stage::Image | Stage::Worker => Self::WORKER,
        }
    }

    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl AccountId {
    /// `[recognition]` of the configuration.
    pub const RECOGNITION: Self = Self::usual(AccountName::RECOGNITION, Stage::Recognition);
    /// `[verification]` of the configuration.
    pub const VERIFICATION: Self = Self::usual(AccountName::VERIFICATION, Stage::Verification);
    /// `[storage]` of the configuration.
    pub const STORAGE: Self = Self::usual(AccountName::STORAGE, Stage::Storage);

    const fn usual(name: AccountName, stage: Stage) -> Self {
        Self {
            name,
            stage,
            vendor: VendorName::usual(stage),
        }
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

impl fmt::Display for VendorName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl JsonSchema for AccountName {
    fn schema_name() -> Cow<'static, str> {
        "AccountName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,23}$"})
    }
}

impl Serialize for AccountName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AccountName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom("not the name of an account"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_accounts_are_called_as_their_stages_are() {
        for (account, stage) in [
            (AccountId::RECOGNITION, Stage::Recognition),
            (AccountId::VERIFICATION, Stage::Verification),
            (AccountId::STORAGE, Stage::Storage),
        ] {
            assert_eq!(account.name.as_str(), stage.as_str());
            assert_eq!(
                serde_json::to_string(&account.name).unwrap(),
                serde_json::to_string(&stage).unwrap(),
                "heartbeats of workers of the version before carry stages"
            );
            assert_eq!(AccountName::parse(stage.as_str()), Some(account.name));
        }
    }

    #[test]
    fn a_name_is_a_short_plain_word() {
        for name in ["a", "second-recognition", "r2_d2", &"x".repeat(24)] {
            assert_eq!(AccountName::parse(name).unwrap().to_string(), name);
        }
        for name in [
            "",
            "2nd",
            "Recognition",
            "a b",
            "名",
            "a\0",
            &"x".repeat(25),
        ] {
            assert_eq!(AccountName::parse(name), None, "{name}");
        }
    }
}
