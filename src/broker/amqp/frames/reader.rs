//! Reads and writes the items of a payload.

/// The unread bytes of a payload. Each method returns `None`, and takes nothing, if too few bytes
/// are left.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByteReader<'a>(pub(super) &'a [u8]);

impl<'a> ByteReader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take(2)
            .and_then(|bytes| bytes.try_into().ok())
            .map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take(4)
            .and_then(|bytes| bytes.try_into().ok())
            .map(u32::from_be_bytes)
    }

    /// A short string, behind a length of one byte.
    pub(super) fn short(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let length = ahead.byte()?;
        let text = ahead.take(length.into())?;
        *self = ahead;
        Some(text)
    }

    /// A long string, byte array, table or list, behind a length of four bytes.
    pub(super) fn long(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let length = ahead.u32()?;
        let content = ahead.take(usize::try_from(length).ok()?)?;
        *self = ahead;
        Some(content)
    }
}

/// Writes a short string of the same length, with a question mark for each byte that is not valid
/// UTF-8.
pub(super) fn push_short(text: &[u8], out: &mut Vec<u8>) {
    // At most 255, because it was read as a short string.
    out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    for chunk in text.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        out.extend(chunk.invalid().iter().map(|_| b'?'));
    }
}

/// Writes content behind its length of four bytes.
pub(super) fn push_long(content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(
        &u32::try_from(content.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes(),
    );
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_not_utf8_becomes_question_marks_of_the_same_length() {
        for (sent, read) in [
            (b"".as_slice(), ""),
            ("单号".as_bytes(), "单号"),
            (b"\xb5\xa5\xba\xc5", "????"),
            (b"a\xe5\x8d", "a??"),
            (b"\xed\xa0\x80", "???"),
            (b"\xf0\x9f\x98x\xff", "???x?"),
            (b"\x00", "\0"),
        ] {
            let mut out = Vec::new();
            push_short(sent, &mut out);
            assert_eq!(
                (out[0] as usize, std::str::from_utf8(&out[1..])),
                (sent.len(), Ok(read))
            );
        }
    }

    #[test]
    fn a_truncated_value_is_not_read_at_all() {
        let mut reader = ByteReader(b"\x03ab");
        assert_eq!((reader.short(), reader.0.len()), (None, 3));
        let mut reader = ByteReader(b"\x00\x00\x00\x03ab");
        assert_eq!((reader.long(), reader.0.len()), (None, 6));
        assert_eq!(ByteReader(b"\xff\xff\xff\xff").long(), None);
    }
}
