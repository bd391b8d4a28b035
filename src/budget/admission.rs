//! Whether one more call fits into a budget, for one of several workers. Pure.
//!
//! All workers read the same ledger, so they agree on what has been spent. Each tells the others
//! what its calls in the air will cost: those that it has made, and that the ledger has not told
//! yet. What is then still free is divided among the workers that have calls to make, so that two
//! that decide at the same moment do not both take the last of it. While all workers have read and
//! heard the same, nothing is overspent. Otherwise they overspend by no more than the calls in the
//! air that one of them did not know of.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// This worker among those that have calls to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FleetPart {
    pub(super) workers: u32,
    /// Its position among them, from 0.
    pub(super) rank: u32,
}

/// The state of a budget, as this worker knows it: calls, or units of its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BudgetStanding {
    pub(super) amount: Decimal,
    /// The amount that the ledger has told as spent.
    pub(super) spent: Decimal,
    /// The calls in the air of this worker.
    pub(super) ours: Decimal,
    /// The calls in the air of the others, as they have told.
    pub(super) of_others: Decimal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Admitted,
    /// Calls in the air may use up what is left, or may turn out to cost nothing.
    NotNow,
    /// The amount left does not pay for the call.
    UsedUp,
}

impl FleetPart {
    /// A worker that is alone.
    pub(super) const WHOLE: Self = Self {
        workers: 1,
        rank: 0,
    };

    /// This worker's part of so many calls. The first workers have those that cannot be divided.
    fn of(self, calls: u64) -> u64 {
        let workers = u64::from(self.workers.max(1));
        calls / workers + u64::from(u64::from(self.rank) < calls % workers)
    }
}

impl BudgetStanding {
    /// Decides about a call of this cost.
    pub(super) fn admits(&self, cost: Decimal, part: FleetPart) -> Admission {
        if cost > self.left() {
            return Admission::UsedUp;
        }
        if cost.is_zero() {
            return Admission::Admitted;
        }
        let ours = cost.saturating_mul(Decimal::from(part.of(self.free_calls(cost))));
        if self.ours.saturating_add(cost) <= ours {
            Admission::Admitted
        } else {
            Admission::NotNow
        }
    }

    /// Whether the others should hear at once of this worker's calls in the air, of which they were
    /// told `told`: what they do not know of is a small part of what this worker may spend.
    pub(super) fn is_news(&self, told: Decimal, cost: Decimal, part: FleetPart) -> bool {
        /// So many times is its part told of while it is spent.
        const PARTS: u64 = 8;
        let step = self.free_calls(cost) / PARTS / u64::from(part.workers.max(1));
        let step = cost.saturating_mul(Decimal::from(step.max(1)));
        let change = self.ours.saturating_sub(told).abs();
        !cost.is_zero() && change >= step
    }

    /// The amount that the ledger has not told as spent.
    pub(super) fn left(&self) -> Decimal {
        self.amount.saturating_sub(self.spent)
    }

    /// So many calls of this cost are neither spent nor in the air elsewhere.
    fn free_calls(&self, cost: Decimal) -> u64 {
        let free = self.left().saturating_sub(self.of_others);
        if free < cost {
            return 0;
        }
        let calls = free.checked_div(cost).map(|calls| calls.floor());
        calls.and_then(|calls| calls.to_u64()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decided(amount: &str, spent: &str, ours: &str, of_others: &str, cost: &str) -> Admission {
        let number = |text: &str| Decimal::from_str_exact(text).unwrap();
        let standing = BudgetStanding {
            amount: number(amount),
            spent: number(spent),
            ours: number(ours),
            of_others: number(of_others),
        };
        standing.admits(number(cost), FleetPart::WHOLE)
    }

    #[test]
    fn a_call_is_made_if_the_budget_pays_for_it_whatever_becomes_of_those_in_the_air() {
        for (amount, spent, ours, of_others, cost, expected) in [
            ("200", "0", "0", "0", "1", Admission::Admitted),
            ("200", "199", "0", "0", "1", Admission::Admitted),
            ("200", "198", "1", "0", "1", Admission::Admitted),
            ("200", "198", "0", "1", "1", Admission::Admitted),
            ("200", "199", "1", "0", "1", Admission::NotNow),
            ("200", "199", "0", "1", "1", Admission::NotNow),
            ("200", "150", "0", "90", "1", Admission::NotNow),
            ("200", "200", "0", "0", "1", Admission::UsedUp),
            ("200", "205", "0", "0", "1", Admission::UsedUp),
            // The last 20 cents pay for no call.
            ("500", "499.65", "0", "0", "0.35", Admission::Admitted),
            ("500", "499.80", "0", "0", "0.35", Admission::UsedUp),
            ("1", "0", "0.7", "0", "0.35", Admission::NotNow),
            ("1", "1", "0", "0", "0", Admission::Admitted),
            ("1", "2", "0", "0", "0", Admission::UsedUp),
            // Far more calls than can be counted.
            (
                "1000000000000",
                "0",
                "0",
                "0",
                "0.000001",
                Admission::Admitted,
            ),
        ] {
            assert_eq!(
                decided(amount, spent, ours, of_others, cost),
                expected,
                "{amount}, {spent} spent, {ours} and {of_others} in the air, a call of {cost}"
            );
        }
    }

    fn standing(amount: u64, spent: u64, ours: u64, of_others: u64) -> BudgetStanding {
        BudgetStanding {
            amount: Decimal::from(amount),
            spent: Decimal::from(spent),
            ours: Decimal::from(ours),
            of_others: Decimal::from(of_others),
        }
    }

    #[test]
    fn what_is_free_is_divided_among_the_workers() {
        for (free, workers, parts) in [
            (200, 4, [50, 50, 50, 50]),
            (7, 4, [2, 2, 2, 1]),
            (2, 4, [1, 1, 0, 0]),
            (5, 1, [5, 5, 5, 5]),
        ] {
            for rank in 0..workers {
                let part = FleetPart { workers, rank };
                let fits = |ours: &u64| {
                    standing(free, 0, *ours, 0).admits(Decimal::ONE, part) == Admission::Admitted
                };
                assert_eq!((0..300).take_while(fits).count(), parts[rank as usize]);
            }
        }
    }

    #[test]
    fn the_others_hear_the_more_often_the_less_is_free() {
        let part = FleetPart {
            workers: 4,
            rank: 0,
        };
        for (left, ours, told, is_news) in [
            (3_200, 99, 0, false),
            (3_200, 100, 0, true),
            (3_200, 200, 120, false),
            (3_200, 20, 120, true),
            (60, 0, 0, false),
            (60, 1, 0, true),
            (60, 3, 4, true),
            (0, 1, 0, true),
        ] {
            let standing = standing(left, 0, ours, 0);
            let (told, cost) = (Decimal::from(told), Decimal::ONE);
            assert_eq!(
                standing.is_news(told, cost, part),
                is_news,
                "{left} {ours} {told}"
            );
        }
        assert!(!standing(9, 0, 5, 0).is_news(Decimal::ZERO, Decimal::ZERO, part));
    }

    #[derive(Clone, Copy, Debug)]
    enum Move {
        /// This worker makes a call, if it may.
        Call(usize),
        /// One of its calls ends, and is paid for or not.
        End(usize, bool),
        /// It reads the next event of the ledger.
        Read(usize),
        /// It tells the others of its calls in the air.
        Tell(usize),
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = (0..4_usize, 0..9_u8).prop_map(|(worker, kind)| match kind {
            0..=3 => Move::Call(worker),
            4 | 5 => Move::Read(worker),
            6 => Move::End(worker, true),
            7 => Move::End(worker, false),
            _ => Move::Tell(worker),
        });
        proptest::collection::vec(one, 0..400)
    }

    /// Workers that share one budget of calls.
    struct Fleet {
        amount: u64,
        /// Whose each paid call was, in the order in which the ledger tells them.
        ledger: Vec<usize>,
        /// Of each worker: the events that it has read.
        read: Vec<usize>,
        /// Its calls in the air, of which some have ended, and what it has told the others of them.
        ours: Vec<u64>,
        running: Vec<u64>,
        told: Vec<u64>,
    }

    impl Fleet {
        fn of(workers: usize, amount: u64) -> Self {
            Self {
                amount,
                ledger: Vec::new(),
                read: vec![0; workers],
                ours: vec![0; workers],
                running: vec![0; workers],
                told: vec![0; workers],
            }
        }

        /// All calls that are paid for, or may be.
        fn made(&self) -> u64 {
            self.ledger.len() as u64 + self.running.iter().sum::<u64>()
        }

        fn of_others(&self, worker: usize) -> u64 {
            self.told.iter().sum::<u64>() - self.told[worker]
        }

        /// Returns by how many calls more the amount may now be exceeded: those that the worker
        /// which made one did not know of.
        fn take(&mut self, step: Move) -> u64 {
            let workers = self.read.len();
            match step {
                Move::Call(worker) if worker < workers => {
                    let part = FleetPart {
                        workers: u32::try_from(workers).unwrap(),
                        rank: u32::try_from(worker).unwrap(),
                    };
                    let (read, ours) = (self.read[worker] as u64, self.ours[worker]);
                    let of_others = self.of_others(worker);
                    let standing = standing(self.amount, read, ours, of_others);
                    if standing.admits(Decimal::ONE, part) == Admission::Admitted {
                        self.ours[worker] += 1;
                        self.running[worker] += 1;
                        return self.made().saturating_sub(read + ours + 1 + of_others);
                    }
                }
                Move::End(worker, is_paid) if worker < workers && self.running[worker] > 0 => {
                    self.running[worker] -= 1;
                    if is_paid {
                        self.ledger.push(worker);
                    } else {
                        self.ours[worker] -= 1;
                    }
                }
                Move::Read(worker) if worker < workers => {
                    if let Some(owner) = self.ledger.get(self.read[worker]) {
                        self.ours[worker] -= u64::from(*owner == worker);
                        self.read[worker] += 1;
                    }
                }
                Move::Tell(worker) if worker < workers => self.told[worker] = self.ours[worker],
                Move::Call(_) | Move::End(..) | Move::Read(_) | Move::Tell(_) => {}
            }
            0
        }

        /// All workers read and hear at once what there is.
        fn agree(&mut self) {
            for worker in 0..self.read.len() {
                let news = &self.ledger[self.read[worker]..];
                let own = news.iter().filter(|owner| **owner == worker).count();
                self.ours[worker] -= own as u64;
                self.read[worker] = self.ledger.len();
            }
            self.told.clone_from(&self.ours);
        }
    }

    proptest! {
        #[test]
        fn workers_that_agree_overspend_nothing(
            amount in 0_u64..60,
            workers in 1_usize..5,
            moves in moves(),
        ) {
            let mut fleet = Fleet::of(workers, amount);
            for step in moves {
                fleet.take(step);
                fleet.agree();
                prop_assert!(fleet.made() <= amount, "{} of {amount}", fleet.made());
            }
        }

        #[test]
        fn workers_overspend_by_no_more_than_the_calls_in_the_air_that_one_did_not_know_of(
            amount in 0_u64..60,
            workers in 1_usize..5,
            moves in moves(),
        ) {
            let mut fleet = Fleet::of(workers, amount);
            let mut unknown = 0;
            for step in moves {
                unknown = fleet.take(step).max(unknown);
                let made = fleet.made();
                prop_assert!(made <= amount + unknown, "{made} of {amount} and {unknown}");
            }
        }
    }
}
