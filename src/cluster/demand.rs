//! Whether this worker has calls to make. Only then does it have a share of the rate: a worker that
//! is idle, paused or draining leaves its share to the others.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[derive(Debug, Default)]
pub(super) struct Demand {
    waiting: AtomicUsize,
    /// A call has waited since the last report.
    since_report: AtomicBool,
    /// The content of the last report.
    reported: AtomicBool,
}

/// A call that waits to be made. While there is one, the worker has work.
#[derive(Debug)]
#[must_use]
pub struct WaitingCall<'a>(&'a Demand);

impl Demand {
    /// Registers a waiting call. Also returns whether the other workers have yet to be informed
    /// that there is work.
    pub(super) fn wait(&self) -> (WaitingCall<'_>, bool) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.since_report.store(true, Ordering::SeqCst);
        (
            WaitingCall(self),
            !self.reported.swap(true, Ordering::SeqCst),
        )
    }

    /// Returns whether there is work, for the next heartbeat. It is true also if a call has waited
    /// since the last report.
    pub(super) fn report(&self) -> bool {
        // A call that arrives between these lines is announced once too often, which is harmless.
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
        let (first, is_new) = demand.wait();
        assert!(is_new);
        let (second, is_new) = demand.wait();
        assert!(!is_new, "a second waiting call is not announced");
        drop(first);
        assert!(
            demand.report() && demand.report(),
            "there is work while one call waits"
        );
        drop(second);
        drop(demand.wait());
        assert!(demand.report(), "a call has waited since the last report");
        assert!(!demand.report());
        assert!(demand.wait().1);
    }
}
