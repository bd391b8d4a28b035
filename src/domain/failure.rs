//! One failed step, under one flat code per answer. The policy decides what it means.

pub use super::stage::Stage;

use super::account::VendorName;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Longer codes and messages are truncated: both come from other systems and travel in headers,
/// results and logs.
pub const MAX_CODE_BYTES: usize = 64;
pub const MAX_MESSAGE_BYTES: usize = 500;

/// The code of a connection that could not be made.
pub const CONNECT: &str = "connect";

/// Whether a call was paid for. It is not known where the answer never arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Billed {
    Yes,
    No,
    Unknown,
}

impl Billed {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// One failed step. `message` is fit to be published and logged: the edge that made it took out
/// what is personal or secret. Texts are boxed: failures are results of most functions, and are to
/// stay small.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub stage: Stage,
    /// The vendor whose code it is: the stage's usual one, unless the call was made with the account of
    /// another.
    pub vendor: VendorName,
    pub code: String,
    pub message: Box<str>,
    pub http_status: Option<u16>,
    pub request_id: Option<Box<str>>,
    /// Verification: did the provider find the QR code in the picture?
    pub qr_code_found: Option<bool>,
    /// Recognition answered success, yet read none of the fields that identify a bill.
    pub nothing_read: bool,
    pub retry_after: Option<Duration>,
    /// The answer's `Date` header: the gateway's clock.
    pub server_time: Option<Timestamp>,
}

impl Failure {
    /// Why a connection could not be made, in our own words: no answer can have this code. `None`
    /// for any other failure, whose message may be a provider's.
    pub fn connection_cause(&self) -> Option<&str> {
        (self.code == CONNECT).then_some(&*self.message)
    }

    pub fn new(stage: Stage, code: impl AsRef<str>, message: impl AsRef<str>) -> Self {
        Self {
            stage,
            vendor: VendorName::usual(stage),
            code: cut(code.as_ref(), MAX_CODE_BYTES).to_owned(),
            message: cut(message.as_ref(), MAX_MESSAGE_BYTES).into(),
            http_status: None,
            request_id: None,
            qr_code_found: None,
            nothing_read: false,
            retry_after: None,
            server_time: None,
        }
    }

    /// The same failure under the code table of the vendor whose answer it is.
    #[must_use]
    pub fn of_vendor(self, vendor: VendorName) -> Self {
        Self { vendor, ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}: {}", self.stage, self.code, self.message)
    }
}

/// The longest prefix of at most `max` bytes that ends between characters.
pub fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}
