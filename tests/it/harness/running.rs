//! A worker of this process, from when it was started until it has ended.

use super::system::PATIENCE;
use invoice_worker::breaker::Breaker;
use invoice_worker::domain::scope::Scope;
use invoice_worker::telemetry::health::{Health, HealthState};
use invoice_worker::worker::{Drained, Worker};
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) struct Running {
    pub(crate) health: Health,
    /// What it knows to be closed.
    pub(crate) breaker: Breaker,
    stop: CancellationToken,
    work: JoinHandle<Drained>,
}

impl Running {
    pub(super) fn start(worker: Worker, health: Health, breaker: Breaker) -> Self {
        let stop = CancellationToken::new();
        let (worker, stopped) = (Arc::new(worker), stop.clone());
        let work = tokio::spawn(async move { worker.run(&stopped).await.unwrap() });
        Self {
            health,
            breaker,
            stop,
            work,
        }
    }

    /// Returns once the worker's state is such a one.
    pub(crate) async fn becomes(&self, is_such: impl FnMut(&HealthState) -> bool) {
        let mut states = self.health.watch();
        let in_time = timeout(PATIENCE, states.wait_for(is_such)).await;
        assert!(in_time.is_ok(), "still {:?}", self.health.state());
    }

    /// Returns once the worker knows that the scope is closed.
    pub(crate) async fn knows(&self, scope: &Scope) {
        let mut changes = self.breaker.changes();
        let knowing = async {
            while self
                .breaker
                .blocked(std::slice::from_ref(scope), "nobody")
                .is_none()
            {
                changes.changed().await.unwrap();
            }
        };
        timeout(PATIENCE, knowing)
            .await
            .unwrap_or_else(|_| panic!("never heard that {scope} is closed"));
    }

    /// Returns once the worker has heard of another one.
    pub(crate) async fn meets_another(&self) {
        let mut changes = self.breaker.changes();
        let meeting = async {
            while !self.breaker.membership().has_others() {
                changes.changed().await.unwrap();
            }
        };
        timeout(PATIENCE, meeting)
            .await
            .expect("heartbeats of the others");
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    pub(super) async fn ended(self) -> Drained {
        timeout(PATIENCE, self.work)
            .await
            .expect("drained in time")
            .expect("the worker did not panic")
    }
}
