//! A picture of a bill, as it is sent to a provider.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Jpeg,
    Png,
    Bmp,
    /// No provider takes these three: another picture is made of them.
    Tiff,
    Webp,
    Gif,
}

impl Format {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Webp => "webp",
            Self::Gif => "gif",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Bmp => "image/bmp",
            Self::Tiff => "image/tiff",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
        }
    }
}

/// Cheap to clone: the bytes are shared. Not `Debug`, because it is a person's bill.
#[derive(Clone)]
pub struct Picture {
    pub bytes: Bytes,
    pub format: Format,
}
