//! The reading side: events out of the stream, each once, whatever else is in it.
//!
//! | file | what it does |
//! | --- | --- |
//! | `decode` | one message: an event of ours, or why it is none (pure) |
//! | `sieve` | each event and each call once, and what was left out (pure) |
//! | `lost_calls` | which calls of dead workers were made after all (pure) |
//! | `named_time` | `1d`, `today`, `2026-11` in a time zone (pure) |
//! | `seals` | which events are believed |
//! | `reader` | reads the stream of a session |

mod decode;
mod lost_calls;
mod named_time;
mod reader;
mod seals;
mod sieve;

pub use decode::{LARGEST_EVENT_BYTES, NoEvent, decode};
pub use lost_calls::LostCalls;
pub use named_time::{LedgerPeriod, NamedTime};
pub use reader::LedgerReader;
pub use seals::EventSeals;
pub use sieve::ReadCounts;
