//! Which rules of the policy decided about the calls of a simulation.

use super::scenario::PolicyScenario;
use super::script::SimulatedCall;
use crate::dev::scenario::good_code;
use crate::domain::failure::Stage;
use crate::domain::progress::Progress;
use crate::policy::{Facts, Others, Policy, Transfer};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::{BTreeSet, HashMap};

/// The ids of the rules that the pipeline met on its way, found by asking the policy again with
/// what it knew then.
///
/// `calls` are in their order.
pub(super) fn decided<'a>(
    policy: &Policy,
    timezone: &TimeZone,
    scenario: &PolicyScenario,
    calls: impl Iterator<Item = &'a SimulatedCall>,
) -> BTreeSet<String> {
    let mut known = vec![KnownByThen::default(); scenario.jobs.len()];
    let mut dates: HashMap<&str, Option<Date>> = HashMap::new();
    let mut rules = BTreeSet::new();
    for call in calls {
        let (job, known) = (&scenario.jobs[call.job], &mut known[call.job]);
        if call.turned && known.rotated_for.is_none() {
            known.rotated_for.clone_from(&known.last_code);
        }
        let now = scenario
            .start
            .saturating_add(call.at)
            .unwrap_or(Timestamp::MAX);
        let mut progress = Progress::new(String::new(), now);
        progress.rotated_for.clone_from(&known.rotated_for);
        let facts = Facts {
            now,
            deadline: Timestamp::MAX,
            timezone: timezone.clone(),
            billing_date: dates.get(job.image.as_str()).copied().flatten(),
            transfer: Transfer::Inline,
            spread: 0.5,
            others: Others::default(),
        };
        rules.insert(policy.decide(&call.failure, &progress, &facts).rule);
        match call.stage {
            Stage::Recognition if is_good(call) => {
                dates.insert(&job.image, job.billing_date(scenario.start, timezone));
            }
            Stage::Verification => known.last_code = Some(call.code.clone()),
            Stage::Job | Stage::Image | Stage::Storage | Stage::Recognition | Stage::Worker => {}
        }
    }
    rules
}

/// Of a job, by then.
#[derive(Clone, Default)]
struct KnownByThen {
    last_code: Option<String>,
    /// The code that asked for the one call with `auto_rotate`.
    rotated_for: Option<String>,
}

fn is_good(call: &SimulatedCall) -> bool {
    call.code == good_code(call.stage) && !call.failure.nothing_read
}
