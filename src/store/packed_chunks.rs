//! The chunks of a packed object as one reader, which gives each chunk's memory back once it was
//! read.

use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

/// None of the chunks is empty.
#[derive(Default)]
pub(super) struct PackedChunks(VecDeque<Bytes>);

impl PackedChunks {
    pub(super) fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.0.push_back(chunk);
        }
    }
}

impl Read for PackedChunks {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.len().min(block.len());
        block[..count].copy_from_slice(&self.fill_buf()?[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for PackedChunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.0.front().map_or(&[], |chunk| chunk))
    }

    fn consume(&mut self, count: usize) {
        let Some(chunk) = self.0.front_mut() else {
            return;
        };
        chunk.advance(count);
        if chunk.is_empty() {
            self.0.pop_front();
        }
    }
}
