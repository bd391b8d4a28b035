//! What breaks, and when: drawn from the seed. The times are counted in answers, so that a slow
//! machine meets the same faults.

use super::arguments::Arguments;
use super::rabbit::Downfall;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use std::time::Duration;

/// The plan of the orders has the seed itself.
const ANOTHER: u64 = 0x5eed;
/// A wire that is held for so long is found dead by both ends; in a short run nothing waits so
/// long.
const DEAD: Duration = Duration::from_secs(25);
const LONG_RUN: usize = 1_000;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    /// So many orders are answered by then.
    pub(crate) answered: usize,
    /// And so long after that.
    pub(crate) later: Duration,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Kill {
        worker: usize,
        away: Duration,
    },
    Cut {
        worker: usize,
        how: Cut,
    },
    Restart(Downfall),
    /// The queue that refused takes answers from now on.
    Relief,
}

/// A wire to the broker that is cut, held or slowed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Severed,
    Reset,
    Refused(Duration),
    Held(Duration),
    Slowed {
        each_piece: Duration,
        lasts: Duration,
    },
}

/// In the order of their moments.
pub(crate) fn plan(arguments: &Arguments) -> Vec<Planned> {
    let mut chance = StdRng::seed_from_u64(arguments.seed ^ ANOTHER);
    let Arguments {
        jobs,
        kills,
        restarts,
        cuts,
        workers,
        ..
    } = *arguments;
    let mut what = Vec::new();
    for _ in 0..kills {
        what.push(What::Kill {
            worker: chance.random_range(0..workers),
            away: millis(&mut chance, 100, 1_500),
        });
    }
    for number in 0..restarts {
        what.push(What::Restart(if number % 2 == 0 {
            Downfall::Killed
        } else {
            Downfall::Stopped
        }));
    }
    for number in 0..cuts {
        let worker = chance.random_range(0..workers);
        what.push(What::Cut {
            worker,
            how: cut(number, jobs >= LONG_RUN, &mut chance),
        });
    }
    what.shuffle(&mut chance);
    let (first, last) = (jobs / 30, jobs * 8 / 10);
    let mut moments: Vec<usize> = what
        .iter()
        .map(|_| chance.random_range(first..=last))
        .collect();
    moments.sort_unstable();
    let mut planned: Vec<Planned> = moments
        .into_iter()
        .zip(what)
        .map(|(answered, what)| Planned {
            answered,
            later: millis(&mut chance, 0, 700),
            what,
        })
        .collect();
    planned.push(Planned {
        answered: jobs / 2,
        later: Duration::ZERO,
        what: What::Relief,
    });
    planned.sort_by_key(|planned| planned.answered);
    planned
}

/// Every kind in turn.
fn cut(number: usize, long_run: bool, chance: &mut StdRng) -> Cut {
    match number % 5 {
        0 => Cut::Severed,
        1 if long_run && number % 2 == 1 => Cut::Held(DEAD),
        1 => Cut::Held(millis(chance, 1_000, 6_000)),
        2 => Cut::Reset,
        3 => Cut::Slowed {
            each_piece: millis(chance, 5, 100),
            lasts: millis(chance, 1_000, 5_000),
        },
        _ => Cut::Refused(millis(chance, 500, 3_000)),
    }
}

fn millis(chance: &mut StdRng, from: u64, to: u64) -> Duration {
    Duration::from_millis(chance.random_range(from..to))
}
