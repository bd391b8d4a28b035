//! The stages of a job: the questions that it asks one after the other, and what is around them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    Job,
    Image,
    Storage,
    Recognition,
    Verification,
    Worker,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Image => "image",
            Self::Storage => "storage",
            Self::Recognition => "recognition",
            Self::Verification => "verification",
            Self::Worker => "worker",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
