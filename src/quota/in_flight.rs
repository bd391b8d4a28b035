//! Permits for calls in flight: as many as the provider can serve, within the configured limit.

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
    /// The number of permits, free or taken.
    permits: usize,
    /// Calls that are being made. Others hold a permit and wait for the rate.
    active: usize,
}

/// The permit for one call. When it is dropped and the limit has fallen meanwhile, it is destroyed
/// instead of given to the next call.
pub(super) struct InFlightPermit<'a> {
    in_flight: &'a InFlight,
    permit: Option<SemaphorePermit<'a>>,
    is_active: bool,
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
                active: 0,
            }),
            began: Instant::now(),
        }
    }

    /// Waits for a permit. Callers are served in the order in which they came.
    pub(super) async fn enter(&self) -> InFlightPermit<'_> {
        // The semaphore is never closed; were it, calling without a permit would still be right.
        let permit = self.room.acquire().await.ok();
        InFlightPermit {
            in_flight: self,
            permit,
            is_active: false,
        }
    }

    fn state(&self) -> MutexGuard<'_, InFlightState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlightPermit<'_> {
    /// Records that the call starts now.
    pub(super) fn start(&mut self) {
        self.in_flight.state().active += 1;
        self.is_active = true;
    }

    /// Records that the call started at `started` is over, and adjusts the number of permits.
    pub(super) fn end(&self, started: Instant) {
        let since = |at: Instant| at.saturating_duration_since(self.in_flight.began);
        let mut state = self.in_flight.state();
        let active = state.active;
        state
            .concurrency
            .ended(since(started), since(Instant::now()), active);
        let limit = state.concurrency.limit();
        if limit > state.permits {
            self.in_flight.room.add_permits(limit - state.permits);
            state.permits = limit;
        } else {
            // Permits that are taken are destroyed when they are dropped.
            state.permits -= self.in_flight.room.forget_permits(state.permits - limit);
        }
    }
}

impl Drop for InFlightPermit<'_> {
    fn drop(&mut self) {
        let mut state = self.in_flight.state();
        state.active -= usize::from(self.is_active);
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

    /// Makes as many calls as may be made at once, each of which takes `millis`. Returns how many.
    async fn call_all(in_flight: &InFlight, millis: u64) -> usize {
        let mut rooms: Vec<_> = std::iter::from_fn(|| in_flight.enter().now_or_never()).collect();
        rooms.iter_mut().for_each(InFlightPermit::start);
        let started = Instant::now();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        for room in &rooms {
            room.end(started);
        }
        rooms.len()
    }

    #[tokio::test(start_paused = true)]
    async fn permits_grow_while_calls_are_quick_and_shrink_once_calls_are_slow() {
        let in_flight = InFlight::new(16);
        let mut rounds = Vec::new();
        for millis in [100, 100, 100, 100, 100, 100, 100, 100, 5_000, 100, 100] {
            rounds.push(call_all(&in_flight, millis).await);
        }
        assert_eq!(
            rounds,
            [4, 4, 4, 4, 4, 4, 8, 16, 16, 8, 12],
            "no permit is lost when the limit falls and rises"
        );
    }
}
