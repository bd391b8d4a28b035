//! What every answer shows beside its content: the time, the form of its body, how long it took, and
//! whether calls came too fast.

use super::assumption::{Assumption, AssumptionFinding};
use super::observation::{CallObservation, Observations};
use super::proposal::SettingProposal;
use crate::domain::stage::Stage;
use std::time::Duration;

/// The largest skew with which the worker takes jobs.
const LARGEST_SKEW_SECONDS: i64 = 5 * 60;
/// The longest call that `timeout` may be set to.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(10);

pub(super) const RECOGNITION: &[Assumption] = &[
    Assumption {
        name: "recognition.json",
        documented: "JSON; the sample has comments in it and is none",
        place: "recognition.txt, 响应结果",
        calls: &[],
        judge: |seen| json(seen, Stage::Recognition),
    },
    Assumption {
        name: "recognition.date",
        documented: "every answer has a Date (HTTP), by which the worker's clock is checked",
        place: "",
        calls: &[],
        judge: |seen| date(seen, Stage::Recognition),
    },
    Assumption {
        name: "recognition.throttling",
        documented: "APIG.0308 with HTTP 429",
        place: "the gateway's guide, error codes",
        calls: &[],
        judge: |seen| throttling(seen, Stage::Recognition, 429),
    },
    Assumption {
        name: "recognition.latency",
        documented: "nothing; the worker waits for recognition.timeout",
        place: "",
        calls: &[],
        judge: |seen| latency(seen, Stage::Recognition),
    },
];

pub(super) const VERIFICATION: &[Assumption] = &[
    Assumption {
        name: "verification.json",
        documented: "JSON; the sample has a quote too many and is none",
        place: "verification.txt, 返回结果示例",
        calls: &[],
        judge: |seen| json(seen, Stage::Verification),
    },
    Assumption {
        name: "verification.date",
        documented: "every answer has a Date (HTTP), by which the worker's clock is checked",
        place: "",
        calls: &[],
        judge: |seen| date(seen, Stage::Verification),
    },
    Assumption {
        name: "verification.throttling",
        documented: "RATE_LIMIT_EXCEEDED with HTTP 403",
        place: "verification.txt, 4.1",
        calls: &[],
        judge: |seen| throttling(seen, Stage::Verification, 403),
    },
    Assumption {
        name: "verification.latency",
        documented: "nothing; the worker waits for verification.timeout",
        place: "",
        calls: &[],
        judge: |seen| latency(seen, Stage::Verification),
    },
];

fn no_answer(seen: &Observations, stage: Stage) -> AssumptionFinding {
    let first = seen.at(stage).next();
    AssumptionFinding::not_observed(first.map_or_else(
        || "no call was made".to_owned(),
        |made| format!("no answer came: {}", made.code),
    ))
}

fn json(seen: &Observations, stage: Stage) -> AssumptionFinding {
    let mut answers = 0;
    for made in seen.at(stage) {
        let Some(answer) = &made.answer else {
            continue;
        };
        answers += 1;
        let kind = answer.content_type.as_deref().unwrap_or("no content type");
        if answer.object.is_none() {
            let told = format!("{} is no JSON object, but {kind}", made.told());
            return AssumptionFinding::differs(told);
        }
        if !answer.is_strict {
            let told = format!("{} has to be mended to be read as JSON", made.told());
            return AssumptionFinding::differs(told);
        }
        if !kind.contains("json") {
            return AssumptionFinding::observed(format!("JSON, announced as {kind}"));
        }
    }
    if answers == 0 {
        return no_answer(seen, stage);
    }
    AssumptionFinding::documented(format!("{answers} answers, all of them JSON"))
}

fn date(seen: &Observations, stage: Stage) -> AssumptionFinding {
    let answers = seen.at(stage).filter_map(|made| made.answer.as_ref());
    let ahead: Vec<Option<i64>> = answers.map(|answer| answer.seconds_ahead).collect();
    if ahead.is_empty() {
        return no_answer(seen, stage);
    }
    if ahead.contains(&None) {
        return AssumptionFinding::differs("an answer has no Date, or none that can be read");
    }
    let most = ahead.into_iter().flatten().max_by_key(|ahead| ahead.abs());
    let seconds = most.unwrap_or_default();
    let side = if seconds < 0 { "behind" } else { "ahead of" };
    let told = format!("{} s {side} this machine's clock", seconds.abs());
    if seconds.abs() > LARGEST_SKEW_SECONDS {
        AssumptionFinding::differs(format!("{told}: synchronise it (NTP)"))
    } else {
        AssumptionFinding::documented(told)
    }
}

fn throttling(seen: &Observations, stage: Stage, http_status: u16) -> AssumptionFinding {
    let throttled =
        |made: &&CallObservation| made.is_throttled() || made.http_status() == Some(429);
    let Some(made) = seen.at(stage).find(throttled) else {
        return AssumptionFinding::not_observed(
            "no call was refused as too fast; provoking it would hold up your workers",
        );
    };
    let rate = match stage {
        Stage::Recognition => seen.settings.recognition_rate,
        _ => seen.settings.verification_rate,
    };
    let has_retry_after = made
        .answer
        .as_ref()
        .is_some_and(|answer| answer.has_retry_after);
    let pause = if has_retry_after {
        "with Retry-After"
    } else {
        "without Retry-After"
    };
    let why = format!("calls at {rate} a second were refused as too fast; half of it is a guess");
    let half = format!("{:?}", rate / 2.0);
    let proposal = SettingProposal::new(stage.as_str(), "rate_per_second", &half, &why);
    let is_documented = made.is_throttled() && made.http_status() == Some(http_status);
    AssumptionFinding::as_documented(is_documented, format!("{}, {pause}", made.told()))
        .proposing(Some(proposal))
}

fn latency(seen: &Observations, stage: Stage) -> AssumptionFinding {
    let timeout = match stage {
        Stage::Recognition => seen.settings.recognition_timeout,
        _ => seen.settings.verification_timeout,
    };
    let (shown, key) = (timeout.as_secs_f64(), stage.as_str());
    if seen.at(stage).any(|made| made.code == "timeout") {
        let longer = (timeout * 2).min(LONGEST_TIMEOUT).as_secs();
        let why = format!("a call was not answered within {shown} s");
        let value = format!("\"{longer}s\"");
        let proposal = SettingProposal::new(key, "timeout", &value, &why);
        let told = format!("a call was not answered within {key}.timeout, {shown} s");
        return AssumptionFinding::differs(told).proposing(Some(proposal));
    }
    let answered = seen.at(stage).filter(|made| made.is_about_the_picture());
    let mut times: Vec<Duration> = answered.map(|made| made.duration).collect();
    times.sort();
    match (times.first(), times.last()) {
        (Some(shortest), Some(longest)) => AssumptionFinding::observed(format!(
            "{:.2} s to {:.2} s in {} calls; {key}.timeout is {shown} s",
            shortest.as_secs_f64(),
            longest.as_secs_f64(),
            times.len()
        )),
        _ => AssumptionFinding::not_observed("no picture was read"),
    }
}
