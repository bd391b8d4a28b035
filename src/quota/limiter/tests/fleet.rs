//! Several workers on one account, each with its own membership and limiter, and heartbeats between them:
//! hours of it in virtual time.

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

/// The account: when it was called, in seconds since the beginning.
struct Account {
    rate: f64,
    began: Instant,
    clock: WallClock,
    calls: Mutex<Vec<f64>>,
    memberships: Mutex<Vec<Membership>>,
    heartbeats: AtomicU32,
    /// What is on the other side; otherwise every call is granted.
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

    /// Another worker, with more jobs than it can do.
    fn join(self: &Arc<Self>, name: &str) -> Member {
        let membership = Membership::new(name.to_owned(), self.clock);
        let dies = CancellationToken::new();
        self.memberships.lock().unwrap().push(membership.clone());
        tokio::spawn(
            dies.clone()
                .run_until_cancelled_owned(speak(Arc::clone(self), membership.clone())),
        );
        tokio::spawn(
            dies.clone()
                .run_until_cancelled_owned(call(Arc::clone(self), membership.clone())),
        );
        Member { membership, dies }
    }

    /// To everybody, himself included.
    fn tell(&self, membership: &Membership, draining: bool) {
        self.heartbeats.fetch_add(1, Ordering::Relaxed);
        let heartbeat = membership.heartbeat(draining, Vec::new());
        for other in self.memberships.lock().unwrap().iter() {
            other.apply(&heartbeat);
        }
    }

    /// Of so many seconds from now: what part of the rate was used, and the most calls beyond it in
    /// any stretch of whole seconds.
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

async fn speak(account: Arc<Account>, membership: Membership) {
    let mut due = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(due) => due += membership.heartbeat_interval(HEARTBEAT),
            () = membership.announced() => {}
        }
        account.tell(&membership, false);
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

/// All but the last percent, and never more than the account has, but for one call of each worker.
#[track_caller]
fn is_all_there_is((used, beyond): (f64, f64), workers: f64) {
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
        is_all_there_is(steady, workers);
        assert!(steady.1 < 1.3, "they take turns: {}", steady.1);
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
    is_all_there_is(account.watch(200).await, 50.0);
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
        "while it joins, one call of each and one of those that were planned: {beyond}"
    );
    is_all_there_is(account.watch(60).await, 2.0);
    second.dies.cancel();
    account.watch(8).await;
    is_all_there_is(account.watch(60).await, 1.0);
}

#[tokio::test(start_paused = true)]
async fn the_share_of_a_draining_worker_is_used_by_the_others() {
    let account = Account::open();
    let _first = account.join("b");
    let second = account.join("a");
    // Between two heartbeats.
    account.watch(9).await;
    second.dies.cancel();
    account.tell(&second.membership, true);
    account.watch(1).await;
    is_all_there_is(account.watch(6).await, 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_receives_no_heartbeats_keeps_its_share_and_then_half_of_it() {
    let account = Account::open();
    let (_first, _second) = (account.join("a"), account.join("b"));
    account.watch(9).await;
    account.memberships.lock().unwrap().clear();
    is_all_there_is(account.watch(14).await, 2.0);
    account.watch(2).await;
    let (used, _) = account.watch(60).await;
    assert!((0.49..=0.51).contains(&used), "{used}");
}
