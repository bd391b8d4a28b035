//! The job that kills its worker: found, taken alone, and after some deaths given up, so that it
//! takes no other job with it.
//!
//! A crash returns everything that was handed out, innocents included. So a job that was returned a
//! few times is only suspected: it is parked at once, the worker makes room, and when the job comes
//! back it runs with nothing else in flight. Then its deaths are its own.

use super::Worker;
use super::feed::Feed;
use crate::broker::{Delivery, Generation};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Returned so often by crashes, its own or others', a job is suspected (contract, delivery
/// counts).
const SUSPECTED_FROM: u32 = 3;
/// Deaths while it was alone.
const POISON_FROM: u32 = 5;
/// What is in hand is given so long to end.
const ROOM_PATIENCE: Duration = Duration::from_mins(2);
/// A suspect comes back from the shortest delay queue; it may be so late.
const LATE: Duration = Duration::from_secs(10);

/// What a delivery's past means for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suspicion {
    None,
    /// To be parked, and taken alone when it comes back; it has died so often by then.
    Park(u32),
    /// It has its turn alone.
    Alone,
    Poison,
}

impl Suspicion {
    /// It came back so often since it last lived through a turn.
    /// `deaths` of a job that has to run alone, counted when it was last parked.
    pub(super) fn of(deaths: Option<u32>, returns: u32, is_alone: bool) -> Self {
        match deaths.map(|deaths| deaths.saturating_add(returns)) {
            None if returns >= SUSPECTED_FROM => Self::Park(0),
            None => Self::None,
            Some(deaths) if deaths >= POISON_FROM => Self::Poison,
            Some(_) if is_alone => Self::Alone,
            Some(deaths) => Self::Park(deaths),
        }
    }
}

/// A worker that makes room for a suspect: it takes returned jobs only, one at a time, until the
/// suspect comes back from its shortest wait. It may come to another worker, which then makes room
/// itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    until: Instant,
    /// The suspect has its turn now.
    taken: bool,
}

impl Room {
    fn for_a_suspect(shortest_delay: Duration) -> Self {
        Self {
            until: Instant::now() + shortest_delay + LATE,
            taken: false,
        }
    }

    pub(super) fn take(&mut self) {
        self.taken = true;
    }

    /// After a turn in it: is it still needed?
    pub(super) fn is_kept(&self) -> bool {
        !self.taken
    }
}

/// Returns when the suspect is no longer waited for.
pub(super) async fn expired(room: Option<Room>) {
    match room {
        Some(room) => tokio::time::sleep_until(room.until).await,
        None => std::future::pending().await,
    }
}

impl Worker {
    /// One that has to run alone, and whose time has come: on its way over the delay queues nobody
    /// makes room for it.
    pub(super) fn is_due_suspect(&self, delivery: &Delivery) -> bool {
        self.suspect_until(&delivery.message)
            .is_some_and(|until| until <= self.pipeline.retrier.clock.now())
    }

    /// Takes nothing more, and lets what is in hand end. The suspect itself is parked meanwhile: a
    /// crash of somebody else would count as its death. `None` where somebody takes too long: the
    /// suspect is tried again when it comes back.
    pub(super) async fn make_room(
        self: &Arc<Self>,
        feed: &mut Feed,
        generation: &Arc<Generation>,
        turns: &TaskTracker,
        stop: &CancellationToken,
    ) -> Option<Room> {
        for delivery in feed.stop().await {
            drop(self.start(delivery, generation, turns, false));
        }
        turns.close();
        tokio::select! {
            biased;
            () = turns.wait() => {}
            () = stop.cancelled() => {}
            () = generation.over() => {}
            // Somebody is held up for minutes, by a throttle say: the others need not wait for
            // that.
            () = tokio::time::sleep(ROOM_PATIENCE) => {}
        }
        turns.reopen();
        turns
            .is_empty()
            .then(|| Room::for_a_suspect(self.settings.queues.shortest_delay()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_suspected_taken_alone_and_given_up() {
        for (deaths, returns, is_alone, expected) in [
            (None, 0, false, Suspicion::None),
            (None, 2, false, Suspicion::None),
            (None, 3, false, Suspicion::Park(0)),
            (None, 19, false, Suspicion::Park(0)),
            (Some(0), 0, false, Suspicion::Park(0)),
            (Some(0), 0, true, Suspicion::Alone),
            (Some(0), 4, true, Suspicion::Alone),
            (Some(0), 5, true, Suspicion::Poison),
            (Some(3), 1, false, Suspicion::Park(4)),
            (Some(3), 2, false, Suspicion::Poison),
            (Some(u32::MAX), u32::MAX, true, Suspicion::Poison),
        ] {
            assert_eq!(
                Suspicion::of(deaths, returns, is_alone),
                expected,
                "{deaths:?} {returns} {is_alone}"
            );
        }
    }
}
