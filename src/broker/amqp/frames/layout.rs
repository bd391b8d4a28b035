//! The layout of an AMQP frame.

/// Type, channel and length of the payload.
pub(super) const FRAME_HEADER: usize = 7;
/// The byte behind the payload.
pub(super) const FRAME_END: usize = 1;
pub(super) const FRAME_OVERHEAD: usize = FRAME_HEADER + FRAME_END;

/// The types of frames.
pub(super) const METHOD: u8 = 1;
pub(super) const CONTENT_HEADER: u8 = 2;
pub(super) const CONTENT_BODY: u8 = 3;
pub(super) const HEARTBEAT: u8 = 8;
