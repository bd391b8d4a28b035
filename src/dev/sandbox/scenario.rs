//! The script of a sandbox: credentials, rates and latencies, and the faults it answers with.
//!
//! Built in code, or read from a TOML file; `tests/data/scenarios/example.toml` shows every key.
//!
//! | section | keys |
//! | --- | --- |
//! | (top) | `seed`, `pictures_apart`, `bills_apart`, `deviations` |
//! | `[recognition]` | `rate_per_second`, `burst`, `latency`, `jitter`, `app_key`, `app_secret`, `app_code`; for rotation `previous_app_key`, `previous_app_secret`, `previous_app_code` |
//! | `[verification]` | `rate_per_second`, `burst`, `latency`, `jitter`, `api_id`, `api_secret`; for rotation `previous_api_id`, `previous_api_secret` |
//! | `[storage]` | `latency`, `jitter`, `access_key_id`, `secret_access_key`, `versions`, `part_etags`; for rotation `previous_access_key_id`, `previous_secret_access_key` |
//! | `[[fault]]` | the language of [`crate::dev::scenario`] |

use super::deviation::Deviations;
use super::{codes, samples};
use crate::certify::CallRecording;
use crate::dev::scenario::{Fault, ScriptedAnswer, Unplayable, WireFault, WrittenFault, fits};
use crate::domain::failure::Stage;
use crate::settings::file::read_file;
use crate::settings::located::{FileError, Problem, Source, check};
use crate::settings::secret::Secret;
use crate::settings::units::Span;
use serde::{Deserialize, Deserializer};
use std::path::Path;
use std::time::Duration;

/// The operations on the store that a fault can be aimed at; `fetch` is a `get` by a presigned
/// address.
const OPERATIONS: [&str; 6] = ["get", "fetch", "head", "put", "delete", "list"];

const UNPLAYABLE: Unplayable = Unplayable {
    keys: &[
        (
            "job",
            "is for policy scenarios; the sandbox sees pictures: write `sample` or `note_no`",
        ),
        (
            "image",
            "is for policy scenarios; the sandbox sees pictures: write `sample` or `note_no`",
        ),
    ],
    answer: without_a_server,
};

fn without_a_server(stage: Stage, fault: WireFault) -> Option<&'static str> {
    match fault {
        WireFault::Connect => Some(
            "is for policy scenarios: when the sandbox sees a call the connection is there; write \"closed\"",
        ),
        WireFault::Malformed if stage == Stage::Storage => {
            Some("is an answer of the two providers; write \"garbage\"")
        }
        WireFault::Timeout
        | WireFault::Closed
        | WireFault::Reset
        | WireFault::Truncated
        | WireFault::Malformed
        | WireFault::Garbage
        | WireFault::Oversize
        | WireFault::Slow => None,
    }
}

#[derive(Clone, Debug, Default)]
pub struct SandboxScenario {
    /// Decides every probability and jitter.
    pub seed: u64,
    /// Two pictures of the same sample are two subjects, named by their SHA-256: their calls are
    /// counted, and their faults drawn, apart.
    pub pictures_apart: bool,
    /// Each picture shows a bill of its own, with another number than the sample's.
    pub bills_apart: bool,
    pub recognition: SandboxRecognition,
    pub verification: SandboxVerification,
    pub storage: SandboxStorage,
    /// The first that fits answers.
    pub faults: Vec<Fault>,
    /// Differences from the documents; none otherwise.
    pub deviations: Deviations,
    /// Answers about bills, in the place of the samples'.
    pub replay: Option<CallRecording>,
}

impl SandboxScenario {
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let text = read_file(path).map_err(FileError::Unreadable)?;
        Self::parse(&text, &path.display().to_string())
    }

    /// `file` is what the text is called in an error.
    pub fn parse(text: &str, file: &str) -> Result<Self, FileError> {
        let source = Source::new(text, file);
        let scenario = source.parse().and_then(WrittenSandbox::lift);
        scenario.map_err(|problem| source.error(problem))
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxRecognition {
    /// Calls answered in any one second; the next are refused. 0: no limit.
    pub rate_per_second: u32,
    /// 0: the rate holds for any one second. Otherwise for the long run, and so many calls may come
    /// at once.
    pub burst: u32,
    /// Before every answer.
    #[serde(deserialize_with = "duration")]
    pub latency: Duration,
    /// At most so much more, evenly spread.
    #[serde(deserialize_with = "duration")]
    pub jitter: Duration,
    pub app_key: String,
    pub app_secret: Secret,
    pub app_code: Secret,
    /// Also let in, while a key is replaced; "" for none, or for the same key.
    pub previous_app_key: String,
    pub previous_app_secret: Secret,
    pub previous_app_code: Secret,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxVerification {
    /// The same as for recognition.
    pub rate_per_second: u32,
    pub burst: u32,
    #[serde(deserialize_with = "duration")]
    pub latency: Duration,
    #[serde(deserialize_with = "duration")]
    pub jitter: Duration,
    pub api_id: String,
    pub api_secret: Secret,
    /// Also let in, while a secret is replaced; "" for none, or for the same id.
    pub previous_api_id: String,
    pub previous_api_secret: Secret,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxStorage {
    #[serde(deserialize_with = "duration")]
    pub latency: Duration,
    #[serde(deserialize_with = "duration")]
    pub jitter: Duration,
    pub access_key_id: String,
    pub secret_access_key: Secret,
    /// Another key that is also let in, while keys are replaced; "" for none.
    pub previous_access_key_id: String,
    pub previous_secret_access_key: Secret,
    /// Buckets keep every version of an object; otherwise the last one only, and no answer names
    /// it.
    pub versions: bool,
    /// A part of an object has an `ETag` of its own, as with some gateways in front of a store.
    pub part_etags: bool,
}

impl Default for SandboxRecognition {
    fn default() -> Self {
        Self {
            rate_per_second: 10,
            burst: 0,
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            app_key: "sandbox-app-key".to_owned(),
            app_secret: Secret::new("sandbox-app-secret"),
            app_code: Secret::new("sandbox-app-code"),
            previous_app_key: String::new(),
            previous_app_secret: Secret::default(),
            previous_app_code: Secret::default(),
        }
    }
}

impl Default for SandboxVerification {
    fn default() -> Self {
        Self {
            rate_per_second: 10,
            burst: 0,
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            api_id: "sandbox-api-id".to_owned(),
            api_secret: Secret::new("sandbox-api-secret"),
            previous_api_id: String::new(),
            previous_api_secret: Secret::default(),
        }
    }
}

impl Default for SandboxStorage {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            access_key_id: "sandbox".to_owned(),
            secret_access_key: Secret::new("sandbox-secret"),
            previous_access_key_id: String::new(),
            previous_secret_access_key: Secret::default(),
            versions: true,
            part_etags: false,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSandbox {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    pictures_apart: bool,
    #[serde(default)]
    bills_apart: bool,
    #[serde(default)]
    deviations: Deviations,
    #[serde(default)]
    recognition: SandboxRecognition,
    #[serde(default)]
    verification: SandboxVerification,
    #[serde(default)]
    storage: SandboxStorage,
    #[serde(default, alias = "answer")]
    fault: Vec<WrittenFault>,
}

impl WrittenSandbox {
    fn lift(self) -> Result<SandboxScenario, Problem> {
        let faults = self.fault.into_iter().map(lift_fault);
        Ok(SandboxScenario {
            seed: self.seed,
            pictures_apart: self.pictures_apart,
            bills_apart: self.bills_apart,
            recognition: self.recognition,
            verification: self.verification,
            storage: self.storage,
            faults: faults.collect::<Result<_, _>>()?,
            deviations: self.deviations,
            replay: None,
        })
    }
}

/// Beyond what every fault has to be: the sandbox plays pictures and operations that it knows, and
/// undocumented codes only where they are meant.
fn lift_fault(written: WrittenFault) -> Result<Fault, Problem> {
    check(written.sample.as_ref(), "no sample has this name", |name| {
        name == "*" || samples::all().iter().any(|sample| fits(name, sample.name))
    })?;
    let operations = "`operation` is one of get, fetch, head, put, delete, list, *";
    check(written.operation.as_ref(), operations, |name| {
        name == "*" || OPERATIONS.contains(&name.as_str())
    })?;
    let stage = written.stage()?;
    let is_meant = written.http_status.is_some();
    let (place, text) = (written.answer.span(), written.answer.get_ref().clone());
    let fault = written.lift(&UNPLAYABLE)?;
    let known = match (&fault.answer, stage) {
        (ScriptedAnswer::Named(code), _)
            if is_meant || codes::documented(stage, code).is_some() =>
        {
            return Ok(fault);
        }
        (ScriptedAnswer::Named(_), Stage::Recognition) => "numeric codes, the documented APIG.NNNN",
        (ScriptedAnswer::Named(_), Stage::Verification) => "numeric codes, the documented statuses",
        (ScriptedAnswer::Named(_), _) => "S3's usual error codes",
        _ => return Ok(fault),
    };
    let problem = format!(
        "{stage} cannot answer {text:?}; it knows {known} (others with http_status), http.NNN, genuine, \
         timeout, closed, reset, truncated, garbage, oversize and slow"
    );
    Err(Problem::new(&place, problem))
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Ok(Span::deserialize(deserializer)?.duration())
}

#[cfg(test)]
mod tests;
