//! One event of the ledger: what a turn of a job did, bought and found. JSON, `invoice.ledger/1`.
//!
//! No patient data and no amounts of bills are in it. Its id, and the id of each call, follow from
//! its content, so that a consumer recognises a duplicate by its id.

use crate::domain::account::AccountName;
use crate::domain::failure::{Billed, Stage};
use crate::domain::result::{CallRecord, Status, Verdict};
use crate::settings::tariff::Currency;
use jiff::Timestamp;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

pub(super) const SCHEMA: &str = "invoice.ledger/1";
/// The code of a call that a worker may have made before it died.
pub const LOST: &str = "worker.lost";
const EVENT_ID_BYTES: usize = 16;
const CALL_ID_BYTES: usize = 8;

/// The event at the end of a turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerEvent {
    #[schemars(extend("const" = SCHEMA))]
    pub schema: String,
    /// An event that is told twice has the same one.
    pub id: String,
    /// The end of the turn.
    pub at: Timestamp,
    pub run: String,
    /// The turns that the run had before this one; a lost one is not counted.
    pub turn: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitter: Option<String>,
    pub ending: Ending,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StageCode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<Wait>,
    /// The broker had handed this message out before.
    #[serde(default, skip_serializing_if = "is_false")]
    pub redelivered: bool,
    /// The calls since the run's last event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<LedgerCall>,
    /// Calls that were made and are listed nowhere: a job keeps its last fifty.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub calls_left_out: u32,
    /// The turn in which the calls with the code `worker.lost` may have been made. The first of them
    /// was not, where an event tells of that turn whose delivery was not `redelivered`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_turn: Option<u32>,
    /// Answers that another run had paid for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hits: Vec<Hit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub province: Option<String>,
    /// The job's metadata under the keys of `ledger.metadata_keys`, in clear.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// A keyed hash: two events about one bill have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<String>,
    pub first_seen: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Answered,
    /// The run had been answered: the same bytes were published again.
    Replayed,
    Parked,
    /// Another copy of the run was answered.
    Dropped,
}

impl Ending {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Replayed => "replayed",
            Self::Parked => "parked",
            Self::Dropped => "dropped",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageCode {
    pub stage: Stage,
    pub code: String,
}

/// Why a parked job waits, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wait {
    pub stage: Stage,
    pub code: String,
    /// The reason in the words of the policy.
    pub reason: String,
    pub until: Timestamp,
    /// No attempt is started after it: as far as it was known when the job was parked, since time in
    /// which a stage is paused moves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerCall {
    /// A call that is told twice has the same one.
    pub id: String,
    pub account: AccountName,
    pub code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    pub billed: Billed,
    /// What it costs if it is billed; absent where the account has no price for that day.
    #[serde(flatten)]
    pub price: Option<CallPrice>,
    pub at: Timestamp,
    pub duration_ms: u64,
}

/// An answer that need not be bought, and what a call would have cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hit {
    pub account: AccountName,
    #[serde(flatten)]
    pub saved: Option<CallPrice>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallPrice {
    /// An exact amount, such as `0.25`.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    #[schemars(with = "String", regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))]
    pub price: Decimal,
    pub currency: Currency,
}

impl LedgerCall {
    /// Whether a worker may have made it before it died, and it is not known whether it did.
    pub fn is_lost(&self) -> bool {
        self.code == LOST
    }
}

impl LedgerEvent {
    /// The event with the id that follows from what it says, whenever it is said.
    pub(super) fn identified(mut self) -> Self {
        let status = self.status.map_or("", Status::as_str);
        let until = self.parked.as_ref().map(|wait| wait.until.to_string());
        let (turn, ending) = (self.turn.to_string(), format!("{:?}", self.ending));
        let until = until.unwrap_or_default();
        let says = [&self.run, &turn, &ending, status, &until];
        let calls = self.calls.iter().map(|call| call.id.as_str());
        self.id = id(says.into_iter().chain(calls), EVENT_ID_BYTES);
        self
    }
}

/// The id of a call that was made for this run: the same in each event that tells of it.
pub fn call_id(run: &str, call: &CallRecord) -> String {
    let request_id = call.request_id.as_deref().unwrap_or_default();
    let at = call.at.to_string();
    let says = [run, call.stage.as_str(), &call.code, &at, request_id];
    id(says.into_iter(), CALL_ID_BYTES)
}

/// The id of a call that may have been made in a lost turn: its worker's death before this delivery
/// is the one of this number.
pub(super) fn lost_id(run: &str, turn: u32, death: u32) -> String {
    let (turn, death) = (turn.to_string(), death.to_string());
    id([run, LOST, &turn, &death].into_iter(), CALL_ID_BYTES)
}

fn id<'a>(says: impl Iterator<Item = &'a str>, bytes: usize) -> String {
    let mut hash = Sha256::new();
    for word in says {
        hash.update((word.len() as u64).to_be_bytes());
        hash.update(word);
    }
    hex::encode(&hash.finalize()[..bytes])
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

fn as_text<S: Serializer>(price: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(price)
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let text = String::deserialize(deserializer)?;
    Decimal::from_str_exact(&text).map_err(serde::de::Error::custom)
}
