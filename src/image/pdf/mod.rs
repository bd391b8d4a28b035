//! PDF documents: the page with the bill becomes a picture, in a process of its own.
//!
//! The renderer aborts the process on some small files, and an abort is no panic. So the same binary
//! is started once for each document (`child`), with little memory, little time, no environment and
//! no other file than the font; the worker (`reader`) hands it the document and takes the picture,
//! or the reason why there is none (`child_answer`). Only a build with the feature `pdf` has the
//! child.

#[cfg(feature = "pdf")]
pub mod child;
mod child_answer;
mod fault;
mod reader;

pub use reader::{NOT_BEGUN, PdfReader};
pub(super) use reader::{PdfError, PdfTurn};

use super::inspect::is_pdf;

/// The format's name in the result.
pub(super) const FORMAT: &str = "pdf";

/// Tells whether these bytes begin a document of which this build can make a picture.
pub(super) fn is_drawable(bytes: &[u8]) -> bool {
    cfg!(feature = "pdf") && is_pdf(bytes)
}
