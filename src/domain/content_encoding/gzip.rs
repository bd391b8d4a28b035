//! gzip: one member after the other. What follows the last of them is none.

use super::peek::Peek;
use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, Read};

/// How every member begins.
pub(super) const MAGIC: &[u8] = b"\x1f\x8b";

/// `None` behind the last member.
pub(super) struct Gzip<R>(Option<GzDecoder<Peek<R>>>);

impl<R: BufRead> Gzip<R> {
    /// `packed` begins with [`MAGIC`].
    pub(super) fn new(packed: Peek<R>) -> Self {
        Self(Some(GzDecoder::new(packed)))
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let count = member.read(block)?;
            if count > 0 {
                return Ok(count);
            }
            let rest = self.0.take().map(GzDecoder::into_inner);
            if let Some(mut rest) = rest
                && rest.begins_with(MAGIC)?
            {
                self.0 = Some(GzDecoder::new(rest));
            }
        }
        Ok(0)
    }
}
