//! What workers tell each other through the gate.

use super::{Gate, State};
use crate::domain::breaker::{Change, Place};
use crate::domain::heartbeat::Heartbeat;
use crate::telemetry::metric;

impl Gate {
    /// All that others should know.
    pub fn heartbeat(&self, has_work: bool, draining: bool) -> Heartbeat {
        let now = self.0.clock.now();
        let (heartbeat, changes) = {
            let State { fleet, breaker, .. } = &mut *self.state();
            metric::workers_alive(fleet.alive(now));
            let changes = breaker.forget(now);
            (Heartbeat::new(fleet.me(), has_work, draining, breaker.tell()), changes)
        };
        self.tell(&changes);
        heartbeat
    }

    /// Takes over what another worker knows.
    pub fn hear(&self, heartbeat: Heartbeat) {
        let now = self.0.clock.now();
        let (changes, is_new) = {
            let State { fleet, breaker, streaks, .. } = &mut *self.state();
            if heartbeat.worker == fleet.me() {
                return;
            }
            let is_new = fleet.heard(&heartbeat.worker, heartbeat.draining, now);
            metric::workers_alive(fleet.alive(now));
            let changes = breaker.hear(heartbeat.closed, now);
            for change in &changes {
                if let Change::Opened(Place::Pause(stage), _) = change {
                    streaks.answered(*stage);
                }
            }
            (changes, is_new)
        };
        self.tell(&changes);
        if is_new {
            // It does not know yet what is closed.
            self.announce();
        }
        // Who probes, too, may have changed.
        self.0.changed.send_replace(());
    }

    /// Returns when something happened here that others should know at once.
    pub async fn news(&self) {
        self.0.news.notified().await;
    }
}
