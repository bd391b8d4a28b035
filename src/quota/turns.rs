//! Turns at something scarce, shared out among the job queues by their weights.
//!
//! One caller at a time has the turn and waits for what is scarce: an account's rate, or memory. The
//! others wait here, so that it is decided late which of them comes next. With one queue that is the
//! order in which they came. Nothing is reserved for a queue without work.

mod order;
mod weights;

pub use weights::QueueWeights;

use order::{Ticket, TurnOrder};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Lets one caller after the other have the turn.
#[derive(Debug)]
pub struct Turns {
    weights: QueueWeights,
    state: Mutex<TurnsState>,
}

#[derive(Debug)]
struct TurnsState {
    order: TurnOrder,
    /// How to tell those who wait that they have the turn.
    waiting: HashMap<Ticket, oneshot::Sender<()>>,
}

/// The turn, or a place among those who wait for it. Dropped, it passes on to the next caller.
#[derive(Debug)]
#[must_use]
pub struct TurnGuard<'a> {
    turns: &'a Turns,
    ticket: Ticket,
    has_used: bool,
}

impl Turns {
    pub fn new(weights: QueueWeights) -> Self {
        let order = TurnOrder::new(weights.weights());
        Self {
            weights,
            state: Mutex::new(TurnsState {
                order,
                waiting: HashMap::new(),
            }),
        }
    }

    /// Waits for the turn of a job that came from this queue. A future that is dropped while it
    /// waits takes no turn.
    pub async fn wait(&self, queue: Option<&str>) -> TurnGuard<'_> {
        let class = self.weights.class_of(queue);
        let (turn, told) = {
            let mut state = self.state();
            let ticket = state.order.join(class);
            let turn = TurnGuard {
                turns: self,
                ticket,
                has_used: false,
            };
            let told = (state.order.holder() != Some(ticket)).then(|| {
                let (sender, receiver) = oneshot::channel();
                state.waiting.insert(ticket, sender);
                receiver
            });
            (turn, told)
        };
        if let Some(told) = told {
            // Never an error: the sender is dropped with the turn only.
            let _ = told.await;
        }
        turn
    }

    fn state(&self) -> MutexGuard<'_, TurnsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TurnGuard<'_> {
    /// The caller got what it waited for: the turn counts for its queue.
    pub fn use_up(mut self) {
        self.has_used = true;
    }
}

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.state();
        state.waiting.remove(&self.ticket);
        state.order.leave(self.ticket, self.has_used);
        let next = state.order.holder();
        if let Some(next) = next.and_then(|next| state.waiting.remove(&next)) {
            // Err: it is being dropped, and will pass the turn on itself.
            let _ = next.send(());
        }
    }
}

#[cfg(test)]
mod tests;
