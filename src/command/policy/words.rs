//! Rules and decisions in plain words.

use crate::domain::failure::{Billed, Stage};
use crate::policy::{Billing, Decision, ScopeKind, Step, Transfer, When};
use jiff::SignedDuration;
use std::time::Duration;

/// A note on times that are printed for the next day.
pub(super) const NEXT_DAY: &str = "each job returns at a time of its own from 00:10 to 02:00; the times here are about the middle";

/// A step as it stands in the table: `park 5m, 15m, then 1h (6 times)`.
pub(super) fn step(step: &Step) -> String {
    match step {
        Step::Continue => "go on".to_owned(),
        Step::Verdict(None) => "verdict by the registry's status".to_owned(),
        Step::Verdict(Some(verdict)) => format!("verdict {}", verdict.as_str()),
        Step::Fail { invalid_job: None } => "fail".to_owned(),
        Step::Fail {
            invalid_job: Some(code),
        } => format!("fail: invalid job, {code}"),
        Step::Retry { attempts, backoff } => {
            let (times, wait) = (times(*attempts), duration(*backoff));
            if *attempts == 1 {
                format!("retry once after {wait}")
            } else {
                format!("retry {times}, first after {wait}")
            }
        }
        Step::Park { delays, attempts } => {
            let much = attempts.map_or_else(|| "until the deadline".to_owned(), times);
            format!("park {} ({much})", in_turn(delays))
        }
        Step::NextDay { attempts } => format!("wait for tomorrow ({})", times(*attempts)),
        Step::Rotate => "ask once with auto_rotate".to_owned(),
        Step::Throttle => "lower the rate and ask again".to_owned(),
        Step::Resign => "correct the clock and sign again, once".to_owned(),
        Step::Inline => "send the bytes instead of the URL, once".to_owned(),
        Step::Pause => "pause the stage".to_owned(),
    }
}

fn times(attempts: u32) -> String {
    if attempts == 1 {
        "once".to_owned()
    } else {
        format!("{attempts} times")
    }
}

fn in_turn(delays: &[Duration]) -> String {
    match delays.split_last() {
        Some((last, [])) => duration(*last),
        Some((last, first)) => {
            let first: Vec<String> = first.iter().map(|delay| duration(*delay)).collect();
            format!("{}, then {}", first.join(", "), duration(*last))
        }
        None => String::new(),
    }
}

fn duration(duration: Duration) -> String {
    SignedDuration::try_from(duration).map_or_else(
        |_| "for ever".to_owned(),
        |duration| format!("{duration:#}"),
    )
}

pub(super) fn scope(scope: ScopeKind) -> &'static str {
    match scope {
        ScopeKind::None => "",
        ScopeKind::Province => "province",
        ScopeKind::Bill => "bill",
        ScopeKind::Stage => "stage",
    }
}

/// One phrase for each condition.
pub(super) fn conditions(when: &When) -> Vec<String> {
    let When {
        qr_code_found,
        bill_age_days_min,
        bill_age_days_max,
        bill_date_known,
        rotated,
        same_code_before_rotation,
        http_status,
        message_contains,
        transfer,
        nothing_read,
    } = when;
    let flag = |value: &Option<bool>, yes: &str, no: &str| {
        value.map(|value| if value { yes } else { no }.to_owned())
    };
    let statuses: Vec<String> = http_status.iter().map(u16::to_string).collect();
    let phrases = [
        flag(qr_code_found, "QR code found", "no QR code found"),
        flag(bill_date_known, "bill's date known", "bill's date unknown"),
        bill_age_days_min.map(|days| format!("bill at least {days} days old")),
        bill_age_days_max.map(|days| format!("bill at most {days} days old")),
        flag(rotated, "turned upright before", "not yet turned upright"),
        flag(
            same_code_before_rotation,
            "same answer before that",
            "another answer before that",
        ),
        (!statuses.is_empty()).then(|| format!("HTTP {}", statuses.join(" or "))),
        message_contains
            .as_ref()
            .map(|part| format!("message contains {part:?}")),
        transfer.map(|transfer| {
            match transfer {
                Transfer::Inline => "image sent inline",
                Transfer::Url => "image sent as a URL",
            }
            .to_owned()
        }),
        flag(nothing_read, "nothing read", "something read"),
    ];
    phrases.into_iter().flatten().collect()
}

/// Describes what the decision means for the job that waits so long until its next attempt.
pub(super) fn decision(decision: &Decision, stage: Stage, wait: SignedDuration) -> String {
    match decision {
        Decision::Continue => "the answer is good: the job goes on".to_owned(),
        Decision::Verdict(None) => "completed; the registry's status of the bill decides the verdict".to_owned(),
        Decision::Verdict(Some(verdict)) => format!("completed with the verdict {}", verdict.as_str()),
        Decision::Fail { invalid_job: Some(code) } => format!("ends as invalid_job, {code}: mend the job and submit it again"),
        Decision::Fail { invalid_job: None } if stage == Stage::Recognition => "recognition has no answer".to_owned(),
        Decision::Fail { invalid_job: None } => "ends undetermined: a person has to look at it".to_owned(),
        Decision::Retry { .. } => format!("asked again in place after about {wait:#}"),
        // Until tomorrow is so and so many nanoseconds; a reader does not want them.
        Decision::Park { .. } => {
            format!("parked for {:#}", if wait.as_secs() == 0 { wait } else { SignedDuration::from_secs(wait.as_secs()) })
        }
        Decision::Rotate => "asked once more at once, with auto_rotate to turn the picture upright".to_owned(),
        Decision::Throttle => "the rate is lowered and the call made again after 2 to 5 seconds".to_owned(),
        Decision::Resign => "the clock is corrected by the answer's date, and the call signed and made again at once".to_owned(),
        Decision::Inline => "asked again at once with the image's bytes instead of its URL".to_owned(),
        Decision::Pause => format!("this worker pauses {stage}; the job is parked, at the cost of no attempt"),
    }
}

/// Advice for the operator who is called because of the decision.
pub(super) fn advice(decision: &Decision, stage: Stage) -> &'static [&'static str] {
    match decision {
        Decision::Fail { invalid_job: None } if stage == Stage::Recognition => &[
            "with `verify` the job goes on to verification, which reads the image itself; without, it ends undetermined",
        ],
        Decision::Throttle => &[
            "the worker's rate falls by the part of its last calls that was refused (1 to 50 %), at most once a second, and climbs back with the calls that are granted",
            "it costs the job no attempt; after ten minutes it is parked for 1 minute instead of being held",
            "nothing to do, unless it goes on: then lower rate_per_second, or ask for a higher quota",
        ],
        Decision::Inline => &[
            "only with transfer = \"url\"; the job remembers it, and does not go back to the URL",
            "a job that brought a URL of its own has no bytes to send: for it the next step is taken at once",
        ],
        Decision::Fail { .. }
        | Decision::Continue
        | Decision::Verdict(_)
        | Decision::Retry { .. }
        | Decision::Park { .. }
        | Decision::Rotate
        | Decision::Resign
        | Decision::Pause => &[],
    }
}

pub(super) fn billed(billing: Billing) -> &'static str {
    match billing {
        Billing::Fixed(Billed::Yes) => "Each such answer is paid for.",
        Billing::Fixed(Billed::No) => "Such an answer costs nothing.",
        Billing::Fixed(Billed::Unknown) => {
            "Such an answer may have been paid for: count it as paid."
        }
        Billing::With2xx => "Each such answer is paid for if its HTTP status is 2xx.",
    }
}

/// Describes which other jobs the failure keeps waiting, the first time from when until when.
pub(super) fn others(scope: ScopeKind, stage: Stage, from: &str, until: &str) -> Option<String> {
    let (closed, whose) = match scope {
        ScopeKind::None => return None,
        ScopeKind::Province => ("the bill's province".to_owned(), "its other jobs"),
        ScopeKind::Bill => ("the bill".to_owned(), "other jobs for it"),
        ScopeKind::Stage => (stage.to_string(), "all other jobs that need it"),
    };
    let but = match scope {
        ScopeKind::Stage => {
            " Nothing is closed where other jobs were answered well meanwhile: then the fault is in this job."
        }
        ScopeKind::None | ScopeKind::Province | ScopeKind::Bill => "",
    };
    Some(format!(
        "Meanwhile {closed} is closed, first from {from} until {until}: {whose} wait, without a call and charged no attempt. \
         Then one of those that wait calls first: a good answer lets the rest follow, the same answer closes it for the next wait.{but}"
    ))
}
