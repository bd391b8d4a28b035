//! The child's side: a document on stdin becomes the picture of one page on stdout.

mod confine;
mod document;
mod draw;
mod fonts;
mod pages;
mod scan;
mod survey;

use super::child_answer::ChildAnswer;
use document::Document;
use fonts::Fonts;
use std::fs::File;
use std::io::{Error, Read, Write};
use std::path::Path;

/// The question about a document.
pub struct Wanted<'a> {
    /// From 1; `None`: the first with the QR code of a bill.
    pub page: Option<u32>,
    /// Stands in for fonts that are not embedded.
    pub font: Option<&'a Path>,
}

/// Confines this process for good, reads a document from stdin, and answers on stdout.
///
/// # Errors
/// The pipes or the limits fail; then there is no answer, and the parent knows what that means.
pub fn answer(wanted: &Wanted<'_>) -> std::io::Result<()> {
    // Opened before no file can be, and read only where it is needed.
    let font = wanted.font.map(File::open).transpose()?;
    confine::confine().map_err(|errno| Error::from_raw_os_error(errno.raw_os_error()))?;
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    let (answer, picture) = picture(bytes, wanted.page, Fonts::new(font));
    std::io::stdout()
        .lock()
        .write_all(&answer.written(&picture))
}

fn picture(bytes: Vec<u8>, page: Option<u32>, fonts: Fonts) -> (ChildAnswer, Vec<u8>) {
    let made = Document::open(bytes).and_then(|document| pages::picture(&document, page, &fonts));
    match made {
        Ok((page, picture)) => (ChildAnswer::Page(page), picture),
        Err(fault) => (ChildAnswer::Refused(fault), Vec::new()),
    }
}
