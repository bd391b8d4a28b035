//! What a pause is, explained to the operator.

use crate::breaker::CONTROL_CALL_EVERY;
use crate::domain::failure::{Failure, Stage};
use crate::policy::{Policy, ProbeSchedule, Streak, mend};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// From there on they keep their distance.
const PROBES_SHOWN: u32 = 6;

/// Returns a line for each thing to know about the pause of this stage that begins with this code
/// at this time.
pub(super) fn lines(
    policy: &Policy,
    stage: Stage,
    code: &str,
    streak: Option<Streak>,
    since: Timestamp,
    timezone: &TimeZone,
) -> Vec<String> {
    let failure = Failure::new(stage, code, "");
    let schedule = policy.probes(&failure);
    let is_control_call = streak.is_some_and(Streak::needs_a_control_call);
    let apart = if is_control_call {
        CONTROL_CALL_EVERY
    } else {
        SignedDuration::ZERO
    };
    let times = probes(&schedule, apart, since, timezone);
    let (tries, ends) = if is_control_call {
        (
            format!("a control call, which may be paid for and is no job, tries again at {times}"),
            "it ends by itself with the first control call that does not fail in the same way",
        )
    } else {
        (
            format!("one job, a different one each time, tries again at {times}"),
            "it ends by itself with the first answer that is no reason to pause; connect, timeout and http.5xx are no answer",
        )
    };
    vec![
        "a pause belongs to one worker: it takes no more jobs from the queues, and parks those that it holds in the shortest delay queue, \
         at the cost of no attempt, where other workers may take them"
            .to_owned(),
        tries,
        ends.to_owned(),
        "seen: /readyz (state \"paused\"; 200 only where the worker has worked before), the metric invoice_paused, the log lines \"paused: …\" \
         and \"no longer paused: …\""
            .to_owned(),
        format!("to do: {}", mend(policy, &failure, streak)),
        "worker.job_deadline is longer by this time; a deadline of the job's own is not".to_owned(),
        "a job that paused it three times while others were answered fails the next time: then the fault is in the job".to_owned(),
    ]
}

/// The times of the probes, at least so far apart.
fn probes(
    schedule: &ProbeSchedule,
    apart: SignedDuration,
    since: Timestamp,
    timezone: &TimeZone,
) -> String {
    let mut last = since;
    let mut distance = SignedDuration::ZERO;
    let mut times = Vec::new();
    for failures in 1..=PROBES_SHOWN {
        let earliest = last.saturating_add(apart).unwrap_or(Timestamp::MAX);
        let next = schedule.next(failures, last, timezone).max(earliest);
        distance = next.duration_since(last);
        last = next;
        times.push(
            next.to_zoned(timezone.clone())
                .strftime("%H:%M:%S")
                .to_string(),
        );
    }
    let next_day = if schedule.next_day {
        distance = schedule.waits.last().map_or(distance, |wait| {
            SignedDuration::try_from(*wait).unwrap_or(distance)
        });
        ", and at 00:10"
    } else {
        ""
    };
    format!(
        "{}, and then every {distance:#}{next_day}",
        times.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_the_probes_are_shown() {
        let timezone = TimeZone::get("Asia/Shanghai").unwrap();
        let policy = Policy::builtin();
        let schedule = |code| policy.probes(&Failure::new(Stage::Verification, code, ""));
        let noon = "2026-11-22T12:00:00+08:00".parse().unwrap();
        assert_eq!(
            probes(
                &schedule("UNAUTHORIZED"),
                SignedDuration::ZERO,
                noon,
                &timezone
            ),
            "12:00:05, 12:00:20, 12:01:20, 12:06:20, 12:21:20, 13:21:20, and then every 1h"
        );
        assert_eq!(
            probes(
                &schedule("UNAUTHORIZED"),
                CONTROL_CALL_EVERY,
                noon,
                &timezone
            ),
            "12:10:00, 12:20:00, 12:30:00, 12:40:00, 12:55:00, 13:55:00, and then every 1h"
        );
        let late = "2026-11-22T23:50:00+08:00".parse().unwrap();
        assert_eq!(
            probes(
                &schedule("OUT_OF_QUOTA"),
                SignedDuration::ZERO,
                late,
                &timezone
            ),
            "23:50:05, 23:50:20, 23:51:20, 23:56:20, 00:10:00, 01:10:00, and then every 1h, and at 00:10"
        );
    }
}
