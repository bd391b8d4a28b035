//! What a walk through a file finds out about the picture in it, or why it ended early.

use crate::domain::picture::Format;

/// The facts about a picture that its headers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageFacts {
    pub format: Format,
    /// The width in pixels as stored: an EXIF orientation is not applied.
    pub width: u32,
    pub height: u32,
    /// Which of its pages these are the facts of, from 1.
    pub page: u32,
    /// EXIF's 1 to 8; 1 is upright.
    pub orientation: u8,
    pub colours: Colours,
    /// The bytes of each pixel once it is decoded.
    pub channels: u8,
    /// A decoder keeps all coefficients until the last scan is read.
    pub is_progressive: bool,
    /// Bytes of profiles, previews and comments, which the pixels do not need.
    pub metadata_bytes: usize,
    /// The end of the picture was found. Without it only decoding tells how much is missing.
    pub is_ended: bool,
}

/// The colours of a picture, as far as a provider may misread them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    Plain,
    /// Made for print: CMYK or YCCK.
    Print,
    /// Pixels may let a background through that is not in the file.
    MaybeTransparent,
}

/// The facts about an image that is refused, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// The format's name in the result.
    pub format: Option<&'static str>,
    /// Width and height in pixels, as stored.
    pub sides: Option<(u32, u32)>,
}

/// Why the walk through a file ended before its pixels were understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The bytes end before the part that was read does.
    Ends,
    Damaged(&'static str),
    /// It has only so many pages.
    NoSuchPage(u32),
    /// A kind of the format that decoders of the providers do not know, by its name.
    Unsupported(&'static str),
}

impl ImageFacts {
    /// Width and height in pixels once the picture stands upright.
    pub fn upright_sides(&self) -> (u32, u32) {
        if self.orientation >= 5 {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        }
    }

    fn glance(&self) -> Glance {
        Glance {
            format: Some(self.format.as_str()),
            sides: Some((self.width, self.height)),
        }
    }
}

impl From<ImageFacts> for Glance {
    fn from(facts: ImageFacts) -> Self {
        facts.glance()
    }
}
