//! Does this worker have calls to make? Only then it has a share of the rate: whoever is idle,
//! paused or draining leaves his to the others.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[derive(Debug, Default)]
pub(crate) struct Demand {
    waiting: AtomicUsize,
    /// There was some since the others were told last.
    since: AtomicBool,
    /// What they were told.
    told: AtomicBool,
}

/// A call that somebody wants to make, for as long as it waits.
#[derive(Debug)]
pub struct Wanted<'a>(&'a Demand);

impl Demand {
    /// With it: do the others not know yet that there is work?
    pub(crate) fn wanted(&self) -> (Wanted<'_>, bool) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.since.store(true, Ordering::SeqCst);
        (Wanted(self), !self.told.swap(true, Ordering::SeqCst))
    }

    /// What the others are told now. A moment without a waiting call is no idleness.
    pub(crate) fn told(&self) -> bool {
        // Whoever comes in between tells it once too often.
        self.told.store(false, Ordering::SeqCst);
        let is_there_some =
            self.since.swap(false, Ordering::SeqCst) || self.waiting.load(Ordering::SeqCst) > 0;
        if is_there_some {
            self.told.store(true, Ordering::SeqCst);
        }
        is_there_some
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_others_are_told_once_when_work_comes_and_once_when_it_is_gone() {
        let demand = Demand::default();
        assert!(!demand.told());
        let (first, is_news) = demand.wanted();
        assert!(is_news);
        let (second, is_news) = demand.wanted();
        assert!(!is_news, "they know");
        drop(first);
        assert!(demand.told() && demand.told(), "one still waits");
        drop(second);
        drop(demand.wanted());
        assert!(demand.told(), "there was one since");
        assert!(!demand.told());
        assert!(demand.wanted().1);
    }
}
