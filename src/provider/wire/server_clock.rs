//! What a provider's answers say about the time, in their `Date` header.

use crate::clock::skew::ClockReading;
use jiff::Timestamp;
use std::sync::{Mutex, PoisonError};

#[derive(Debug, Default)]
pub struct ServerClock(Mutex<Option<ClockReading>>);

impl ServerClock {
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
