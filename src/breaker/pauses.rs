//! When some stage was paused, as far as jobs that slept through it need to know.

use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;

const MAX_PAUSES: usize = 100;

/// The pauses that are over, each from when until when.
#[derive(Clone, Debug, Default)]
pub(super) struct PauseHistory(VecDeque<(Timestamp, Timestamp)>);

impl PauseHistory {
    pub(super) fn record(&mut self, since: Timestamp, until: Timestamp) {
        if self.0.len() == MAX_PAUSES {
            self.0.pop_front();
        }
        self.0.push_back((since, until));
    }

    /// How much of this time some stage was paused; `current` are the beginnings of the pauses that
    /// go on.
    pub(super) fn between(
        &self,
        from: Timestamp,
        to: Timestamp,
        current: impl Iterator<Item = Timestamp>,
    ) -> SignedDuration {
        let mut spans: Vec<_> = self
            .0
            .iter()
            .copied()
            .chain(current.map(|since| (since, to)))
            .map(|(begin, end)| (begin.max(from), end.min(to)))
            .collect();
        spans.sort_unstable();
        let (mut reached, mut sum) = (from, SignedDuration::ZERO);
        // Pauses of two stages overlap; each moment counts once.
        for (begin, end) in spans {
            let begin = begin.max(reached);
            reached = reached.max(end);
            if end > begin {
                sum = sum.saturating_add(end.duration_since(begin));
            }
        }
        sum
    }
}
