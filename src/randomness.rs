//! Seeded randomness, so that a test can repeat its jitter.

use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The only value that [`Randomness::even`] draws.
const MIDDLE: f64 = 0.5;

/// Cheap to clone; clones draw from the same source.
#[derive(Clone, Debug)]
pub struct Randomness {
    source: Arc<Mutex<SmallRng>>,
    even: bool,
}

impl Randomness {
    pub fn seeded(seed: u64) -> Self {
        Self::of(SmallRng::seed_from_u64(seed))
    }

    /// A source with a seed from the operating system.
    pub fn from_system() -> Self {
        Self::of(rand::make_rng())
    }

    /// A source without jitter: every wait is the middle of its range, so that it can be predicted.
    /// Numbers still differ.
    pub fn even(seed: u64) -> Self {
        Self {
            even: true,
            ..Self::seeded(seed)
        }
    }

    /// At least 0, less than 1.
    pub fn unit(&self) -> f64 {
        if self.even {
            MIDDLE
        } else {
            self.source().random()
        }
    }

    pub fn number(&self) -> u64 {
        self.source().next_u64()
    }

    fn of(source: SmallRng) -> Self {
        Self {
            source: Arc::new(Mutex::new(source)),
            even: false,
        }
    }

    fn source(&self) -> MutexGuard<'_, SmallRng> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
