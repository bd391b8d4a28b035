//! The budget for image data: bytes that all jobs of this process hold together.

use crate::quota::{QueueWeights, Turns};
use crate::telemetry::metric;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits count kibibytes: a semaphore's count is smaller than memory can be.
const UNIT: u64 = 1024;

/// Cheap to clone; clones share the budget.
#[derive(Clone, Debug)]
pub struct ImageMemory {
    free: Arc<Semaphore>,
    /// The job that has the turn waits until as much is free as it needs.
    turns: Arc<Turns>,
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub struct Reserved {
    permit: Option<OwnedSemaphorePermit>,
    bytes: u64,
}

impl ImageMemory {
    pub fn new(bytes: u64) -> Self {
        let units = usize::try_from(bytes / UNIT)
            .unwrap_or(usize::MAX)
            .min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(units)),
            turns: Arc::new(Turns::new(QueueWeights::default())),
        }
    }

    /// The same budget, for which jobs of these queues wait by turns.
    #[must_use]
    pub fn shared_out_by(self, weights: QueueWeights) -> Self {
        Self {
            turns: Arc::new(Turns::new(weights)),
            ..self
        }
    }

    /// Waits until `bytes` are free. A job asks once and for all it will need, so that two jobs
    /// never wait for each other.
    pub async fn reserve(&self, bytes: u64) -> Reserved {
        self.reserve_for(None, bytes).await
    }

    /// Waits like [`ImageMemory::reserve`], for a job that came from this queue.
    pub async fn reserve_for(&self, queue: Option<&str>, bytes: u64) -> Reserved {
        let turn = self.turns.wait(queue).await;
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        // Never an error: the semaphore is never closed.
        let permit = Arc::clone(&self.free).acquire_many_owned(units).await.ok();
        turn.use_up();
        metric::image_memory_taken(bytes);
        Reserved { permit, bytes }
    }
}

impl Reserved {
    /// Gives back what turned out not to be needed.
    pub fn shrink_to(&mut self, bytes: u64) {
        if bytes >= self.bytes {
            return;
        }
        if let Some(permit) = &mut self.permit {
            let keep = usize::try_from(bytes.div_ceil(UNIT)).unwrap_or(usize::MAX);
            let spare = permit.num_permits().saturating_sub(keep);
            drop(permit.split(spare));
        }
        metric::image_memory_given_back(self.bytes - bytes);
        self.bytes = bytes;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        metric::image_memory_given_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_job_waits_until_its_bytes_are_free() {
        let memory = ImageMemory::new(10 * UNIT);
        let mut first = memory.reserve(8 * UNIT).await;
        let soon = Duration::from_secs(1);
        assert!(
            tokio::time::timeout(soon, memory.reserve(4 * UNIT))
                .await
                .is_err()
        );
        first.shrink_to(2 * UNIT);
        let second = memory.reserve(4 * UNIT).await;
        assert!(
            tokio::time::timeout(soon, memory.reserve(8 * UNIT))
                .await
                .is_err()
        );
        drop((first, second));
        memory.reserve(10 * UNIT).await;
    }
}
