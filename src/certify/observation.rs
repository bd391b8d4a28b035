//! What calls to the APIs showed, as values.

use super::call::{CallCredentials, CertifyCall, PlannedCall};
use super::plan::CertifyPlan;
use super::settings::CertifySettings;
use crate::domain::failure::Billed;
use crate::domain::stage::Stage;
use serde_json::Value;
use std::time::Duration;

/// One call that was made.
#[derive(Clone, Debug)]
pub struct CallObservation {
    pub planned: PlannedCall,
    pub credentials: CallCredentials,
    /// The name of the answer in the error-code policy.
    pub code: String,
    /// `None`: no answer came.
    pub answer: Option<ObservedAnswer>,
    pub billed: Billed,
    pub duration: Duration,
    /// Bytes of the picture that was sent.
    pub picture_bytes: usize,
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct ObservedAnswer {
    pub http_status: u16,
    pub content_type: Option<String>,
    /// The seconds by which the clock of the answer's `Date` is ahead of ours; `None` without a
    /// readable one.
    pub seconds_ahead: Option<i64>,
    pub has_retry_after: bool,
    /// The length of the body, as it travelled.
    pub bytes: usize,
    /// The object in the body.
    pub object: Option<Value>,
    /// The body was JSON as it stands. Otherwise it had to be mended to be read.
    pub is_strict: bool,
}

/// All that is known once the calls were made.
#[derive(Clone, Debug)]
pub struct Observations {
    pub settings: CertifySettings,
    pub made: Vec<CallObservation>,
    /// Calls that were not made, each with the reason.
    pub not_made: Vec<(PlannedCall, String)>,
}

impl CallObservation {
    pub fn call(&self) -> CertifyCall {
        self.planned.call
    }

    pub fn http_status(&self) -> Option<u16> {
        self.answer.as_ref().map(|answer| answer.http_status)
    }

    /// The object in the answer.
    pub fn object(&self) -> Option<&Value> {
        self.answer.as_ref()?.object.as_ref()
    }

    pub fn field(&self, name: &str) -> Option<&Value> {
        self.object()?.get(name)
    }

    /// The answer, in few words: `APIG.0303 (HTTP 401)`.
    pub fn told(&self) -> String {
        match self.http_status() {
            Some(status) => format!("{} (HTTP {status})", self.code),
            None => self.code.clone(),
        }
    }

    /// The provider looked at the picture and answered about it: for verification, also where the
    /// registry refused the bill.
    pub fn is_about_the_picture(&self) -> bool {
        match self.planned.call.stage() {
            Stage::Recognition => self.code == "200",
            _ => self.code == "OK" || self.code.parse::<u16>().is_ok(),
        }
    }

    /// Refused because of the credentials.
    pub fn is_refused_access(&self) -> bool {
        match self.planned.call.stage() {
            Stage::Recognition => {
                let code = &self.code;
                code.starts_with("APIG.03") && code != "APIG.0308"
                    || code.starts_with("APIG.04")
                    || code == "APIG.1009"
                    || matches!(code.as_str(), "http.401" | "http.403")
            }
            _ => matches!(
                self.code.as_str(),
                "UNAUTHORIZED" | "KEY_EXPIRED" | "NO_PERMISSION" | "http.401" | "http.403"
            ),
        }
    }

    /// Refused because calls came too fast.
    pub fn is_throttled(&self) -> bool {
        matches!(
            self.code.as_str(),
            "APIG.0308" | "RATE_LIMIT_EXCEEDED" | "http.429"
        )
    }

    /// Refused because of the time at which it was signed.
    pub fn is_expired(&self) -> bool {
        self.is_refused_access() && self.object().is_some_and(says_expired)
    }
}

/// Whether any text of the answer says so, whatever its name.
pub(super) fn says_expired(object: &Value) -> bool {
    let mut texts = object
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.values());
    texts.any(|text| {
        let text = text.as_str().unwrap_or_default();
        text.to_ascii_lowercase().contains("expired")
    })
}

impl Observations {
    /// Nothing was called yet.
    pub fn new(settings: CertifySettings, plan: &CertifyPlan) -> Self {
        let left_out = plan.left_out.iter().map(|(call, spend)| {
            let reason = format!("not asked; --spend {spend} includes the call");
            (*call, reason)
        });
        Self {
            settings,
            made: Vec::new(),
            not_made: left_out.collect(),
        }
    }

    /// The call of this kind about the first picture; the last one, where it was made again.
    pub fn of(&self, call: CertifyCall) -> Option<&CallObservation> {
        let wanted = PlannedCall::of(call);
        self.made.iter().rfind(|made| made.planned == wanted)
    }

    pub fn at(&self, stage: Stage) -> impl Iterator<Item = &CallObservation> {
        let is_of = move |made: &&CallObservation| made.call().stage() == stage;
        self.made.iter().filter(is_of)
    }

    /// Why there is nothing to see of a call of this kind.
    pub fn why_not(&self, call: CertifyCall) -> String {
        if let Some(made) = self.of(call) {
            return format!("{call} was answered {}", made.told());
        }
        let reason = self
            .not_made
            .iter()
            .find(|(planned, _)| planned.call == call);
        reason.map_or_else(
            || "no such call with these settings".to_owned(),
            |(_, reason)| reason.clone(),
        )
    }

    /// The answers about pictures of bills.
    pub fn answers(&self, stage: Stage) -> impl Iterator<Item = &CallObservation> {
        self.at(stage)
            .filter(|made| made.is_about_the_picture() && !made.call().is_free())
    }
}
