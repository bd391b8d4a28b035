//! The quota of one account for this worker: calls a second, and calls at once.

use super::in_flight::{InFlight, InFlightPermit};
use super::limiter::Limiter;
use super::turns::{QueueWeights, Turns};
use crate::cluster::Membership;
use crate::domain::account::AccountName;
use crate::telemetry::metric;
use tokio::time::Instant;

pub struct AccountQuota {
    account: AccountName,
    turns: Turns,
    limiter: Limiter,
    in_flight: InFlight,
    max_in_flight: usize,
    membership: Membership,
}

/// The right to make one call now.
#[must_use]
pub struct CallSlot<'a> {
    limiter: &'a Limiter,
    permit: InFlightPermit<'a>,
    has_waited: bool,
    started: Instant,
}

/// A call that is over. Its slot may be taken by another call by now.
#[must_use]
pub struct EndedCall<'a> {
    limiter: &'a Limiter,
    has_waited: bool,
    started: Instant,
}

impl AccountQuota {
    /// `rate_per_second` is finite and above zero, and the others are at least one: the
    /// configuration was validated.
    pub fn new(
        account: AccountName,
        rate_per_second: f64,
        burst: u32,
        max_in_flight: usize,
        (membership, weights): (Membership, QueueWeights),
    ) -> Self {
        metric::quota(account, rate_per_second);
        metric::rate_limit(account, rate_per_second);
        Self {
            account,
            turns: Turns::new(weights),
            limiter: Limiter::new(rate_per_second, burst),
            in_flight: InFlight::new(max_in_flight),
            max_in_flight,
            membership,
        }
    }

    /// Waits for the turn of a job that came from this queue, then until one more call may be in
    /// flight, then for a place in the rate. While a call waits, this worker has a share of the rate.
    /// A future that is dropped while it waits takes nothing.
    pub async fn acquire(&self, queue: Option<&str>) -> CallSlot<'_> {
        let _waiting = self.membership.wait_for_call();
        let queued = Instant::now();
        let turn = self.turns.wait(queue).await;
        let mut permit = self.in_flight.enter().await;
        let has_waited = self
            .limiter
            .acquire(|| self.membership.share(self.account))
            .await;
        turn.use_up();
        metric::provider_wait(self.account, queued.elapsed());
        self.report_rate();
        permit.start();
        CallSlot {
            limiter: &self.limiter,
            permit,
            has_waited,
            started: Instant::now(),
        }
    }

    /// This worker's share of the account's rate, or as much of it as the provider grants.
    pub fn rate_per_second(&self) -> f64 {
        self.limiter
            .rate_per_second(self.membership.share(self.account))
    }

    pub fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    /// Reports the granted rate to the other workers, and the rate that this worker uses to the
    /// metrics.
    pub fn report_rate(&self) {
        self.membership
            .report_granted(self.account, self.limiter.used_up_part());
        metric::rate_limit(self.account, self.rate_per_second());
    }
}

impl<'a> CallSlot<'a> {
    /// Records that the call starts now, which may be later than the slot was acquired.
    pub fn start(&mut self) {
        self.started = Instant::now();
    }

    /// Ends the call. `is_representative` says whether its duration shows how busy the provider is.
    pub fn end(self, is_representative: bool) -> EndedCall<'a> {
        if is_representative {
            self.permit.end(self.started);
        }
        EndedCall {
            limiter: self.limiter,
            has_waited: self.has_waited,
            started: self.started,
        }
    }
}

impl EndedCall<'_> {
    /// Records that the provider did not refuse the call as too fast.
    pub fn granted(self) {
        if self.has_waited {
            self.limiter.granted();
        }
    }

    /// Records that the provider refused the call as too fast.
    pub fn throttled(self) {
        self.limiter.lower(self.started);
    }
}

#[cfg(test)]
mod tests;
