//! Which ids were there before. An event or a call of the ledger is told twice within a redelivery's
//! time, so the oldest ids may be forgotten: the memory is bounded however long the ledger is.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};

/// A whole ledger is read once, by a command that does nothing else. A set of them takes 19 MiB.
const OF_A_COMMAND: usize = 1_500_000;

/// Ids as 64 bits each: of a million, two are taken for one with a chance of 1 to 37 million.
#[derive(Debug)]
pub struct SeenIds {
    /// So many ids are known at the least, and twice as many at the most.
    generation: usize,
    hasher: RandomState,
    latest: HashSet<u64>,
    before: HashSet<u64>,
}

impl Default for SeenIds {
    fn default() -> Self {
        Self::at_least(OF_A_COMMAND)
    }
}

impl SeenIds {
    /// At least so many of the latest ids are known, each in 10 to 20 bytes.
    pub fn at_least(generation: usize) -> Self {
        Self {
            generation,
            hasher: RandomState::new(),
            latest: HashSet::new(),
            before: HashSet::new(),
        }
    }

    /// Notes an id, and returns whether it is new.
    pub fn insert(&mut self, id: &(impl Hash + ?Sized)) -> bool {
        let id = self.hasher.hash_one(id);
        if self.before.contains(&id) || !self.latest.insert(id) {
            return false;
        }
        if self.latest.len() >= self.generation {
            self.before = std::mem::take(&mut self.latest);
        }
        true
    }

    pub fn contains(&self, id: &impl Hash) -> bool {
        let id = self.hasher.hash_one(id);
        self.latest.contains(&id) || self.before.contains(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_oldest_ids_are_forgotten_and_no_others() {
        let mut seen = SeenIds::at_least(10);
        for id in 0..25_u32 {
            assert!(seen.insert(&id), "{id}");
            assert!(!seen.insert(&id), "{id}");
        }
        let known: Vec<u32> = (0..25).filter(|id| seen.contains(id)).collect();
        assert_eq!(known, (10..25).collect::<Vec<u32>>());
        assert!(seen.insert(&0), "it was forgotten");
    }

    proptest! {
        #[test]
        fn an_id_that_comes_back_soon_is_known(ids in prop::collection::vec(0u8..40, 0..200)) {
            // No more than forty are different, so none is forgotten.
            let (mut seen, mut all) = (SeenIds::at_least(40), HashSet::new());
            for id in ids {
                prop_assert_eq!(seen.insert(&id), all.insert(id));
                prop_assert!(seen.latest.len() + seen.before.len() <= 80);
            }
        }
    }
}
