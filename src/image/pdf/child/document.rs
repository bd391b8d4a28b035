//! A document that could be opened.

use super::super::fault::PdfFault;
use hayro::hayro_syntax::page::Page;
use hayro::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use memchr::memmem;

/// The mark of a document's end stands among so many last bytes: readers allow a little behind it.
const END_WITHIN: usize = 4_096;

pub(super) struct Document(Pdf);

impl Document {
    /// # Errors
    /// What is wrong with it as a whole.
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, PdfFault> {
        // The renderer would make do with what is left of a document.
        let tail = &bytes[bytes.len().saturating_sub(END_WITHIN)..];
        let is_ended = memmem::find(tail, b"%%EOF").is_some();
        let pdf = Pdf::new(bytes).map_err(|error| match error {
            LoadPdfError::Decryption(DecryptionError::PasswordProtected) => PdfFault::Password,
            LoadPdfError::Decryption(_) => PdfFault::Encryption,
            LoadPdfError::Invalid if is_ended => PdfFault::Damaged,
            LoadPdfError::Invalid => PdfFault::CutOff,
        })?;
        if !is_ended {
            return Err(PdfFault::CutOff);
        }
        if pdf.pages().is_empty() {
            return Err(PdfFault::Damaged);
        }
        Ok(Self(pdf))
    }

    pub(super) fn pages(&self) -> &[Page<'_>] {
        self.0.pages()
    }
}
