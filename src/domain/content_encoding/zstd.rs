//! Zstandard: one frame after the other, skippable ones between them. What follows the last frame
//! is none.

use super::peek::Peek;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::error::Error;
use std::io::{self, BufRead, Read};

/// How every frame with content begins.
pub(super) const MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";
/// The last three bytes of a skippable frame's magic number; the first is anything from 0x50 to
/// 0x5f.
const SKIPPABLE: &[u8] = b"\x2a\x4d\x18";
/// The largest window that a sender may use over HTTP (RFC 9659).
const MAX_WINDOW_BYTES: u64 = 8 << 20;

pub(super) struct Zstd<R> {
    packed: Peek<R>,
    frame: FrameDecoder,
    state: FrameState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FrameState {
    Between,
    Inside,
    Over,
}

impl<R: BufRead> Zstd<R> {
    /// `packed` begins with [`MAGIC`].
    pub(super) fn new(packed: Peek<R>) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(MAX_WINDOW_BYTES);
        let state = FrameState::Between;
        Self {
            packed,
            frame,
            state,
        }
    }

    fn next_frame(&mut self) -> io::Result<FrameState> {
        let next = self.packed.peek(MAGIC.len())?;
        let is_skippable = matches!(next, [0x50..=0x5f, rest @ ..] if rest == SKIPPABLE);
        if next != MAGIC && !is_skippable {
            return Ok(FrameState::Over);
        }
        match self.frame.reset(&mut self.packed) {
            Ok(()) => Ok(FrameState::Inside),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let length = u64::from(length);
                let skipped = io::copy(&mut (&mut self.packed).take(length), &mut io::sink())?;
                if skipped < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(FrameState::Between)
            }
            Err(error) => Err(failed(&error)),
        }
    }

    fn next_block(&mut self) -> io::Result<FrameState> {
        let one = BlockDecodingStrategy::UptoBlocks(1);
        let is_over = self
            .frame
            .decode_blocks(&mut self.packed, one)
            .map_err(|error| failed(&error))?;
        Ok(if is_over {
            FrameState::Between
        } else {
            FrameState::Inside
        })
    }

    /// The checksum is over what was collected, so it is right only behind the last byte.
    fn verify(&self) -> io::Result<()> {
        let written = self.frame.get_checksum_from_data();
        if written.is_some() && written != self.frame.get_calculated_checksum() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.frame.can_collect() > 0 {
                return self.frame.read(block);
            }
            self.state = match self.state {
                FrameState::Between => {
                    self.verify()?;
                    self.next_frame()?
                }
                FrameState::Inside => self.next_block()?,
                FrameState::Over => return Ok(0),
            };
        }
    }
}

/// The kind of the innermost I/O error: that of the reader below. Any other error is damage.
fn failed(error: &FrameDecoderError) -> io::Error {
    let mut kind = io::ErrorKind::InvalidData;
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            kind = error.kind();
        }
        cause = error.source();
    }
    kind.into()
}
