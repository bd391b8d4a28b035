//! Why a stage did not give what the job needs.

use crate::breaker::Blocked;
use crate::domain::failure::Failure;
use crate::policy::{Decision, PolicyDecision};

/// A failure that is not waited out in place, and what the policy makes of it.
#[derive(Debug)]
pub struct StageStopped {
    pub failure: Failure,
    pub policy: PolicyDecision,
    /// No call was made: this closed scope was in its way.
    pub blocked: Option<Blocked>,
    /// Another job's call will end the wait within seconds.
    pub is_brief: bool,
}

impl StageStopped {
    /// The job itself is at fault: no question of policy.
    pub fn at_fault(failure: Failure) -> Box<Self> {
        let decision = Decision::Fail {
            invalid_job: Some(failure.code.clone()),
        };
        Self::boxed(failure, decision)
    }

    /// Decided without the policy's table.
    pub fn boxed(failure: Failure, decision: Decision) -> Box<Self> {
        Box::new(Self {
            failure,
            policy: PolicyDecision::without_rule(decision),
            blocked: None,
            is_brief: false,
        })
    }

    pub fn decision(&self) -> &Decision {
        &self.policy.decision
    }
}
