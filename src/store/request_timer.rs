//! How long one request to the store takes, and how it ends, for metrics and traces.

use crate::domain::failure::{Failure, Stage};
use crate::policy::Policy;
use crate::telemetry::metric::{self, StoreOperation};
use crate::telemetry::trace;
use std::sync::Arc;
use tokio::time::Instant;
use tracing::Span;

/// Runs until it is dropped. A request that is given up before its answer is not recorded.
#[derive(Debug)]
pub(super) struct RequestTimer {
    operation: StoreOperation,
    policy: Arc<Policy>,
    began: Instant,
    /// How it ended, as a label.
    code: Option<String>,
    span: Span,
}

impl RequestTimer {
    pub(super) fn start(operation: StoreOperation, bucket: &str, policy: &Arc<Policy>) -> Self {
        Self {
            operation,
            policy: Arc::clone(policy),
            began: Instant::now(),
            code: None,
            span: trace::store(operation, bucket),
        }
    }

    /// The span of the request.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// The store has answered. The bytes of an object may follow.
    pub(super) fn answered(&mut self) {
        self.code = Some("ok".to_owned());
    }

    /// A fault of the object itself is no failure of the store.
    pub(super) fn failed(&mut self, failure: &Failure) {
        self.code = Some(match failure.stage {
            Stage::Storage => {
                let label = self.policy.label(Stage::Storage, &failure.code);
                trace::record_error(&self.span, Some(label));
                label.to_owned()
            }
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
