//! The weights of the job queues.

use std::sync::Arc;

/// The queues that jobs come from, and the weight of each. Cheap to clone. By default there is one
/// queue, whose name does not matter.
#[derive(Clone, Debug, Default)]
pub struct QueueWeights {
    queues: Arc<[(String, u32)]>,
    /// Of jobs that came from none of them.
    lightest: usize,
}

impl QueueWeights {
    pub fn new(queues: impl IntoIterator<Item = (String, u32)>) -> Self {
        let queues: Arc<[(String, u32)]> = queues.into_iter().collect();
        let weights = queues.iter().enumerate();
        let lightest = weights.min_by_key(|(_, (_, weight))| *weight);
        Self {
            lightest: lightest.map_or(0, |(index, _)| index),
            queues,
        }
    }

    /// The class of a job from this queue. One that is not configured, or not known, shares the
    /// class of the queue with the smallest weight.
    pub(super) fn class_of(&self, queue: Option<&str>) -> usize {
        queue
            .and_then(|queue| self.queues.iter().position(|(name, _)| name == queue))
            .unwrap_or(self.lightest)
    }

    /// One for each class, and at least one.
    pub(super) fn weights(&self) -> Vec<u32> {
        if self.queues.is_empty() {
            return vec![1];
        }
        self.queues.iter().map(|(_, weight)| *weight).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_of_an_unknown_queue_is_in_the_lightest_class() {
        let queues = [("a", 3), ("b", 1), ("c", 2), ("d", 1)];
        let weights = QueueWeights::new(queues.map(|(name, weight)| (name.to_owned(), weight)));
        for (queue, class) in [
            (Some("a"), 0),
            (Some("c"), 2),
            (Some("d"), 3),
            (Some("gone"), 1),
            (None, 1),
        ] {
            assert_eq!(weights.class_of(queue), class, "{queue:?}");
        }
        assert_eq!(weights.weights(), [3, 1, 2, 1]);
    }

    #[test]
    fn by_default_there_is_one_class() {
        let weights = QueueWeights::default();
        assert_eq!(weights.weights(), [1]);
        assert_eq!(weights.class_of(Some("any")), 0);
        assert_eq!(weights.class_of(None), 0);
    }
}
