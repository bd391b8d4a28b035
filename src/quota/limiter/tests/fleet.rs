//! Several workers on one account, each with its own membership and limiter, and heartbeats between
//! them, in virtual time.

mod strict;

use super::*;
use crate::clock::Clock as WallClock;
use crate::cluster::Membership;
use crate::domain::account::AccountName;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

const RATE: f64 = 10.0;
const HEARTBEAT: Duration = Duration::from_secs(2);

/// An account with the workers that call it.
struct Account {
    rate: f64,
    began: Instant,
    clock: WallClock,
    /// When it was called, in seconds since the beginning.
    calls: Mutex<Vec<f64>>,
    memberships: Mutex<Vec<Membership>>,
    heartbeats: AtomicU32,
    /// The provider that answers; without one, every call is granted.
    provider: Option<strict::Provider>,
}

struct Member {
    membership: Membership,
    dies: CancellationToken,
}

impl Account {
    fn open() -> Arc<Self> {
        Self::of(RATE, None)
    }

    fn of(rate: f64, provider: Option<strict::Provider>) -> Arc<Self> {
        let clock = WallClock::starting_at(MIDNIGHT.parse().unwrap());
        Arc::new(Self {
            rate,
            began: Instant::now(),
            clock,
            calls: Mutex::default(),
            memberships: Mutex::default(),
            heartbeats: AtomicU32::new(0),
            provider,
        })
    }

    /// Starts another worker, which always has calls to make.
    fn join(self: &Arc<Self>, name: &str) -> Member {
        let membership = Membership::new(name.to_owned(), self.clock);
        let dies = CancellationToken::new();
        self.memberships.lock().unwrap().push(membership.clone());
        tokio::spawn(
            dies.clone().run_until_cancelled_owned(publish_heartbeats(
                Arc::clone(self),
                membership.clone(),
            )),
        );
        tokio::spawn(
            dies.clone()
                .run_until_cancelled_owned(call(Arc::clone(self), membership.clone())),
        );
        Member { membership, dies }
    }

    /// Delivers a heartbeat of this worker to all workers, itself included.
    fn publish_heartbeat(&self, membership: &Membership, draining: bool) {
        self.heartbeats.fetch_add(1, Ordering::Relaxed);
        let heartbeat = membership.heartbeat(draining, Vec::new());
        for other in self.memberships.lock().unwrap().iter() {
            other.apply(&heartbeat);
        }
    }

    /// Watches for so many seconds. Returns the part of the rate that was used, and the most calls
    /// beyond the rate between any two calls.
    async fn watch(&self, seconds: u32) -> (f64, f64) {
        let from = self.began.elapsed().as_secs_f64();
        tokio::time::sleep(Duration::from_secs(seconds.into())).await;
        let calls: Vec<f64> = self
            .calls
            .lock()
            .unwrap()
            .iter()
            .copied()
            .filter(|at| *at >= from)
            .collect();
        let count = |calls: usize| f64::from(u32::try_from(calls).unwrap());
        let beyond = |first: usize| {
            (first..calls.len())
                .map(move |last| (first, last))
                .map(|(first, last)| count(last - first + 1) - RATE * (calls[last] - calls[first]))
        };
        let most = (0..calls.len()).flat_map(beyond).fold(0.0, f64::max);
        (count(calls.len()) / (RATE * f64::from(seconds)), most)
    }
}

async fn publish_heartbeats(account: Arc<Account>, membership: Membership) {
    let mut due = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(due) => due += membership.heartbeat_interval(HEARTBEAT),
            () = membership.announced() => {}
        }
        account.publish_heartbeat(&membership, false);
    }
}

async fn call(account: Arc<Account>, membership: Membership) {
    let limiter = Arc::new(Limiter::new(account.rate, 1));
    loop {
        let _wanted = membership.wait_for_call();
        let has_waited = limiter
            .acquire(|| membership.share(AccountName::RECOGNITION))
            .await;
        account
            .calls
            .lock()
            .unwrap()
            .push(account.began.elapsed().as_secs_f64());
        if account.provider.is_some() {
            tokio::spawn(strict::call(
                Arc::clone(&account),
                Arc::clone(&limiter),
                membership.clone(),
                has_waited,
            ));
        }
    }
}

/// Asserts that at least 99 % of the rate was used, and that no more was, except for one call of
/// each worker.
#[track_caller]
fn assert_whole_rate_used((used, beyond): (f64, f64), workers: f64) {
    assert!((0.99..=1.0).contains(&used), "{used} of the rate");
    assert!(beyond <= workers + 0.01, "{beyond} calls beyond the rate");
}

#[tokio::test(start_paused = true)]
async fn any_number_of_workers_uses_the_whole_rate_and_no_more() {
    for (names, workers) in [
        (&["a"][..], 1.0),
        (&["a", "b"], 2.0),
        (&["a", "b", "c", "d"], 4.0),
    ] {
        let account = Account::open();
        let members: Vec<_> = names.iter().map(|name| account.join(name)).collect();
        account.watch(10).await;
        let steady = account.watch(120).await;
        assert_whole_rate_used(steady, workers);
        assert!(
            steady.1 < 1.3,
            "the workers take turns: {} calls beyond the rate",
            steady.1
        );
        for member in members {
            member.dies.cancel();
        }
    }
}

/// Each heartbeat is one delivery for each worker.
#[tokio::test(start_paused = true)]
async fn fifty_workers_use_the_whole_rate_with_two_heartbeats_a_second() {
    let account = Account::open();
    let _members: Vec<_> = (0..50)
        .map(|number| account.join(&format!("worker {number:02}")))
        .collect();
    account.watch(60).await;
    let published = account.heartbeats.load(Ordering::Relaxed);
    assert_whole_rate_used(account.watch(200).await, 50.0);
    let published = account.heartbeats.load(Ordering::Relaxed) - published;
    assert!((250..=400).contains(&published), "{published} in 200 s");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_joins_gets_its_share_and_a_dead_workers_share_is_used() {
    let account = Account::open();
    let _first = account.join("b");
    account.watch(10).await;
    let second = account.join("a");
    let (_, beyond) = account.watch(10).await;
    assert!(
        beyond <= 3.0,
        "while a worker joins, at most one call of each and one planned before: {beyond}"
    );
    assert_whole_rate_used(account.watch(60).await, 2.0);
    second.dies.cancel();
    account.watch(8).await;
    assert_whole_rate_used(account.watch(60).await, 1.0);
}

#[tokio::test(start_paused = true)]
async fn the_share_of_a_draining_worker_is_used_by_the_others() {
    let account = Account::open();
    let _first = account.join("b");
    let second = account.join("a");
    // The worker stops between two heartbeats.
    account.watch(9).await;
    second.dies.cancel();
    account.publish_heartbeat(&second.membership, true);
    account.watch(1).await;
    assert_whole_rate_used(account.watch(6).await, 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_receives_no_heartbeats_keeps_its_share_and_then_half_of_it() {
    let account = Account::open();
    let (_first, _second) = (account.join("a"), account.join("b"));
    account.watch(9).await;
    account.memberships.lock().unwrap().clear();
    assert_whole_rate_used(account.watch(14).await, 2.0);
    account.watch(2).await;
    let (used, _) = account.watch(60).await;
    assert!((0.49..=0.51).contains(&used), "{used}");
}
