//! The section `[checkpoint]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub store: StoreKind,
    /// Empty: `storage.bucket`.
    pub bucket: String,
    pub prefix: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    #[default]
    S3,
    /// Forgotten when the process ends.
    Memory,
    None,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: StoreKind::S3,
            bucket: String::new(),
            prefix: "checkpoints/".into(),
        }
    }
}
