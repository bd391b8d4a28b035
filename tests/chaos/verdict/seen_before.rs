//! Bills that another job brought are flagged, and no others.

use super::{Evidence, Sheet, parsed};
use crate::plan::Asks;
use serde_json::json;
use std::collections::BTreeMap;

impl Evidence {
    /// A result that names an earlier job has to name another one, about the same bill.
    pub(super) fn falsely_seen(&self) -> Vec<String> {
        let bills: BTreeMap<&str, usize> = self
            .sheets
            .values()
            .filter_map(|sheet| Some((sheet.order.job_id.as_str(), bill_of(sheet)?)))
            .collect();
        self.of_answers(|sheet, answer| {
            let answer = parsed(answer);
            let flags = answer["flags"].as_array();
            let is_flagged = flags.is_some_and(|flags| flags.contains(&json!("seen_before")));
            let seen = &answer["seen_before"];
            let earlier = seen["job_id"].as_str();
            let is_right = earlier.is_some_and(|earlier| {
                earlier != sheet.order.job_id
                    && bills.get(earlier).copied() == bill_of(sheet)
                    && bill_of(sheet).is_some()
            });
            is_flagged == seen.is_null() || is_flagged && !is_right
        })
    }

    /// Results that were flagged, rightly or not.
    pub(crate) fn seen_before(&self) -> usize {
        let answers = self.answers.values().flatten();
        answers
            .filter(|answer| !parsed(answer)["seen_before"].is_null())
            .count()
    }
}

fn bill_of(sheet: &Sheet) -> Option<usize> {
    match sheet.order.asks {
        Asks::Bill { bill, .. } => Some(bill),
        Asks::Odd { .. } => None,
    }
}
