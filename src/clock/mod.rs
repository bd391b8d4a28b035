//! The wall clock, in one place.
//!
//! Waiting always uses `tokio::time`. A [`Timestamp`] for a record, or for the comparison with a
//! date, comes from here. In tests the wall clock follows tokio's, so that hours pass in
//! milliseconds.

pub mod server_clock;
pub mod skew;
pub mod watch;

use jiff::Timestamp;
use tokio::time::Instant;

#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The system's clock. Never derived from a monotonic clock: that one stops while a machine
    /// sleeps.
    System,
    /// A clock that showed `start` at `since` and runs with tokio's clock.
    Virtual { start: Timestamp, since: Instant },
}

impl Clock {
    /// A clock that shows `start` now and moves with tokio's.
    pub fn starting_at(start: Timestamp) -> Self {
        Self::Virtual {
            start,
            since: Instant::now(),
        }
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Virtual { start, since } => start
                .saturating_add(since.elapsed())
                .unwrap_or(Timestamp::MAX),
        }
    }
}
