//! A row of a table of kills: where the worker dies, what comes after, and what it all comes to.

use super::case::Case;
use super::play;
use super::row_run::{End, RowRun};
use super::stop::Stop;

#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    name: &'static str,
    case: Case,
    stop: Stop,
    then: &'static [Then],
    end: End,
}

/// What comes after the worker's death, in this order, while another one is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// A result.
    Answered,
    /// A copy that finds the answer already given.
    Dropped,
    /// A parked copy comes back.
    Woken,
    /// So many copies are parked.
    Waiting(u32),
    /// The reply queue takes results again.
    Welcome,
}

/// The job is simply answered.
pub(super) const ANSWERED: &[Then] = &[Then::Answered];

impl Row {
    pub(super) const fn new(
        name: &'static str,
        case: Case,
        stop: Stop,
        then: &'static [Then],
        paid: (u64, u64),
        results: usize,
    ) -> Self {
        Self {
            name,
            case,
            stop,
            then,
            end: End {
                paid,
                results,
                failed: 0,
            },
        }
    }

    /// With so many copies in the failed queue.
    pub(super) const fn failed(mut self, copies: u32) -> Self {
        self.end.failed = copies;
        self
    }
}

pub(super) async fn play_kills(rows: &[Row]) {
    play(rows, |row| row.name, killed).await;
}

async fn killed(row: &Row) {
    let mut run = RowRun::prepare(&row.case).await;
    let victim = run.stopped(&row.stop).await;
    run.kill(victim).await;
    let mut heir = run.worker();
    for then in row.then {
        match then {
            Then::Answered => run.result().await,
            Then::Dropped => drop(
                heir.event("another copy of this run was answered; this one is dropped")
                    .await,
            ),
            Then::Woken => run.wake().await,
            Then::Waiting(copies) => run.holds(&run.system.longest_wait(), *copies).await,
            Then::Welcome => run.reads_the_full_queue().await,
        }
    }
    run.ends(vec![heir], &row.end).await;
}
