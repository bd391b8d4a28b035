//! A stage that stopped without the answer that the job needs.

use crate::breaker::Blocked;
use crate::domain::failure::{Failure, Stage};
use crate::policy::{Decision, PolicyDecision};

/// A failure after which no further attempt is made in place, and what the policy decided about it.
#[derive(Debug)]
pub struct StageStopped {
    pub failure: Failure,
    pub policy: PolicyDecision,
    /// The closed scope because of which no call was made.
    pub blocked: Option<Blocked>,
    /// Another job's call will end the wait within seconds.
    pub is_brief: bool,
}

impl StageStopped {
    /// Creates a stop for which the job itself is at fault, without asking the policy.
    pub fn at_fault(failure: Failure) -> Box<Self> {
        let decision = Decision::Fail {
            invalid_job: Some(failure.code.clone()),
        };
        Self::boxed(failure, decision)
    }

    /// Creates a stop with a decision that no rule of the policy made.
    pub fn boxed(failure: Failure, decision: Decision) -> Box<Self> {
        Box::new(Self {
            failure,
            policy: PolicyDecision::without_rule(decision),
            blocked: None,
            is_brief: false,
        })
    }

    /// Recognition's own failure, or that it is too late for one: today's verdict may be known all
    /// the same. A verdict is decided by the policy, and what the store did concerns the whole job.
    pub fn ends_recognition_alone(&self) -> bool {
        matches!(self.failure.stage, Stage::Recognition | Stage::Job)
            && matches!(self.decision(), Decision::Fail { invalid_job: None })
    }

    pub fn decision(&self) -> &Decision {
        &self.policy.decision
    }
}
