//! Which ids were there before. An event is told twice within a redelivery's time, so the oldest ids
//! may be forgotten: the memory is bounded however long the ledger is.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};

/// So many ids are known at the least, and twice as many at the most. A set of them takes 19 MiB.
const GENERATION: usize = 1_500_000;

/// Ids as 64 bits each: of a million, two are taken for one with a chance of 1 to 37 million.
#[derive(Debug, Default)]
pub struct SeenIds {
    hasher: RandomState,
    latest: HashSet<u64>,
    before: HashSet<u64>,
}

impl SeenIds {
    /// Notes an id, and returns whether it is new.
    pub fn insert(&mut self, id: &impl Hash) -> bool {
        self.insert_within(id, GENERATION)
    }

    pub fn contains(&self, id: &impl Hash) -> bool {
        let id = self.hasher.hash_one(id);
        self.latest.contains(&id) || self.before.contains(&id)
    }

    fn insert_within(&mut self, id: &impl Hash, generation: usize) -> bool {
        let id = self.hasher.hash_one(id);
        if self.before.contains(&id) || !self.latest.insert(id) {
            return false;
        }
        if self.latest.len() >= generation {
            self.before = std::mem::take(&mut self.latest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_oldest_ids_are_forgotten_and_no_others() {
        let mut seen = SeenIds::default();
        for id in 0..25_u32 {
            assert!(seen.insert_within(&id, 10), "{id}");
            assert!(!seen.insert_within(&id, 10), "{id}");
        }
        let known: Vec<u32> = (0..25).filter(|id| seen.contains(id)).collect();
        assert_eq!(known, (10..25).collect::<Vec<u32>>());
        assert!(seen.insert_within(&0, 10), "it was forgotten");
    }

    proptest! {
        #[test]
        fn an_id_that_comes_back_soon_is_known(ids in prop::collection::vec(0u8..40, 0..200)) {
            let (mut seen, mut all) = (SeenIds::default(), HashSet::new());
            for id in ids {
                // No more than forty are different, so none is forgotten.
                prop_assert_eq!(seen.insert_within(&id, 40), all.insert(id));
                prop_assert!(seen.latest.len() + seen.before.len() <= 80);
            }
        }
    }
}
