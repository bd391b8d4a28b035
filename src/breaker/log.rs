//! Each change of a closure becomes one log line and one metric. Bills are named in neither.

use super::{Closure, ClosureChange};
use crate::cluster::resume::Resume;
use crate::domain::failure::Failure;
use crate::domain::scope::Scope;
use crate::policy::{Policy, mend};
use crate::telemetry::metric;

pub(super) fn log_change(change: &ClosureChange, policy: &Policy) {
    match change {
        ClosureChange::Closed(scope, closure) => log_closed(scope, closure, policy),
        ClosureChange::Prolonged(scope, before, closure) => {
            log_prolonged(scope, before, closure, policy);
        }
        ClosureChange::Opened(scope, before) => log_opened(scope, before, policy),
    }
}

pub(super) fn log_resumed(resume: &Resume, opened: usize) {
    let Resume { id, by, what, .. } = resume;
    tracing::warn!(
        by,
        id,
        %what,
        opened,
        "an operator resumes: pauses end and closed scopes open without waiting for a probe"
    );
}

fn log_closed(scope: &Scope, closure: &Closure, policy: &Policy) {
    let Closure {
        code,
        reason,
        streak,
        until,
        ..
    } = closure;
    match scope {
        Scope::Pause(account) => {
            metric::paused(*account, policy.label(closure.stage, code), true);
            let failure = Failure::new(closure.stage, code, "").of_vendor(closure.vendor);
            tracing::error!(
                stage = %account, code, reason, next_probe = %until, mend = mend(policy, &failure, *streak),
                "paused: no job gets past this stage, none is taken from the queues; one is tried from time to time"
            );
        }
        Scope::Account(account) => {
            tracing::warn!(stage = %account, code, reason, %until, "the stage is closed: its jobs wait, then one calls first");
        }
        Scope::Province(province) => {
            let province = province.label();
            tracing::warn!(province, code, reason, %until, "the province is closed: its jobs wait, then one calls first");
        }
        Scope::Bill(_) => {
            tracing::debug!(code, reason, %until, "a bill is closed: other jobs for it wait");
        }
    }
}

fn log_prolonged(scope: &Scope, before: &Closure, closure: &Closure, policy: &Policy) {
    let Closure {
        code,
        reason,
        until,
        failures,
        ..
    } = closure;
    if let Scope::Pause(account) = scope {
        metric::paused(*account, policy.label(before.stage, &before.code), false);
        metric::paused(*account, policy.label(closure.stage, code), true);
    }
    match scope {
        Scope::Pause(_) | Scope::Account(_) | Scope::Province(_) => {
            tracing::info!(%scope, code, reason, failures, %until, "the probe of a closed scope failed; it stays closed until `until`");
        }
        Scope::Bill(_) => tracing::debug!(code, failures, %until, "a bill is still closed"),
    }
}

fn log_opened(scope: &Scope, before: &Closure, policy: &Policy) {
    let Closure { code, since, .. } = before;
    match scope {
        Scope::Pause(account) => {
            metric::paused(*account, policy.label(before.stage, code), false);
            tracing::info!(stage = %account, code, %since, "no longer paused: jobs are taken again");
        }
        Scope::Account(account) => {
            tracing::info!(stage = %account, code, %since, "the stage is open again");
        }
        Scope::Province(province) => {
            tracing::info!(province = province.label(), code, %since, "the province is open again");
        }
        Scope::Bill(_) => tracing::debug!(code, "a bill is open again"),
    }
}
