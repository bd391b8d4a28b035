//! A picture of a bill, as it is handed to a provider.

use super::policy::Transfer;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Jpeg,
    Png,
    Bmp,
}

impl Format {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Bmp => "bmp",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Bmp => "image/bmp",
        }
    }
}

/// Cheap to clone: the bytes are shared. Not `Debug`: it is somebody's bill.
#[derive(Clone)]
pub enum Picture {
    Inline {
        bytes: Bytes,
        format: Format,
    },
    /// Fetched by the provider itself.
    Url(String),
}

impl Picture {
    pub fn transfer(&self) -> Transfer {
        match self {
            Self::Inline { .. } => Transfer::Inline,
            Self::Url(_) => Transfer::Url,
        }
    }
}
