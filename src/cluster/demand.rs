//! Whether this worker has calls to make. Only then it has a share of the rate: a worker that is
//! idle, paused or draining leaves its share to the others.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[derive(Debug, Default)]
pub(super) struct Demand {
    waiting: AtomicUsize,
    /// A call has waited since the last report.
    since_report: AtomicBool,
    /// The content of the last report.
    reported: AtomicBool,
}

/// A call that is to be made. The worker has work for as long as it waits.
#[derive(Debug)]
#[must_use]
pub struct WaitingCall<'a>(&'a Demand);

impl Demand {
    /// Also returns whether the other workers do not know yet that there is work.
    pub(super) fn wait(&self) -> (WaitingCall<'_>, bool) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.since_report.store(true, Ordering::SeqCst);
        (
            WaitingCall(self),
            !self.reported.swap(true, Ordering::SeqCst),
        )
    }

    /// Whether there is work, for the next heartbeat. A moment without a waiting call is no
    /// idleness.
    pub(super) fn report(&self) -> bool {
        // A call that comes between these lines is announced once too often.
        self.reported.store(false, Ordering::SeqCst);
        let has_work = self.since_report.swap(false, Ordering::SeqCst)
            || self.waiting.load(Ordering::SeqCst) > 0;
        if has_work {
            self.reported.store(true, Ordering::SeqCst);
        }
        has_work
    }
}

impl Drop for WaitingCall<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_announced_once_when_it_comes_and_once_when_it_is_gone() {
        let demand = Demand::default();
        assert!(!demand.report());
        let (first, is_news) = demand.wait();
        assert!(is_news);
        let (second, is_news) = demand.wait();
        assert!(!is_news, "they know");
        drop(first);
        assert!(demand.report() && demand.report(), "one still waits");
        drop(second);
        drop(demand.wait());
        assert!(demand.report(), "there was one since");
        assert!(!demand.report());
        assert!(demand.wait().1);
    }
}
