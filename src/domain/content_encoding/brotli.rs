//! Brotli with windows of at most 16 MiB, as RFC 7932 has them.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use std::io::{self, BufRead, Read};

pub(super) struct Brotli<R> {
    packed: R,
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    is_over: bool,
}

impl<R: BufRead> Brotli<R> {
    pub(super) fn new(packed: R) -> Self {
        let memory = StandardAlloc::default;
        Self {
            packed,
            state: Box::new(BrotliState::new_strict(memory(), memory(), memory())),
            is_over: false,
        }
    }
}

impl<R: BufRead> Read for Brotli<R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let (mut written, mut room, mut total) = (0, block.len(), 0);
        while written == 0 && room > 0 && !self.is_over {
            let packed = self.packed.fill_buf()?;
            let (mut left, mut taken) = (packed.len(), 0);
            let outcome = BrotliDecompressStream(
                &mut left,
                &mut taken,
                packed,
                &mut room,
                &mut written,
                block,
                &mut total,
                &mut self.state,
            );
            let was_last = packed.is_empty();
            self.packed.consume(taken);
            match outcome {
                BrotliResult::NeedsMoreInput if was_last && written == 0 => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
                BrotliResult::ResultSuccess => self.is_over = true,
                BrotliResult::ResultFailure => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Ok(written)
    }
}
