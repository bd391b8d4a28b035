//! Why no picture of a document can be had, in a person's words.

use super::super::inspect::invalid;
use crate::domain::failure::Failure;
use serde::{Deserialize, Serialize};

const OTHERWISE: &str = "or render the page with the bill as JPEG or PNG and submit that";

/// The finding of the child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PdfFault {
    /// It opens with a password only.
    Password,
    /// It is encrypted in a way that is not known.
    Encryption,
    /// Its end is missing.
    CutOff,
    /// It has no structure, or no page.
    Damaged,
    /// An image in it cannot be decoded.
    Picture,
    NoSuchPage {
        pages: u32,
    },
    /// Text in a font that is not in the document, and that nothing stands in for. `name` is the
    /// font's.
    Font {
        name: String,
        /// A font stands in, but has not all of its characters.
        is_configured: bool,
    },
}

/// How a child ended that told nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChildEnd {
    /// It took too long, by the clock or of the processor.
    TooSlow,
    /// It died: out of memory, or of a defect of the renderer.
    Died,
    /// Its picture is longer than is taken.
    TooLong,
}

impl PdfFault {
    pub(super) fn failure(&self) -> Failure {
        let unsupported = |text: String| invalid("image.unsupported_format", text);
        let corrupt = |text: &str| invalid("image.corrupt", text);
        match self {
            Self::Password => unsupported(format!(
                "the PDF opens with a password only: save it without one, {OTHERWISE}"
            )),
            Self::Encryption => unsupported(format!(
                "the PDF is encrypted in a way that is not known: save it without, {OTHERWISE}"
            )),
            Self::CutOff => corrupt("the PDF is cut off: its bytes end too early"),
            Self::Damaged => corrupt("the PDF is damaged: no page can be found in it"),
            Self::Picture => corrupt("the PDF is damaged: an image in it cannot be decoded"),
            Self::NoSuchPage { pages } => invalid(
                "image.not_found",
                format!("the PDF has no such page: image.page is beyond the last, {pages}"),
            ),
            Self::Font {
                name,
                is_configured: false,
            } => unsupported(format!(
                "the PDF's font {name} is not embedded, so that its text cannot be drawn: save it \
                 with its fonts, {OTHERWISE}; or set worker.pdf_font to a font with Chinese \
                 characters"
            )),
            Self::Font {
                name,
                is_configured: true,
            } => unsupported(format!(
                "the PDF's font {name} is not embedded, and worker.pdf_font has not all of its \
                 characters: save it with its fonts, {OTHERWISE}"
            )),
        }
    }
}

impl ChildEnd {
    pub(super) fn failure(self) -> Failure {
        match self {
            Self::TooSlow => invalid(
                "image.too_large",
                format!("the PDF takes too long to draw: save it anew, {OTHERWISE}"),
            ),
            Self::Died => invalid(
                "image.corrupt",
                format!(
                    "the PDF brought its renderer down, or takes more than its memory: save it \
                     anew, {OTHERWISE}"
                ),
            ),
            Self::TooLong => invalid(
                "image.too_large",
                format!("the PDF's page makes a picture that is too long, {OTHERWISE}"),
            ),
        }
    }
}
