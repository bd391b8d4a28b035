//! What one account allows this worker: so many calls a second, and so many at once.

use super::in_flight::{InFlight, InFlightPermit};
use super::limiter::Limiter;
use crate::cluster::Membership;
use crate::domain::account::AccountName;
use crate::telemetry::metric;
use tokio::time::Instant;

pub struct AccountQuota {
    account: AccountName,
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

/// A call that was made in its slot; another one may have the slot by now.
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
        membership: Membership,
    ) -> Self {
        metric::rate_limit(account, rate_per_second);
        Self {
            account,
            limiter: Limiter::new(rate_per_second, burst),
            in_flight: InFlight::new(max_in_flight),
            max_in_flight,
            membership,
        }
    }

    /// Waits until one more call is in flight no longer than the provider bears, then for its place
    /// in the rate; both in the order in which the calls came. For as long as it waits, the rate is
    /// shared with this worker. Dropped while it waits, it takes nothing.
    pub async fn acquire(&self) -> CallSlot<'_> {
        let _waiting = self.membership.wait_for_call();
        let mut permit = self.in_flight.enter().await;
        let queued = Instant::now();
        let has_waited = self
            .limiter
            .acquire(|| self.membership.share(self.account))
            .await;
        metric::provider_wait(self.account, queued.elapsed());
        self.report_rate();
        permit.fly();
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

    /// To the other workers, what the provider grants; and to the metrics, what this worker uses.
    pub fn report_rate(&self) {
        self.membership
            .report_granted(self.account, self.limiter.used_up_part());
        metric::rate_limit(self.account, self.rate_per_second());
    }
}

impl<'a> CallSlot<'a> {
    /// The call is made now, which may be later than the slot was acquired.
    pub fn start(&mut self) {
        self.started = Instant::now();
    }

    /// The call is over. `is_telling`: the time that it took says how busy the provider is.
    pub fn end(self, is_telling: bool) -> EndedCall<'a> {
        if is_telling {
            self.permit.landed(self.started);
        }
        EndedCall {
            limiter: self.limiter,
            has_waited: self.has_waited,
            started: self.started,
        }
    }
}

impl EndedCall<'_> {
    /// The provider did not call it too fast.
    pub fn granted(self) {
        if self.has_waited {
            self.limiter.granted();
        }
    }

    /// The provider said that we call too fast.
    pub fn throttled(self) {
        self.limiter.lower(self.started);
    }
}
