//! What is taken from the queues: as much as may be in flight, one job at a time, a suspect alone,
//! or nothing.

use crate::breaker::Flow;
use crate::broker::{BrokerError, Config, Consumer, Delivery, Session};

/// Returned jobs do not queue behind the backlog: they have a small prefetch of their own
/// (contract, section 4).
const DUE_PREFETCH: u16 = 16;

/// Consumers of both queues, or none.
#[derive(Debug, Default)]
pub(super) struct Feed {
    intake: Intake,
    /// Of the jobs queue, where there is an intake in full.
    prefetch: u16,
    /// Where jobs are taken one at a time the queues take turns.
    due_is_next: bool,
    due: Option<Consumer>,
    jobs: Option<Consumer>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Intake {
    Full,
    /// One job at a time of each queue: a paused stage is probed.
    One,
    /// One returned job at a time, and nothing else is in hand: so a suspect is waited for.
    Alone,
    #[default]
    Nothing,
}

impl Feed {
    /// Takes so much from now on. What had been received by then is handed over: it has its turn,
    /// or is parked, and is never sent back, because that would count as a death of the job.
    pub(super) async fn follow(
        &mut self,
        intake: Intake,
        session: &Session,
        queues: &Config,
        prefetch: u16,
    ) -> Result<Vec<Delivery>, BrokerError> {
        let is_as_it_was = intake != Intake::Full || !is_worth_a_change(self.prefetch, prefetch);
        if intake == self.intake && is_as_it_was {
            return Ok(Vec::new());
        }
        let received = self.stop().await;
        let (due, jobs) = match intake {
            Intake::Full => (DUE_PREFETCH.min(prefetch), Some(prefetch)),
            Intake::One => (1, Some(1)),
            Intake::Alone => (1, None),
            Intake::Nothing => return Ok(received),
        };
        if let Some(jobs) = jobs {
            self.jobs = Some(session.consume(&queues.jobs_queue, jobs).await?);
        }
        self.due = Some(session.consume(&queues.due_queue, due).await?);
        self.intake = intake;
        self.prefetch = prefetch;
        self.due_is_next = false;
        Ok(received)
    }

    /// Has this worker so many jobs in hand that first some of them have to end? Those of a
    /// consumer that is gone count for no other.
    pub(super) fn is_too_full(&self, wanted: u16, in_hand: usize) -> bool {
        wanted < self.prefetch
            && is_worth_a_change(self.prefetch, wanted)
            && in_hand > usize::from(wanted)
    }

    /// Of the jobs queue.
    pub(super) fn prefetch(&self) -> u16 {
        self.prefetch
    }

    /// The next delivery, returned jobs first; `None` when a consumer was lost. For ever while
    /// nothing is taken.
    ///
    /// One at a time, a new job comes first: those that return have tried, and one that fails for
    /// itself must not keep the others out. The next one is a returned job: new ones may never get
    /// as far.
    pub(super) async fn next(&mut self) -> Option<Delivery> {
        let Self {
            due,
            jobs,
            intake,
            due_is_next,
            ..
        } = self;
        let (first, second) = if *intake == Intake::One && !*due_is_next {
            (jobs, due)
        } else {
            (due, jobs)
        };
        let delivery = tokio::select! {
            biased;
            delivery = next_of(first) => delivery,
            delivery = next_of(second) => delivery,
        };
        *due_is_next = !*due_is_next;
        delivery
    }

    /// Takes nothing more, and hands over what had been received.
    pub(super) async fn stop(&mut self) -> Vec<Delivery> {
        self.intake = Intake::Nothing;
        let mut received = Vec::new();
        for mut consumer in [self.due.take(), self.jobs.take()].into_iter().flatten() {
            consumer.cancel().await;
            while let Some(delivery) = consumer.next().await {
                received.push(delivery);
            }
        }
        received
    }
}

impl Intake {
    pub(super) fn of(flow: &Flow, waits_for_a_suspect: bool) -> Self {
        match flow {
            Flow::Shut(_) => Self::Nothing,
            _ if waits_for_a_suspect => Self::Alone,
            Flow::Open => Self::Full,
            Flow::Probe(_) => Self::One,
        }
    }

    /// The next job is taken when the one before it is done with.
    pub(super) fn is_single(self) -> bool {
        matches!(self, Self::One | Self::Alone)
    }
}

/// A consumer is made anew for it.
fn is_worth_a_change(prefetch: u16, wanted: u16) -> bool {
    prefetch.abs_diff(wanted) > (prefetch / 4).max(2)
}

async fn next_of(consumer: &mut Option<Consumer>) -> Option<Delivery> {
    match consumer {
        Some(consumer) => consumer.next().await,
        None => std::future::pending().await,
    }
}
