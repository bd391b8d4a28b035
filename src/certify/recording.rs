//! The recording of a certification: what each call was answered, redacted. The sandbox replays it.

use super::call::{CallCredentials, CertifyCall};
use super::observation::{CallObservation, says_expired};
use super::redact::{redacted, shown_code};
use crate::domain::failure::Billed;
use crate::domain::stage::Stage;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const SCHEMA: &str = "invoice.recording/1";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallRecording {
    pub schema: String,
    /// The version of the program that made the calls.
    pub version: String,
    pub calls: Vec<RecordedCall>,
}

/// One call. There is no name of a file, no address and no credential in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedCall {
    pub call: CertifyCall,
    /// Which picture it was about, from 0.
    pub picture: usize,
    pub picture_bytes: usize,
    pub credentials: CallCredentials,
    /// The answer's name in the error-code policy.
    pub code: String,
    pub billed: Billed,
    pub duration_ms: u64,
    /// `None`: no answer came.
    pub answer: Option<RecordedAnswer>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedAnswer {
    pub http_status: u16,
    pub content_type: Option<String>,
    pub seconds_ahead: Option<i64>,
    pub has_retry_after: bool,
    /// The length of the body.
    pub bytes: usize,
    pub is_strict: bool,
    /// Without what is personal or secret. `None`: there was no object in the body.
    pub object: Option<Value>,
}

/// Why a recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum RecordingProblem {
    #[error("it is no recording of `certify`: {0}")]
    NoRecording(#[from] serde_json::Error),
    #[error("its schema is {0:?}, and this version reads \"invoice.recording/1\"")]
    OtherSchema(String),
    #[error("it has no good answer of {0}: record it with credentials that are accepted")]
    NoGoodAnswer(Stage),
}

impl CallRecording {
    pub fn of(made: &[CallObservation]) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            calls: made.iter().map(RecordedCall::of).collect(),
        }
    }

    /// The recording as a file has it.
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        format!("{text}\n")
    }

    /// Reads what is to be replayed.
    ///
    /// # Errors
    /// [`RecordingProblem`].
    pub fn parse(text: &str) -> Result<Self, RecordingProblem> {
        let recording: Self = serde_json::from_str(text)?;
        if recording.schema != SCHEMA {
            return Err(RecordingProblem::OtherSchema(recording.schema));
        }
        for stage in [Stage::Recognition, Stage::Verification] {
            if recording.good(stage).next().is_none() {
                return Err(RecordingProblem::NoGoodAnswer(stage));
            }
        }
        Ok(recording)
    }

    /// The answers to calls about bills, made as the worker makes them: for verification also those
    /// in which the registry refused the bill.
    pub fn good(&self, stage: Stage) -> impl Iterator<Item = &RecordedCall> {
        self.calls.iter().filter(move |made| {
            let is_about_the_bill = match stage {
                Stage::Recognition => made.code == "200",
                _ => made.code == "OK" || made.code.parse::<u16>().is_ok(),
            };
            made.call.is_usual()
                && made.call.stage() == stage
                && is_about_the_bill
                && made
                    .answer
                    .as_ref()
                    .is_some_and(|answer| answer.object.is_some())
        })
    }

    /// The refusal that was recorded in the place of this one: of the same name, and for a signature
    /// with the same word about its time.
    pub fn refusal(&self, stage: Stage, code: &str, object: &Value) -> Option<&RecordedAnswer> {
        let of_this_name = self
            .calls
            .iter()
            .filter(|made| made.call.stage() == stage && made.code == code);
        let mut answers = of_this_name.filter_map(|made| made.answer.as_ref());
        answers.find(|answer| {
            let recorded = answer.object.as_ref();
            recorded.is_some_and(|recorded| says_expired(recorded) == says_expired(object))
        })
    }
}

impl RecordedCall {
    fn of(made: &CallObservation) -> Self {
        Self {
            call: made.planned.call,
            picture: made.planned.picture,
            picture_bytes: made.picture_bytes,
            credentials: made.credentials,
            code: shown_code(&made.code),
            billed: made.billed,
            duration_ms: u64::try_from(made.duration.as_millis()).unwrap_or(u64::MAX),
            answer: made.answer.as_ref().map(|answer| RecordedAnswer {
                http_status: answer.http_status,
                content_type: answer.content_type.clone(),
                seconds_ahead: answer.seconds_ahead,
                has_retry_after: answer.has_retry_after,
                bytes: answer.bytes,
                is_strict: answer.is_strict,
                object: answer.object.as_ref().map(redacted),
            }),
        }
    }
}
