//! AMQP frames from the broker, mended before lapin parses them.

mod body_clip;
mod content_header;
mod filter;
mod layout;
mod method;
mod reader;
mod table;

pub(super) use body_clip::BodyClip;
pub use filter::FrameFilter;
