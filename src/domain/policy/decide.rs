use super::{Billed, Facts, Failure, Policy, Progress, Ruling, Stage};

impl Policy {
    /// What this failure means for this job, now. First matching rule, first step of it that is not used up.
    pub fn decide(&self, failure: &Failure, progress: &Progress, facts: &Facts) -> Ruling {
        unimplemented!("{failure} {progress:?} {facts:?} {}", self.rules.len())
    }

    /// Whether an answer with this code is paid for, where no failure was decided: the success codes.
    pub fn billed(&self, _stage: Stage, _code: &str) -> Billed {
        unimplemented!()
    }

    /// Is the code named in the policy? Others share the metric label `other`.
    pub fn names(&self, _stage: Stage, _code: &str) -> bool {
        unimplemented!()
    }
}
