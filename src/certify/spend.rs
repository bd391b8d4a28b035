//! The bound on paid calls. It is hard: a call is made only while one more may be paid for, whether or
//! not the documents say that it is free, and an answer that never came counts as paid.

use crate::domain::failure::Billed;

/// Calls are made one after the other, so that what the last one cost is known before the next.
#[derive(Clone, Copy, Debug)]
pub struct SpendBound {
    most: u32,
    spent: u32,
}

impl SpendBound {
    pub fn new(most: u32) -> Self {
        Self { most, spent: 0 }
    }

    /// Whether another call may be made.
    pub fn allows_a_call(&self) -> bool {
        self.spent < self.most
    }

    /// Counts a call that was made.
    pub fn record(&mut self, billed: Billed) {
        self.spent += u32::from(billed != Billed::No);
    }

    pub fn most(&self) -> u32 {
        self.most
    }

    /// The calls that were paid for, or may have been.
    pub fn spent(&self) -> u32 {
        self.spent
    }
}
