//! The order in which classes of calls take turns. Pure.
//!
//! Each class has a virtual time, which grows by the reverse of its weight with every turn. The next
//! turn goes to the class that waits with the least virtual time: over many turns, classes that
//! always have something to do get turns in the ratio of their weights. A class that had nothing to
//! do begins at the present virtual time: it is owed nothing for the turns that it did not want.

use std::collections::VecDeque;

/// The virtual time that a turn takes of a class with weight 1. Large, so that rounding does not
/// show; a `u64` lasts for 2^40 such turns.
const TURN: u64 = 1 << 24;

/// Names one caller.
pub(super) type Ticket = u64;

/// Who waits for a turn, and who has it.
#[derive(Debug)]
pub(super) struct TurnOrder {
    classes: Vec<TurnClass>,
    holder: Option<(usize, Ticket)>,
    /// The virtual time at which the last turn began.
    now: u64,
    next_ticket: Ticket,
}

#[derive(Debug)]
struct TurnClass {
    /// The virtual time that one turn takes.
    turn: u64,
    /// The virtual time at which its next turn begins.
    next: u64,
    /// In the order in which they came.
    waiting: VecDeque<Ticket>,
}

impl TurnOrder {
    /// A class for each of the weights, of which there is at least one; a weight of 0 counts as 1.
    pub(super) fn new(weights: impl IntoIterator<Item = u32>) -> Self {
        let class = |weight: u32| TurnClass {
            turn: TURN / u64::from(weight.max(1)),
            next: 0,
            waiting: VecDeque::new(),
        };
        Self {
            classes: weights.into_iter().map(class).collect(),
            holder: None,
            now: 0,
            next_ticket: 0,
        }
    }

    /// One more caller of this class waits; it may have the turn at once. A class that does not
    /// exist is the last one.
    pub(super) fn join(&mut self, class: usize) -> Ticket {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let class = class.min(self.classes.len() - 1);
        let has_turn = self.holder.is_some_and(|(holder, _)| holder == class);
        let TurnClass { next, waiting, .. } = &mut self.classes[class];
        if waiting.is_empty() && !has_turn {
            *next = self.now.max(*next);
        }
        waiting.push_back(ticket);
        if self.holder.is_none() {
            self.choose();
        }
        ticket
    }

    /// The caller has gone: it has used its turn, or gives it up or waits no more. A turn that was
    /// not used costs its class nothing.
    pub(super) fn leave(&mut self, ticket: Ticket, has_used: bool) {
        match self.holder {
            Some((class, holder)) if holder == ticket => {
                if !has_used {
                    let TurnClass { turn, next, .. } = &mut self.classes[class];
                    *next -= *turn;
                }
                self.holder = None;
                self.choose();
            }
            Some(_) | None => {
                for class in &mut self.classes {
                    class.waiting.retain(|waiting| *waiting != ticket);
                }
            }
        }
    }

    /// The caller that has the turn.
    pub(super) fn holder(&self) -> Option<Ticket> {
        self.holder.map(|(_, ticket)| ticket)
    }

    fn choose(&mut self) {
        let waiting = self.classes.iter().enumerate();
        let waiting = waiting.filter_map(|(index, class)| {
            let first = *class.waiting.front()?;
            Some((class.next, first, index))
        });
        // Among equals, the caller that came first.
        let Some((began, ticket, index)) = waiting.min() else {
            // Nothing is left to be shared out: all begin anew as equals.
            self.now = self
                .classes
                .iter()
                .map(|class| class.next)
                .fold(self.now, u64::max);
            return;
        };
        let class = &mut self.classes[index];
        class.waiting.pop_front();
        class.next += class.turn;
        self.now = began;
        self.holder = Some((index, ticket));
    }
}

#[cfg(test)]
mod tests;
