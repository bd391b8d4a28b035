//! Does a rule apply to this failure of this job?

use super::{Facts, Failure, Progress, Rule, Stage, VendorName, When, codes};
use jiff::civil::Date;

impl Rule {
    pub(super) fn applies(&self, failure: &Failure, progress: &Progress, facts: &Facts) -> bool {
        self.decides(failure) && self.when.holds(failure, progress, facts)
    }

    /// Whatever its conditions on the job.
    pub(super) fn may_apply(&self, failure: &Failure) -> bool {
        self.decides(failure) && self.when.may_hold(failure)
    }

    /// Whatever its further conditions.
    fn decides(&self, failure: &Failure) -> bool {
        self.catches(failure.vendor, failure.stage, &failure.code)
    }

    /// Whatever its further conditions.
    pub(super) fn catches(&self, vendor: VendorName, stage: Stage, code: &str) -> bool {
        self.stage == stage
            && self
                .codes
                .iter()
                .any(|pattern| codes::catches(pattern, code))
            && self.is_about(vendor, code)
    }

    /// Nothing but the vendor's own rules is about its codes; what happens on the wire is the same
    /// with every vendor of the stage.
    fn is_about(&self, vendor: VendorName, code: &str) -> bool {
        self.vendor == vendor
            || (self.vendor == VendorName::usual(self.stage) && codes::is_of_the_wire(code))
    }
}

impl When {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// May the condition hold, as far as the answer's status and message show?
    fn may_hold(&self, failure: &Failure) -> bool {
        let has_status = failure
            .http_status
            .is_some_and(|status| self.http_status.contains(&status));
        (self.http_status.is_empty() || has_status)
            && is(self.nothing_read, failure.nothing_read)
            && self.message_contains.as_ref().is_none_or(|part| {
                failure
                    .message
                    .to_lowercase()
                    .contains(&part.to_lowercase())
            })
    }

    fn holds(&self, failure: &Failure, progress: &Progress, facts: &Facts) -> bool {
        let age = facts
            .billing_date
            .map(|date| days_between(date, facts.now.to_zoned(facts.timezone.clone()).date()));
        let rotated_for = progress.steps.rotated_for.as_deref();
        is(self.qr_code_found, failure.qr_code_found.unwrap_or(false))
            && self
                .bill_age_days_min
                .is_none_or(|min| age.is_some_and(|age| age >= min))
            && self
                .bill_age_days_max
                .is_none_or(|max| age.is_some_and(|age| age <= max))
            && is(self.bill_date_known, age.is_some())
            && is(self.rotated, rotated_for.is_some())
            && is(
                self.same_code_before_rotation,
                rotated_for == Some(failure.code.as_str()),
            )
            && self.may_hold(failure)
            && is(self.transfer, facts.transfer)
    }
}

fn is<T: PartialEq + Copy>(wanted: Option<T>, actual: T) -> bool {
    wanted.is_none_or(|wanted| wanted == actual)
}

fn days_between(earlier: Date, later: Date) -> i64 {
    later.duration_since(earlier).as_hours() / 24
}
