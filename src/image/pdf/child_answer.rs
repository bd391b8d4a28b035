//! The child's answer: one line of JSON, and after it the picture's bytes.

use super::fault::PdfFault;
use serde::{Deserialize, Serialize};

/// The first line of the answer.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChildAnswer {
    /// The page, from 1, whose picture follows.
    Page(u32),
    Refused(PdfFault),
}

impl ChildAnswer {
    /// Writes the answer with its picture.
    #[cfg(feature = "pdf")]
    pub(super) fn written(&self, picture: &[u8]) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(picture);
        bytes
    }

    /// Reads an answer: what it says, and where the picture begins. `None`: it is none.
    pub(super) fn read(answer: &[u8]) -> Option<(Self, usize)> {
        let end = memchr::memchr(b'\n', answer)?;
        let read = serde_json::from_slice(&answer[..end]).ok()?;
        Some((read, end + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_line_and_a_picture() {
        assert_eq!(
            ChildAnswer::read(b"{\"page\":2}\n\xff\xd8"),
            Some((ChildAnswer::Page(2), 11))
        );
        let refused = ChildAnswer::Refused(PdfFault::NoSuchPage { pages: 3 });
        assert_eq!(
            ChildAnswer::read(b"{\"refused\":{\"no_such_page\":{\"pages\":3}}}\n"),
            Some((refused, 41))
        );
        for strange in [
            &b""[..],
            b"{\"page\":2}",
            b"\n",
            b"memory allocation failed\n",
        ] {
            assert_eq!(ChildAnswer::read(strange), None);
        }
    }
}
