//! One look at a worker, and how much its counters have grown since the look before. Pure.

use super::exposition::{CALLS, JOBS, Sample, Samples, Series};
use std::collections::HashMap;

/// One look at a worker.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) worker: String,
    /// Seconds since the epoch.
    pub(super) at: f64,
    /// Its metrics, or why there are none.
    pub(super) said: Result<Samples, String>,
}

/// A counter and how fast it grows; the latter is known from the second look on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Count {
    pub(super) total: f64,
    pub(super) per_second: Option<f64>,
}

impl Count {
    pub(super) fn add(&mut self, other: Self) {
        self.total += other.total;
        self.per_second = match (self.per_second, other.per_second) {
            (Some(ours), Some(theirs)) => Some(ours + theirs),
            (ours, theirs) => ours.or(theirs),
        };
    }
}

/// How much a worker's counters have grown since the look before.
pub(super) struct Growth<'a> {
    /// What they were, and how many seconds ago.
    before: Option<(HashMap<Series<'a>, f64>, f64)>,
}

impl<'a> Growth<'a> {
    /// Nothing is known about the first look, and about one after a look that was not answered.
    pub(super) fn between(before: Option<&'a Look>, look: &Look) -> Self {
        let before = before
            .filter(|before| before.worker == look.worker)
            .and_then(|before| Some((before.said.as_ref().ok()?, look.at - before.at)))
            .filter(|(_, seconds)| *seconds > 0.0);
        let before = before.map(|(samples, seconds)| {
            let counters = [JOBS, CALLS].into_iter().flat_map(|name| samples.of(name));
            let known = counters.map(|sample| (sample.series(), sample.value));
            (known.collect(), seconds)
        });
        Self { before }
    }

    pub(super) fn count(&self, sample: &Sample) -> Count {
        let per_second = self.before.as_ref().map(|(known, seconds)| {
            let before = known.get(&sample.series()).copied().unwrap_or(0.0);
            // A worker that was started again counts from nought.
            let grown = if sample.value >= before {
                sample.value - before
            } else {
                sample.value
            };
            grown / seconds
        });
        Count {
            total: sample.value,
            per_second,
        }
    }
}
