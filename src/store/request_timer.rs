//! How long one request to the store takes, and how it ends, for the metrics.

use crate::domain::failure::{Failure, Stage};
use crate::policy::Policy;
use crate::telemetry::metric::{self, StoreOperation};
use std::sync::Arc;
use tokio::time::Instant;

/// Runs until it is dropped. A request that is given up before its answer is not recorded.
#[derive(Debug)]
pub(super) struct RequestTimer {
    operation: StoreOperation,
    policy: Arc<Policy>,
    began: Instant,
    /// How it ended, as a label.
    code: Option<String>,
}

impl RequestTimer {
    pub(super) fn start(operation: StoreOperation, policy: &Arc<Policy>) -> Self {
        Self {
            operation,
            policy: Arc::clone(policy),
            began: Instant::now(),
            code: None,
        }
    }

    /// The store has answered. The bytes of an object may follow.
    pub(super) fn answered(&mut self) {
        self.code = Some("ok".to_owned());
    }

    /// What is wrong with the object itself is no failure of the store.
    pub(super) fn failed(&mut self, failure: &Failure) {
        self.code = Some(match failure.stage {
            Stage::Storage => self.policy.label(Stage::Storage, &failure.code).to_owned(),
            Stage::Job
            | Stage::Image
            | Stage::Recognition
            | Stage::Verification
            | Stage::Worker => "ok".to_owned(),
        });
    }
}

impl Drop for RequestTimer {
    fn drop(&mut self) {
        if let Some(code) = &self.code {
            metric::store_request(self.operation, code, self.began.elapsed());
        }
    }
}
