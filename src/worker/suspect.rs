//! The job that kills its worker: found, taken alone, and after some deaths given up, so that it takes no other job with it.
//!
//! A crash returns everything that was handed out, innocents included. So a job that was returned a few times is only suspected: it is
//! parked, and when it comes back it runs with nothing else in flight. Then its deaths are its own.

use super::Worker;
use super::feed::Feed;
use super::session::Generation;
use crate::broker::{Delivery, SUSPECT};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Returned so often by crashes, its own or others', a job is suspected (contract, delivery counts).
const SUSPECTED_FROM: u32 = 3;
/// Deaths while it was alone.
const POISON_FROM: u32 = 5;

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
    pub(super) fn of(delivery: &Delivery, is_alone: bool) -> Self {
        suspicion(deaths(delivery), delivery.delivery_count, is_alone)
    }
}

/// Is it one that has to run alone?
pub(super) fn is_suspect(delivery: &Delivery) -> bool {
    deaths(delivery).is_some()
}

/// Of a suspect, counted when it was last parked.
fn deaths(delivery: &Delivery) -> Option<u32> {
    delivery.message.properties.headers.number(SUSPECT).map(|deaths| u32::try_from(deaths.max(0)).unwrap_or(u32::MAX))
}

fn suspicion(deaths: Option<u32>, returns: u32, is_alone: bool) -> Suspicion {
    match deaths.map(|deaths| deaths.saturating_add(returns)) {
        None if returns >= SUSPECTED_FROM => Suspicion::Park(0),
        None => Suspicion::None,
        Some(deaths) if deaths >= POISON_FROM => Suspicion::Poison,
        Some(_) if is_alone => Suspicion::Alone,
        Some(deaths) => Suspicion::Park(deaths),
    }
}

impl Worker {
    /// Takes nothing more, lets everything else end, and gives the suspect its turn. Other suspects that were received meanwhile park
    /// themselves; so does this one where the worker is to stop.
    pub(super) async fn take_alone(
        self: &Arc<Self>,
        suspect: Delivery,
        feed: &mut Feed,
        generation: &Arc<Generation>,
        turns: &TaskTracker,
        stop: &CancellationToken,
    ) {
        for delivery in feed.stop().await {
            drop(self.start(delivery, generation, turns));
        }
        turns.close();
        let is_alone = tokio::select! {
            () = turns.wait() => true,
            () = stop.cancelled() => false,
            () = generation.over() => false,
        };
        turns.reopen();
        // Boxed: the whole line is one future of many kilobytes.
        Box::pin(self.turn(suspect, generation, is_alone)).await;
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
            assert_eq!(suspicion(deaths, returns, is_alone), expected, "{deaths:?} {returns} {is_alone}");
        }
    }
}
