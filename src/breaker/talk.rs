//! What workers tell each other through the breaker.

use super::shared::{Breaker, State};
use crate::cluster::heartbeat::Heartbeat;
use crate::domain::failure::Stage;
use crate::quota::demand::Wanted;
use crate::quota::learned::step;
use crate::quota::share::RateShare;
use crate::telemetry::metric;

impl Breaker {
    /// All that others should know.
    pub fn heartbeat(&self, draining: bool) -> Heartbeat {
        let now = self.0.clock.now();
        let has_work = self.0.demand.told();
        let (heartbeat, changes) = {
            let State {
                peers,
                closures,
                granted,
                ..
            } = &mut *self.state();
            metric::workers_alive(peers.alive(now));
            let changes = closures.forget(now);
            let mut heartbeat = Heartbeat::new(peers.me(), has_work, draining, closures.tell(now));
            heartbeat.granted.clone_from(granted);
            (heartbeat, changes)
        };
        self.tell(&changes);
        heartbeat
    }

    /// Takes over what another worker knows.
    pub fn hear(&self, heartbeat: Heartbeat) {
        let now = self.0.clock.now();
        let (changes, is_new) = {
            let State {
                peers, closures, ..
            } = &mut *self.state();
            let is_new = peers.heard(
                &heartbeat.worker,
                heartbeat.has_work,
                heartbeat.draining,
                now,
            );
            if heartbeat.worker == peers.me() {
                return;
            }
            peers.told(&heartbeat.worker, heartbeat.granted);
            metric::workers_alive(peers.alive(now));
            (
                closures.hear(heartbeat.closed, self.0.policy.longest_wait(), now),
                is_new,
            )
        };
        self.tell(&changes);
        if is_new {
            // It does not know yet what is closed.
            self.announce();
        }
        self.0.changed.send_replace(());
    }

    /// This worker's share of an account's rate now.
    pub fn standing(&self, stage: Stage) -> RateShare {
        let now = self.0.clock.now();
        self.state().peers.standing(stage, now)
    }

    /// The stage grants this part of the configured rate to a worker that uses all of it. The
    /// others are told at once where it is a step less than they know, and otherwise with the next
    /// heartbeat.
    pub fn tell_part(&self, stage: Stage, part: f64) {
        let part = step(part);
        let known = {
            let granted = &mut self.state().granted;
            if part < 1.0 {
                granted.insert(stage, part)
            } else {
                granted.remove(&stage)
            }
        };
        if part < known.unwrap_or(1.0) {
            self.0.news.notify_one();
        }
    }

    /// A call is waited for: as long as there is one, the rate is shared with this worker, too.
    pub fn wants_a_call(&self) -> Wanted<'_> {
        let (wanted, is_news) = self.0.demand.wanted();
        if is_news {
            self.0.news.notify_one();
        }
        wanted
    }

    /// Returns when something happened here that others should know at once.
    pub async fn news(&self) {
        self.0.news.notified().await;
    }
}
