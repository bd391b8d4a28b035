//! Truncates bodies that are larger than this process accepts.
//!
//! lapin collects the whole body of a delivery before the worker can look at it, for every message
//! that the prefetch lets the broker send: forty messages of 16 MiB are 640 MiB. So the rest of
//! such a body is dropped on arrival, and its content header announces a shorter length. The worker
//! recognises the message by that length, which is larger than any that it accepts.

use super::layout::{CONTENT_BODY, CONTENT_HEADER, FRAME_END, FRAME_HEADER};
use std::collections::HashMap;

/// The place of the body's size in a content header, behind class and weight.
const BODY_SIZE: std::ops::Range<usize> = 4..12;

/// Follows the broker's bytes frame by frame, in pieces of any size.
#[derive(Debug)]
pub(in crate::broker::amqp) struct BodyClip {
    most: u64,
    part: FramePart,
    /// The bytes of a part that is read as a whole.
    collected: Vec<u8>,
    /// The bytes of the body that may still pass, for each channel whose message is too large.
    left: HashMap<u16, u64>,
}

#[derive(Clone, Copy, Debug)]
enum FramePart {
    Header,
    /// The body's size in a content header; `rest` bytes of the frame follow it.
    BodySize {
        channel: u16,
        rest: usize,
    },
    /// The number of bytes to pass on, then to drop, then to pass on.
    Content {
        pass: usize,
        drop: usize,
        end: usize,
    },
}

impl BodyClip {
    /// Bodies are truncated to `most` bytes.
    pub(in crate::broker::amqp) fn new(most: usize) -> Self {
        Self {
            most: most as u64,
            part: FramePart::Header,
            collected: Vec::new(),
            left: HashMap::new(),
        }
    }

    /// Appends the bytes that remain of the next piece of the stream to `read`.
    pub(in crate::broker::amqp) fn pass(&mut self, mut bytes: &[u8], read: &mut Vec<u8>) {
        while !bytes.is_empty() {
            match &mut self.part {
                FramePart::Header => {
                    if self.collect(&mut bytes, FRAME_HEADER) {
                        self.header(read);
                    }
                }
                FramePart::BodySize { channel, rest } => {
                    let (channel, rest) = (*channel, *rest);
                    if self.collect(&mut bytes, BODY_SIZE.end) {
                        self.body_size(channel, read);
                        self.part = FramePart::Content {
                            pass: rest,
                            drop: 0,
                            end: 0,
                        };
                    }
                }
                FramePart::Content {
                    pass: 0,
                    drop: 0,
                    end: 0,
                } => self.part = FramePart::Header,
                FramePart::Content {
                    pass: pass @ 1.., ..
                } => read.extend_from_slice(taken(&mut bytes, pass)),
                FramePart::Content {
                    drop: drop @ 1.., ..
                } => {
                    taken(&mut bytes, drop);
                }
                FramePart::Content { end, .. } => read.extend_from_slice(taken(&mut bytes, end)),
            }
        }
    }

    /// Collects up to `length` bytes; true once they are complete.
    fn collect(&mut self, bytes: &mut &[u8], length: usize) -> bool {
        let mut missing = length - self.collected.len();
        self.collected.extend_from_slice(taken(bytes, &mut missing));
        missing == 0
    }

    fn header(&mut self, read: &mut Vec<u8>) {
        let header = std::mem::take(&mut self.collected);
        let channel = u16::from_be_bytes([header[1], header[2]]);
        let size = u32::from_be_bytes([header[3], header[4], header[5], header[6]]);
        let length = usize::try_from(size).unwrap_or(usize::MAX - FRAME_END);
        self.part = FramePart::Content {
            pass: length + FRAME_END,
            drop: 0,
            end: 0,
        };
        match (header[0], self.left.get_mut(&channel)) {
            (CONTENT_HEADER, _) if length >= BODY_SIZE.end => {
                self.part = FramePart::BodySize {
                    channel,
                    rest: length + FRAME_END - BODY_SIZE.end,
                };
            }
            (CONTENT_BODY, Some(0)) => {
                self.part = FramePart::Content {
                    pass: 0,
                    drop: length + FRAME_END,
                    end: 0,
                };
                return;
            }
            (CONTENT_BODY, Some(left)) => {
                // Never more than the frame's own length, which has four bytes.
                let kept = u32::try_from(*left).unwrap_or(u32::MAX).min(size);
                *left -= u64::from(kept);
                let pass = usize::try_from(kept).unwrap_or(length);
                self.part = FramePart::Content {
                    pass,
                    drop: length - pass,
                    end: FRAME_END,
                };
                read.extend_from_slice(&header[..3]);
                read.extend_from_slice(&kept.to_be_bytes());
                return;
            }
            _ => {}
        }
        read.extend_from_slice(&header);
    }

    fn body_size(&mut self, channel: u16, read: &mut Vec<u8>) {
        let mut fields = std::mem::take(&mut self.collected);
        let size = fields[BODY_SIZE]
            .iter()
            .fold(0, |size: u64, byte| size << 8 | u64::from(*byte));
        if size > self.most {
            fields[BODY_SIZE].copy_from_slice(&self.most.to_be_bytes());
            self.left.insert(channel, self.most);
        } else {
            self.left.remove(&channel);
        }
        read.extend_from_slice(&fields);
    }
}

/// Takes the missing bytes from the front, or as many as there are.
fn taken<'a>(bytes: &mut &'a [u8], missing: &mut usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at((*missing).min(bytes.len()));
    *missing -= taken.len();
    *bytes = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, channel: u16, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap();
        [
            &[kind],
            channel.to_be_bytes().as_slice(),
            &length.to_be_bytes(),
            content,
            &[0xce],
        ]
        .concat()
    }

    fn content_header(channel: u16, size: usize) -> Vec<u8> {
        frame(
            CONTENT_HEADER,
            channel,
            &[
                [0, 60, 0, 0].as_slice(),
                &(size as u64).to_be_bytes(),
                b"\x80\0\x04text",
            ]
            .concat(),
        )
    }

    /// A message whose body comes in frames of so many bytes.
    fn message(channel: u16, body: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let deliver = frame(1, channel, b"\0\x3c\0\x3c and the rest of it");
        let bodies = body
            .chunks(piece)
            .map(|piece| frame(CONTENT_BODY, channel, piece));
        [deliver, content_header(channel, body.len())]
            .into_iter()
            .chain(bodies)
            .collect()
    }

    fn passed(frames: &[u8], piece: usize, most: usize) -> Vec<u8> {
        let (mut clip, mut read) = (BodyClip::new(most), Vec::new());
        frames
            .chunks(piece)
            .for_each(|piece| clip.pass(piece, &mut read));
        read
    }

    #[test]
    fn a_body_that_is_too_large_is_shortened_and_every_other_passes() {
        const BODY: &[u8] = b"0123456789";
        let heartbeat = frame(8, 0, b"");
        for (most, kept) in [
            (10, vec!["0123", "4567", "89"]),
            (9, vec!["0123", "4567", "8"]),
            (8, vec!["0123", "4567"]),
            (1, vec!["0"]),
        ] {
            let before = [
                message(1, BODY, 4).concat(),
                heartbeat.clone(),
                message(1, b"0", 4).concat(),
            ]
            .concat();
            let bodies = kept
                .iter()
                .map(|kept| frame(CONTENT_BODY, 1, kept.as_bytes()));
            let deliver = message(1, b"", 4).swap_remove(0);
            let after: Vec<u8> = [deliver, content_header(1, most)]
                .into_iter()
                .chain(bodies)
                .flatten()
                .collect();
            let expected = [after, heartbeat.clone(), message(1, b"0", 4).concat()].concat();
            for piece in [1, 2, 3, 5, 8, 13, usize::MAX] {
                assert_eq!(
                    passed(&before, piece, most),
                    expected,
                    "{most} in pieces of {piece}"
                );
            }
        }
    }

    #[test]
    fn channels_whose_frames_are_mixed_are_not() {
        let (large, small) = (message(1, b"0123456789", 4), message(2, b"abcdef", 2));
        let mixed: Vec<u8> = [
            &large[0], &small[0], &large[1], &small[1], &large[2], &small[2], &large[3], &small[3],
            &large[4], &small[4],
        ]
        .into_iter()
        .flat_map(Clone::clone)
        .collect();
        let cut = [
            frame(CONTENT_BODY, 1, b"0123"),
            frame(CONTENT_BODY, 1, b"45"),
        ];
        let header = content_header(1, 6);
        let expected: Vec<u8> = [
            &large[0], &small[0], &header, &small[1], &cut[0], &small[2], &cut[1], &small[3],
            &small[4],
        ]
        .into_iter()
        .flat_map(Clone::clone)
        .collect();
        assert_eq!(passed(&mixed, 3, 6), expected);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference_and_strangers_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1_usize..20) {
            prop_assert_eq!(passed(&bytes, piece, 5), passed(&bytes, usize::MAX, 5));
        }

        #[test]
        fn a_small_body_passes_unchanged(body in prop::collection::vec(any::<u8>(), 0..300), piece in 1_usize..50, at_once in 1_usize..50) {
            let frames = message(3, &body, piece).concat();
            prop_assert_eq!(passed(&frames, at_once, 300), frames);
        }
    }
}
