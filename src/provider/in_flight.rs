//! Room for calls in the air: as much as the provider bears, within what is configured.

use crate::domain::concurrency::Concurrency;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

pub(super) struct InFlight {
    room: Semaphore,
    state: Mutex<State>,
}

struct State {
    concurrency: Concurrency,
    /// Permits there are, free or taken.
    permits: usize,
    taken: usize,
}

/// Room for one call. Given back, it may not be given out again: there may be less of it by now.
pub(super) struct Room<'a> {
    in_flight: &'a InFlight,
    permit: Option<SemaphorePermit<'a>>,
}

impl InFlight {
    pub(super) fn new(most: usize) -> Self {
        let concurrency = Concurrency::new(most);
        let permits = concurrency.limit();
        Self { room: Semaphore::new(permits), state: Mutex::new(State { concurrency, permits, taken: 0 }) }
    }

    /// In the order in which they came.
    pub(super) async fn enter(&self) -> Room<'_> {
        // The semaphore is never closed; were it, calling without a permit would still be right.
        let permit = self.room.acquire().await.ok();
        self.state().taken += 1;
        Room { in_flight: self, permit }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room<'_> {
    /// The call took so long: what does that mean for those to come?
    pub(super) fn took(&self, took: Duration) {
        let mut state = self.in_flight.state();
        let taken = state.taken;
        state.concurrency.ended(took, taken);
        let limit = state.concurrency.limit();
        if limit > state.permits {
            self.in_flight.room.add_permits(limit - state.permits);
            state.permits = limit;
        } else {
            // What is taken is taken away when it comes back.
            state.permits -= self.in_flight.room.forget_permits(state.permits - limit);
        }
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let mut state = self.in_flight.state();
        state.taken -= 1;
        if state.permits > state.concurrency.limit()
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
            state.permits -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn there_is_more_room_while_calls_are_quick_and_less_once_they_are_slow() {
        let in_flight = InFlight::new(16);
        let enter = || in_flight.enter().now_or_never();
        let all = || std::iter::from_fn(enter).collect::<Vec<_>>();
        for _ in 0..3 {
            for room in all() {
                room.took(Duration::from_millis(100));
            }
        }
        let full = all();
        assert_eq!(full.len(), 16);
        for room in &full {
            room.took(Duration::from_secs(5));
        }
        drop(full);
        assert_eq!(all().len(), 8, "half of it");
        assert_eq!(all().len(), 8, "room that comes back is not lost");
    }
}
