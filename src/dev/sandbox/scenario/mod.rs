//! What the sandbox is to do: credentials, rates and latencies, and the faults it answers with.
//!
//! Built in code, or read from a TOML file; `tests/data/scenarios/example.toml` shows every key.
//!
//! | section | keys |
//! | --- | --- |
//! | (top) | `seed`, `pictures_apart` |
//! | `[recognition]` | `rate_per_second`, `burst`, `latency`, `jitter`, `app_key`, `app_secret`, `app_code` |
//! | `[verification]` | `rate_per_second`, `burst`, `latency`, `jitter`, `api_id`, `api_secret` |
//! | `[storage]` | `latency`, `jitter`, `access_key_id`, `secret_access_key`, `versions`, `part_etags` |
//! | `[[fault]]` | `stage`, `answer`; which calls: `sample`, `note_no`, `province`, `key`, `operation`, `auto_rotate`, `calls`, `after`, `until`, `probability`; the answer's details: `http_status`, `message`, `retry_after`, `qr`, `delay` |

pub mod answer;
pub mod codes;
pub mod fault;
mod file;

pub use answer::{Answer, UnknownAnswer, Wire};
pub use fault::{Calls, Fault, Whom};

use serde::{Deserialize, Deserializer};
use std::time::Duration;

use crate::settings::secret::Secret;
use crate::settings::units::Span;

#[derive(Clone, Debug, Default)]
pub struct Scenario {
    /// Decides every probability and jitter.
    pub seed: u64,
    /// Two pictures of the same sample are two subjects, named by their SHA-256: their calls are
    /// counted, and their faults drawn, apart.
    pub pictures_apart: bool,
    pub recognition: Recognition,
    pub verification: Verification,
    pub storage: Storage,
    /// In order: the first that fits answers.
    pub faults: Vec<Fault>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recognition {
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
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Verification {
    /// As for recognition.
    pub rate_per_second: u32,
    pub burst: u32,
    #[serde(deserialize_with = "duration")]
    pub latency: Duration,
    #[serde(deserialize_with = "duration")]
    pub jitter: Duration,
    pub api_id: String,
    pub api_secret: Secret,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    #[serde(deserialize_with = "duration")]
    pub latency: Duration,
    #[serde(deserialize_with = "duration")]
    pub jitter: Duration,
    pub access_key_id: String,
    pub secret_access_key: Secret,
    /// Buckets keep every version of an object; otherwise the last one only, and no answer names
    /// it.
    pub versions: bool,
    /// A part of an object has an `ETag` of its own, as with some gateways in front of a store.
    pub part_etags: bool,
}

impl Default for Recognition {
    fn default() -> Self {
        Self {
            rate_per_second: 10,
            burst: 0,
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            app_key: "sandbox-app-key".to_owned(),
            app_secret: Secret::new("sandbox-app-secret"),
            app_code: Secret::new("sandbox-app-code"),
        }
    }
}

impl Default for Verification {
    fn default() -> Self {
        Self {
            rate_per_second: 10,
            burst: 0,
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            api_id: "sandbox-api-id".to_owned(),
            api_secret: Secret::new("sandbox-api-secret"),
        }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            access_key_id: "sandbox".to_owned(),
            secret_access_key: Secret::new("sandbox-secret"),
            versions: true,
            part_etags: false,
        }
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Ok(Span::deserialize(deserializer)?.duration())
}
