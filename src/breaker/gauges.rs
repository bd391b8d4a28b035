//! What is closed or paused, as metrics. They are set from the whole state after each change of it,
//! so that of two provinces without a name of their own one may open while the other stays closed.

use super::Closures;
use crate::domain::account::AccountName;
use crate::domain::scope::Scope;
use crate::telemetry::metric;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The series that are set to something now.
#[derive(Debug, Default)]
pub(super) struct ClosureGauges {
    stages: BTreeMap<AccountName, Timestamp>,
    provinces: BTreeMap<String, Timestamp>,
    probes: BTreeMap<AccountName, Timestamp>,
}

impl ClosureGauges {
    /// The values that belong to this state.
    pub(super) fn of(closures: &Closures) -> Self {
        let mut gauges = Self::default();
        for (scope, closure) in closures.all_closed() {
            match scope {
                Scope::Account(account) => {
                    gauges.stages.insert(*account, closure.until);
                }
                Scope::Province(province) => {
                    let until = gauges.provinces.entry(province.label().to_owned());
                    let until = until.or_insert(closure.until);
                    *until = closure.until.max(*until);
                }
                Scope::Pause(account) => {
                    gauges.probes.insert(*account, closure.until);
                }
                Scope::Bill(_) => {}
            }
        }
        gauges
    }

    /// Sets the metrics to `now`, and back what is not closed any more.
    pub(super) fn set(&mut self, now: Self) {
        let before = std::mem::replace(self, now);
        for account in before.stages.keys() {
            if !self.stages.contains_key(account) {
                metric::stage_closed(*account, false);
                metric::closed_until(account.as_str(), None);
            }
        }
        for (account, until) in &self.stages {
            metric::stage_closed(*account, true);
            metric::closed_until(account.as_str(), Some(*until));
        }
        for province in before.provinces.keys() {
            if !self.provinces.contains_key(province) {
                metric::province_closed(province, false);
                metric::closed_until(&scope_of(province), None);
            }
        }
        for (province, until) in &self.provinces {
            metric::province_closed(province, true);
            metric::closed_until(&scope_of(province), Some(*until));
        }
        for account in before.probes.keys() {
            if !self.probes.contains_key(account) {
                metric::next_probe(*account, None);
            }
        }
        for (account, at) in &self.probes {
            metric::next_probe(*account, Some(*at));
        }
    }
}

/// As [`Scope`] is written for people.
fn scope_of(province: &str) -> String {
    format!("province {province}")
}
