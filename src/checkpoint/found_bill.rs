//! What a job asks about its bill, and what it finds.

use crate::domain::seen_bill::{BillMark, BillTraits, EarlierJobs};
use crate::seal::KeyedHash;

/// A job that asks whether an earlier one was about its bill.
pub struct Claimant<'a> {
    pub job_id: &'a str,
    pub bill: &'a BillTraits,
    /// Its image is known: an earlier job probably left a mark.
    pub is_known: bool,
    /// An earlier job knew no number of it: it is looked for by its image as well.
    pub was_unread: bool,
}

/// The earlier jobs about a bill, and the marks that this job left.
#[derive(Default)]
pub struct BillClaim {
    pub earlier: EarlierJobs,
    pub(super) own: Vec<OwnMark>,
    /// The marks of other jobs that were read on the way.
    pub(super) others: Vec<(KeyedHash, BillMark)>,
    /// Its own marks have to be written anew.
    pub is_changed: bool,
}

pub(super) struct OwnMark {
    pub(super) hash: KeyedHash,
    pub(super) name: String,
    pub(super) mark: BillMark,
}

impl BillClaim {
    /// Adds what the registry knows of the bill: its code, and what was misread in the picture. The
    /// registry may call it red-lettered: one that replaces it must not be taken for the same bill.
    #[must_use]
    pub fn registered(mut self, bill: &BillTraits, is_red_lettered: bool) -> Self {
        let hashed = |hash: &KeyedHash| bill.hashed(|kind, parts| hash.of(kind, parts));
        for own in &mut self.own {
            self.is_changed |= own.mark.add(&hashed(&own.hash)) || is_red_lettered;
            if is_red_lettered {
                own.mark.redden();
            }
        }
        for (hash, mark) in &self.others {
            if let Some(by) = mark.same_by(&hashed(hash)) {
                self.earlier.add(mark, by);
            }
        }
        self
    }

    pub(super) fn found(mut self, other: Self) -> Self {
        self.own.extend(other.own);
        self.others.extend(other.others);
        Self {
            earlier: self.earlier.or(other.earlier),
            ..self
        }
    }
}
