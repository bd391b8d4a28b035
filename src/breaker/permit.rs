//! The permit to make one call.

use super::shared::Shared;
use super::state::PermittedCall;
use std::sync::Arc;

/// The permit to make one call. Dropped without an answer, another call may probe what this one was
/// to probe.
#[derive(Debug)]
#[must_use]
pub struct CallPermit {
    pub(super) call: PermittedCall,
    shared: Arc<Shared>,
}

impl CallPermit {
    pub(super) fn new(call: PermittedCall, shared: Arc<Shared>) -> Self {
        Self { call, shared }
    }

    /// Whether other jobs wait for its answer.
    pub fn is_probe(&self) -> bool {
        !self.call.probed.is_empty()
    }

    /// Whether everything it probes is still this worker's to probe.
    pub(super) fn is_still_ours(&self) -> bool {
        self.shared.with(|state, context| {
            let is_ours = |scope| state.closures.is_probed_by(scope, context.peers.me());
            self.call.probed.iter().all(is_ours)
        })
    }

    /// The call has ended, and its outcome was recorded: nothing is left to be released.
    pub(super) fn conclude(mut self) {
        self.call.probed.clear();
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        if !self.is_probe() {
            return;
        }
        self.shared.with(|state, context| {
            for scope in &self.call.probed {
                state.closures.release(scope, context.peers, context.now);
            }
        });
        self.shared.announce();
    }
}
