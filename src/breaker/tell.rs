//! What is closed and opened, told once: a log line and a metric. Bills are nobody's business.

use crate::breaker::{Change, Closure};
use crate::domain::scope::Scope;
use crate::policy::{Policy, remedy};
use crate::telemetry::metric;

pub(super) fn tell(change: &Change, policy: &Policy) {
    match change {
        Change::Closed(place, closure) => closed(place, closure, policy),
        Change::Prolonged(place, before, closure) => prolonged(place, before, closure, policy),
        Change::Opened(place, before) => opened(place, before, policy),
    }
}

fn closed(place: &Scope, closure: &Closure, policy: &Policy) {
    let Closure {
        code,
        reason,
        streak,
        until,
        ..
    } = closure;
    match place {
        Scope::Pause(stage) => {
            metric::paused(*stage, policy.label(*stage, code), true);
            tracing::error!(
                %stage, code, reason, next_probe = %until, mend = remedy(*stage, code, *streak),
                "paused: no job gets past this stage, none is taken from the queues; one is tried from time to time"
            );
        }
        Scope::Stage(stage) => {
            tracing::warn!(%stage, code, reason, %until, "the stage is closed: its jobs wait, then one calls first");
        }
        Scope::Province(province) => {
            metric::province_closed(province.label(), true);
            let province = province.label();
            tracing::warn!(province, code, reason, %until, "the province is closed: its jobs wait, then one calls first");
        }
        Scope::Bill(_) => {
            tracing::debug!(code, reason, %until, "a bill is closed: other jobs for it wait");
        }
    }
}

fn prolonged(place: &Scope, before: &Closure, closure: &Closure, policy: &Policy) {
    let Closure {
        code,
        reason,
        until,
        failures,
        ..
    } = closure;
    if let Scope::Pause(stage) = place {
        metric::paused(*stage, policy.label(*stage, &before.code), false);
        metric::paused(*stage, policy.label(*stage, code), true);
    }
    match place {
        Scope::Pause(_) | Scope::Stage(_) | Scope::Province(_) => {
            tracing::info!(%place, code, reason, failures, %until, "the call that was to open it failed; still closed");
        }
        Scope::Bill(_) => tracing::debug!(code, failures, %until, "a bill is still closed"),
    }
}

fn opened(place: &Scope, before: &Closure, policy: &Policy) {
    let Closure { code, since, .. } = before;
    match place {
        Scope::Pause(stage) => {
            metric::paused(*stage, policy.label(*stage, code), false);
            tracing::info!(%stage, code, %since, "no longer paused: jobs are taken again");
        }
        Scope::Stage(stage) => tracing::info!(%stage, code, %since, "the stage is open again"),
        Scope::Province(province) => {
            metric::province_closed(province.label(), false);
            tracing::info!(province = province.label(), code, %since, "the province is open again");
        }
        Scope::Bill(_) => tracing::debug!(code, "a bill is open again"),
    }
}
