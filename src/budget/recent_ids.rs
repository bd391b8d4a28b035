//! The calls that were counted last, so that a call that is told twice is counted once. Pure.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// A call that is told again is told again soon: by the worker that published it twice, or by the
/// one that was handed its job next. So many are kept, in less than 10 MB.
const MOST: usize = 200_000;

/// A call's id, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CallKey(u64);

impl CallKey {
    /// Ids are hashes in hexadecimal digits, and few enough that eight bytes of one are its own.
    pub(super) fn of(id: &str) -> Self {
        let number = u64::from_str_radix(id, 16).ok();
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        Self(number.unwrap_or_else(|| hasher.hash_one(id)))
    }
}

/// The latest ids.
#[derive(Debug, Default)]
pub(super) struct RecentIds {
    known: HashSet<CallKey>,
    order: VecDeque<CallKey>,
}

impl RecentIds {
    /// Returns whether it is new.
    pub(super) fn insert(&mut self, key: CallKey) -> bool {
        if !self.known.insert(key) {
            return false;
        }
        if self.order.len() == MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(key);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_until_many_others_came_after_it() {
        let mut recent = RecentIds::default();
        let key = |number: usize| CallKey::of(&format!("{number:016x}"));
        assert!(recent.insert(key(0)) && !recent.insert(key(0)));
        for number in 1..MOST {
            assert!(recent.insert(key(number)));
        }
        assert!(!recent.insert(key(0)));
        assert!(recent.insert(key(MOST)));
        assert!(recent.insert(key(0)), "the oldest is forgotten");
        assert_eq!(recent.known.len(), MOST);
    }

    #[test]
    fn ids_of_another_form_are_told_apart_as_well() {
        assert_eq!(CallKey::of("00000000000000ff"), CallKey::of("ff"));
        assert_eq!(CallKey::of("another form"), CallKey::of("another form"));
        assert_ne!(CallKey::of("another form"), CallKey::of("another"));
    }
}
