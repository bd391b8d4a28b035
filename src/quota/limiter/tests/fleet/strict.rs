//! A provider that counts the calls of the last second and allows no burst, over a network that is
//! late now and then.

use super::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::VecDeque;
use std::sync::MutexGuard;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// A provider with the calls that it has counted.
pub(super) struct Provider(Mutex<ProviderLedger>);

struct ProviderLedger {
    chance: StdRng,
    limit: usize,
    /// The calls admitted within the last second.
    admitted: VecDeque<Instant>,
    granted: Vec<f64>,
    refused: Vec<f64>,
}

impl Provider {
    fn of(limit: usize) -> Self {
        let (chance, admitted) = (StdRng::seed_from_u64(7), VecDeque::new());
        Self(Mutex::new(ProviderLedger {
            chance,
            limit,
            admitted,
            granted: Vec::new(),
            refused: Vec::new(),
        }))
    }

    fn ledger(&self) -> MutexGuard<'_, ProviderLedger> {
        self.0.lock().unwrap()
    }
}

impl Account {
    /// Returns, for the seconds from `from` to `to`, the part of the true rate that was used, and
    /// the part of the calls that was refused.
    fn used(&self, from: f64, to: f64) -> (f64, f64) {
        let number = |count: usize| f64::from(u32::try_from(count).unwrap());
        let within =
            |calls: &[f64]| number(calls.iter().filter(|at| (from..to).contains(*at)).count());
        let ledger = self.provider.as_ref().unwrap().ledger();
        let (granted, refused) = (within(&ledger.granted), within(&ledger.refused));
        (
            granted / (number(ledger.limit) * (to - from)),
            refused / (granted + refused),
        )
    }
}

impl ProviderLedger {
    /// Returns the time on the way: about 0.4 ms, and up to 20 ms more for one call in five
    /// hundred.
    fn on_the_wire(&mut self) -> Duration {
        let usual = -0.000_4 * (1.0 - self.chance.random::<f64>()).ln();
        let hiccup = if self.chance.random_bool(0.002) {
            self.chance.random_range(0.0..0.02)
        } else {
            0.0
        };
        Duration::from_secs_f64(usual + hiccup)
    }

    fn admit(&mut self, now: Instant, at: f64) -> bool {
        while self
            .admitted
            .front()
            .is_some_and(|oldest| now - *oldest >= Duration::from_secs(1))
        {
            self.admitted.pop_front();
        }
        let is_admitted = self.admitted.len() < self.limit;
        if is_admitted {
            self.admitted.push_back(now);
            self.granted.push(at);
        } else {
            self.refused.push(at);
        }
        is_admitted
    }
}

/// Makes one call, once the limiter has granted it.
pub(super) async fn call(
    account: Arc<Account>,
    limiter: Arc<Limiter>,
    membership: Membership,
    has_waited: bool,
) {
    let Some(provider) = &account.provider else {
        return;
    };
    let started = Instant::now();
    let delay = provider.ledger().on_the_wire();
    tokio::time::sleep(delay).await;
    let is_admitted = provider
        .ledger()
        .admit(Instant::now(), account.began.elapsed().as_secs_f64());
    tokio::time::sleep(Duration::from_millis(200)).await;
    if !is_admitted {
        limiter.lower(started);
    } else if has_waited {
        limiter.granted();
    }
    membership.report_granted(AccountName::RECOGNITION, limiter.used_up_part());
}

/// Runs so many workers for three minutes. Returns, for the last two, the part of the true rate
/// that was used, and the part of the calls that was refused.
async fn two_minutes(configured: f64, granted: usize, workers: usize) -> (f64, f64) {
    let account = Account::of(configured, Some(Provider::of(granted)));
    let members: Vec<_> = NAMES[..workers]
        .iter()
        .map(|name| account.join(name))
        .collect();
    tokio::time::sleep(Duration::from_mins(3)).await;
    for member in members {
        member.dies.cancel();
    }
    account.used(60.0, 180.0)
}

#[tokio::test(start_paused = true)]
async fn any_number_of_workers_uses_the_rate_and_is_hardly_ever_refused() {
    for granted in [7, 10, 20] {
        for workers in 1..=NAMES.len() {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let (used, refused) = two_minutes(granted as f64, granted, workers).await;
            assert!(
                used >= 0.97,
                "{workers} workers at {granted} a second: {used:.3} of it is used"
            );
            assert!(
                refused < 0.01,
                "{workers} workers at {granted} a second: {refused:.4} is refused"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn workers_agree_on_a_rate_below_the_configured_one() {
    for (configured, granted) in [(10.0, 7), (12.0, 11), (40.0, 20), (20.0, 19)] {
        for workers in 1..=NAMES.len() {
            let (used, refused) = two_minutes(configured, granted, workers).await;
            assert!(
                used >= 0.95,
                "{workers} workers, {granted} instead of {configured}: {used:.3} of it is used"
            );
            assert!(
                refused < 0.02,
                "{workers} workers, {granted} instead of {configured}: {refused:.4} is refused"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ten_seconds_after_a_worker_died_the_others_use_the_whole_rate() {
    let account = Account::of(20.0, Some(Provider::of(20)));
    let mut members: Vec<_> = NAMES.iter().map(|name| account.join(name)).collect();
    tokio::time::sleep(Duration::from_mins(1)).await;
    members.pop().unwrap().dies.cancel();
    tokio::time::sleep(Duration::from_mins(1)).await;
    for from in (70..115).step_by(5).map(f64::from) {
        let (used, _) = account.used(from, from + 5.0);
        assert!(used >= 0.95, "{used:.3} of the five seconds from {from}");
    }
}
