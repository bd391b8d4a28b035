//! A reader whose next bytes can be looked at.

use std::io::{self, BufRead, Read};

pub(super) struct Peek<R> {
    /// Read from `rest` and not consumed yet.
    first: Vec<u8>,
    rest: R,
}

impl<R: BufRead> Peek<R> {
    pub(super) fn new(rest: R) -> Self {
        let first = Vec::new();
        Self { first, rest }
    }

    /// The next `count` bytes, fewer at the end.
    pub(super) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.first.len() < count {
            let Some(&byte) = self.rest.fill_buf()?.first() else {
                break;
            };
            self.first.push(byte);
            self.rest.consume(1);
        }
        Ok(&self.first[..self.first.len().min(count)])
    }

    pub(super) fn begins_with(&mut self, start: &[u8]) -> io::Result<bool> {
        self.peek(start.len()).map(|next| next == start)
    }
}

impl<R: BufRead> Read for Peek<R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let next = self.fill_buf()?;
        let count = next.len().min(block.len());
        block[..count].copy_from_slice(&next[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Peek<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.first.is_empty() {
            self.rest.fill_buf()
        } else {
            Ok(&self.first)
        }
    }

    fn consume(&mut self, count: usize) {
        if self.first.is_empty() {
            self.rest.consume(count);
        } else {
            self.first.drain(..count);
        }
    }
}
