//! What a server's answers say about the time.

use super::skew::ClockReading;
use jiff::Timestamp;
use std::sync::{Mutex, PoisonError};

/// The last answer's time.
#[derive(Debug, Default)]
pub struct ServerClock(Mutex<Option<ClockReading>>);

impl ServerClock {
    /// Keeps the time of an answer that came `now`, where it gave any.
    pub fn learn(&self, server_time: Option<Timestamp>, now: Timestamp) {
        if let Some(time) = server_time {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(ClockReading::of(time, now));
        }
    }

    pub fn reading(&self) -> Option<ClockReading> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The header `Date`, or another date of HTTP.
pub fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()
}
