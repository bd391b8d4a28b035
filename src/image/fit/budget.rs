//! Decoded pixels have a part of the image memory of their own, and a processor stays free for the
//! network.

use super::super::inspect::invalid;
use super::super::memory::ImageMemory;
use crate::domain::failure::Failure;
use crate::quota::{QueueWeights, Turns};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Cheap to clone; clones share the budget.
#[derive(Clone, Debug)]
pub struct DecodingBudget {
    memory: ImageMemory,
    processors: Arc<Semaphore>,
    /// The work that has the turn waits for a processor and for memory.
    turns: Arc<Turns>,
    /// The job queue that the work is for; `None` where that is not known.
    queue: Option<Arc<str>>,
    reads_qr: bool,
}

impl DecodingBudget {
    /// `bytes` of pixels at once, on all processors but one.
    pub fn new(bytes: u64) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            memory: ImageMemory::new(bytes),
            processors: Arc::new(Semaphore::new(processors.saturating_sub(1).max(1))),
            turns: Arc::new(Turns::new(QueueWeights::default())),
            queue: None,
            reads_qr: false,
        }
    }

    /// The same budget, for which work of these queues waits by turns.
    #[must_use]
    pub fn shared_out_by(self, weights: QueueWeights) -> Self {
        Self {
            turns: Arc::new(Turns::new(weights)),
            ..self
        }
    }

    /// The same budget, for a job that came from this queue.
    #[must_use]
    pub fn for_queue(&self, queue: Option<&str>) -> Self {
        Self {
            queue: queue.map(Arc::from),
            ..self.clone()
        }
    }

    /// Whether the bill's QR code is read in pixels that are decoded.
    #[must_use]
    pub fn reading_qr(self, reads_qr: bool) -> Self {
        Self { reads_qr, ..self }
    }

    pub fn reads_qr(&self) -> bool {
        self.reads_qr
    }

    /// Does work that decodes `bytes` of pixels, beside the runtime's threads. Given up, it still
    /// holds its part until it is over.
    ///
    /// # Errors
    /// What `work` fails with; `image.corrupt` where it panics.
    pub async fn run<T: Send + 'static>(
        &self,
        bytes: u64,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let turn = self.turns.wait(self.queue.as_deref()).await;
        // Never an error: the semaphore is never closed.
        let processor = Arc::clone(&self.processors).acquire_owned().await.ok();
        let reserved = self.memory.reserve(bytes).await;
        turn.use_up();
        let work = move || {
            let _held = (processor, reserved);
            work()
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
            Err(invalid(
                "image.corrupt",
                "the image brought its decoder down",
            ))
        })
    }
}
