//! Permits for calls in the air: as much as the provider bears, within what is configured.

use crate::quota::concurrency::Concurrency;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

pub(super) struct InFlight {
    room: Semaphore,
    state: Mutex<InFlightState>,
    began: Instant,
}

struct InFlightState {
    concurrency: Concurrency,
    /// Permits there are, free or taken.
    permits: usize,
    /// Calls that are being made; others that have room wait for the rate.
    flying: usize,
}

/// The permit for one call. Given back, it may not be given out again: there may be less of it by now.
pub(super) struct InFlightPermit<'a> {
    in_flight: &'a InFlight,
    permit: Option<SemaphorePermit<'a>>,
    flies: bool,
}

impl InFlight {
    pub(super) fn new(most: usize) -> Self {
        let concurrency = Concurrency::new(most);
        let permits = concurrency.limit();
        Self {
            room: Semaphore::new(permits),
            state: Mutex::new(InFlightState {
                concurrency,
                permits,
                flying: 0,
            }),
            began: Instant::now(),
        }
    }

    /// In the order in which they came.
    pub(super) async fn enter(&self) -> InFlightPermit<'_> {
        // The semaphore is never closed; were it, calling without a permit would still be right.
        let permit = self.room.acquire().await.ok();
        InFlightPermit {
            in_flight: self,
            permit,
            flies: false,
        }
    }

    fn state(&self) -> MutexGuard<'_, InFlightState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlightPermit<'_> {
    /// The call is made now.
    pub(super) fn fly(&mut self) {
        self.in_flight.state().flying += 1;
        self.flies = true;
    }

    /// The call that was `started` then is over: what does that mean for those to come?
    pub(super) fn landed(&self, started: Instant) {
        let since = |at: Instant| at.saturating_duration_since(self.in_flight.began);
        let mut state = self.in_flight.state();
        let flying = state.flying;
        state
            .concurrency
            .ended(since(started), since(Instant::now()), flying);
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

impl Drop for InFlightPermit<'_> {
    fn drop(&mut self) {
        let mut state = self.in_flight.state();
        state.flying -= usize::from(self.flies);
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
    use std::time::Duration;

    /// All that may be made at once, until they land after so long.
    async fn fly(in_flight: &InFlight, millis: u64) -> usize {
        let mut rooms: Vec<_> = std::iter::from_fn(|| in_flight.enter().now_or_never()).collect();
        rooms.iter_mut().for_each(InFlightPermit::fly);
        let started = Instant::now();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        for room in &rooms {
            room.landed(started);
        }
        rooms.len()
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_more_room_while_calls_are_quick_and_less_once_they_are_slow() {
        let in_flight = InFlight::new(16);
        let mut rounds = Vec::new();
        for millis in [100, 100, 100, 100, 100, 100, 100, 100, 5_000, 100, 100] {
            rounds.push(fly(&in_flight, millis).await);
        }
        assert_eq!(
            rounds,
            [4, 4, 4, 4, 4, 4, 8, 16, 16, 8, 12],
            "room that is taken away or comes back is not lost"
        );
    }
}
