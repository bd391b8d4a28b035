//! Reads every method and content header before lapin does.
//!
//! lapin closes the connection when it cannot parse a frame, and RabbitMQ forwards frames that
//! lapin cannot parse: it does not check that short strings are UTF-8, has no bound on the nesting
//! of tables, and sends content headers that are larger than the negotiated frame. Any submitter
//! can write such a message, and it would close the connection of every worker in turn. So whatever
//! lapin would refuse is taken out of the frame: the message loses it, and the connection lives.

use super::layout::{
    CONTENT_BODY, CONTENT_HEADER, FRAME_HEADER, FRAME_OVERHEAD, HEARTBEAT, METHOD,
};
use super::{content_header, method};
use std::mem;

/// The longest frame that is mended, in bytes. RabbitMQ's default is 128 KiB.
const LONGEST_MENDED: usize = 16 << 20;
/// The smallest frame that a client may negotiate, in bytes.
const LEAST_FRAME_MAX: usize = 8192;

/// Takes the broker's bytes in pieces of any size and returns bytes that lapin can parse.
#[derive(Debug)]
pub struct FrameFilter {
    /// The beginning of a frame that is not complete yet.
    begun: Vec<u8>,
    /// The number of coming bytes that belong to a frame which is passed on unchanged.
    untouched: usize,
    ready: Vec<u8>,
    /// The number of `ready` bytes that were returned.
    returned: usize,
    /// The negotiated size of the largest frame in bytes; `None` before the negotiation.
    frame_max: Option<usize>,
    /// The size that the worker asks for; 0 leaves it to the broker.
    wanted_frame_max: u32,
}

impl FrameFilter {
    /// `wanted_frame_max` is the frame size in bytes that the worker asks for; 0 leaves it to the
    /// broker.
    pub fn new(wanted_frame_max: u32) -> Self {
        Self {
            begun: Vec::new(),
            untouched: 0,
            ready: Vec::new(),
            returned: 0,
            frame_max: None,
            wanted_frame_max,
        }
    }

    /// Adds the next bytes from the broker.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.untouched > 0 {
                let (passed, rest) = bytes.split_at(self.untouched.min(bytes.len()));
                self.ready.extend_from_slice(passed);
                self.untouched -= passed.len();
                bytes = rest;
                continue;
            }
            let wanted = self
                .payload_length()
                .map_or(FRAME_HEADER, |length| FRAME_OVERHEAD + length);
            let (taken, rest) = bytes.split_at((wanted - self.begun.len()).min(bytes.len()));
            self.begun.extend_from_slice(taken);
            bytes = rest;
            if let Some(length) = self.payload_length() {
                self.advance(length);
            }
        }
    }

    /// Moves ready bytes into the buffer, and returns their number.
    pub fn take(&mut self, into: &mut [u8]) -> usize {
        let ready = &self.ready[self.returned..];
        let length = ready.len().min(into.len());
        into[..length].copy_from_slice(&ready[..length]);
        self.returned += length;
        if self.returned == self.ready.len() {
            self.ready.clear();
            self.returned = 0;
        }
        length
    }

    pub fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// `None` while the frame's header is not complete.
    fn payload_length(&self) -> Option<usize> {
        let length: [u8; 4] = self.begun.get(3..FRAME_HEADER)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(length)).ok()
    }

    /// Processes a frame whose header is complete.
    fn advance(&mut self, length: usize) {
        match self.begun[0] {
            METHOD | CONTENT_HEADER if length <= LONGEST_MENDED => {
                if self.begun.len() == FRAME_OVERHEAD + length {
                    self.end_frame();
                }
            }
            METHOD | CONTENT_HEADER | CONTENT_BODY | HEARTBEAT => {
                self.pass(FRAME_OVERHEAD + length - self.begun.len());
            }
            // No frame, for example the greeting of a broker with another version: lapin refuses
            // it.
            _ => self.pass(usize::MAX),
        }
    }

    fn pass(&mut self, length: usize) {
        self.ready.append(&mut self.begun);
        self.untouched = length;
    }

    fn end_frame(&mut self) {
        let frame = mem::take(&mut self.begun);
        let (header, rest) = frame.split_at(FRAME_HEADER);
        let Some((end, payload)) = rest.split_last() else {
            return;
        };
        let payload = if header[0] == METHOD {
            if let Some(offered) = method::frame_max_of_tune(payload) {
                self.frame_max = negotiated(self.wanted_frame_max, offered);
            }
            method::mended(payload)
        } else {
            let room = self
                .frame_max
                .map_or(usize::MAX, |frame_max| frame_max - FRAME_OVERHEAD);
            content_header::mended(payload, room)
        };
        self.ready.extend_from_slice(&header[..3]);
        // Fits: a mended payload is at most a little longer than the original.
        self.ready.extend_from_slice(
            &u32::try_from(payload.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes(),
        );
        self.ready.extend_from_slice(&payload);
        self.ready.push(*end);
    }
}

/// The size that lapin and the broker agree on; `None` means no bound.
fn negotiated(wanted: u32, offered: u32) -> Option<usize> {
    let least = [wanted, offered]
        .into_iter()
        .filter(|frame_max| *frame_max > 0)
        .min()?;
    usize::try_from(least)
        .ok()
        .map(|frame_max| frame_max.max(LEAST_FRAME_MAX))
}

#[cfg(test)]
mod tests;
