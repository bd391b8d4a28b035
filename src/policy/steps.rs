//! Steps as they are written in the table, lifted into [`Step`]s that can be carried out.

use super::values::{duration, durations};
use super::{Stage, Step, VendorName, Verdict, codes};
use crate::settings::located::Problem;
use serde::Deserialize;
use std::time::Duration;
use toml::Spanned;

const DEFAULT_BACKOFF: Duration = Duration::from_secs(2);
/// Retries hold an unacknowledged delivery, which is never held for more than ten minutes.
const MAX_BACKOFF: Duration = Duration::from_mins(1);
const MAX_RETRIES: u32 = 9;
/// Progress keeps the uses of so many steps of one rule.
const MAX_STEPS: usize = 16;
const MAX_DELAY: Duration = Duration::from_hours(30 * 24);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenStep {
    action: Spanned<String>,
    attempts: Option<Spanned<u32>>,
    backoff: Option<Spanned<String>>,
    delays: Option<Spanned<Vec<Spanned<String>>>>,
    verdict: Option<Spanned<String>>,
    invalid_job: Option<Spanned<String>>,
}

/// The steps of a rule for these codes of the vendor.
pub(super) fn lift(
    written: Spanned<Vec<Spanned<WrittenStep>>>,
    stage: Stage,
    vendor: VendorName,
    codes: &[String],
) -> Result<Vec<Step>, Problem> {
    let place = written.span();
    let written = written.into_inner();
    if written.is_empty() || written.len() > MAX_STEPS {
        return Err(Problem::new(
            &place,
            format!("`do` needs 1 to {MAX_STEPS} steps"),
        ));
    }
    let last = written.len() - 1;
    let mut steps = Vec::with_capacity(written.len());
    for (index, step) in written.into_iter().enumerate() {
        let place = step.span();
        let action = step.get_ref().action.get_ref().clone();
        let step = step.into_inner().lift()?;
        if let Some(problem) = misplaced(&step, stage, vendor, codes) {
            return Err(Problem::new(&place, format!("{action:?} {problem}")));
        }
        if let Some(problem) = never_taken(&step, &steps) {
            return Err(Problem::new(&place, format!("{action:?} {problem}")));
        }
        if is_endless(&step) && index + 1 < last {
            let problem = format!(
                "without `attempts`, {action:?} goes on until the deadline: only the last step can be reached behind it"
            );
            return Err(Problem::new(&place, problem));
        }
        match (is_final(&step), index == last) {
            (true, false) => {
                return Err(Problem::new(
                    &place,
                    format!("no step behind {action:?} can be reached"),
                ));
            }
            (false, true) => {
                let problem = format!(
                    "{action:?} cannot be last: say what becomes of the job then, for instance {{ action = \"fail\" }}"
                );
                return Err(Problem::new(&place, problem));
            }
            (true, true) | (false, false) => steps.push(step),
        }
    }
    Ok(steps)
}

fn is_final(step: &Step) -> bool {
    match step {
        Step::Continue | Step::Verdict(_) | Step::Fail { .. } | Step::Throttle | Step::Pause => {
            true
        }
        Step::Retry { .. }
        | Step::Park { .. }
        | Step::NextDay { .. }
        | Step::Rotate
        | Step::Resign
        | Step::Inline => false,
    }
}

fn is_endless(step: &Step) -> bool {
    matches!(step, Step::Park { attempts: None, .. })
}

/// Why this step would always be skipped behind those.
fn never_taken(step: &Step, before: &[Step]) -> Option<&'static str> {
    let is_away = |step: &Step| matches!(step, Step::Park { .. } | Step::NextDay { .. });
    match step {
        Step::Retry { .. } if before.iter().any(is_away) => {
            Some("is only for before the first park: put it first")
        }
        Step::Rotate | Step::Inline if before.contains(step) => Some("is taken only once"),
        _ => None,
    }
}

/// Why this step makes no sense for these codes.
fn misplaced(
    step: &Step,
    stage: Stage,
    vendor: VendorName,
    codes: &[String],
) -> Option<&'static str> {
    let success = codes.iter().all(|code| codes::may_be_success(vendor, code));
    // The table of a vendor of its own says itself which of its codes are the registry's.
    let registrys = vendor != VendorName::usual(stage)
        || codes.iter().all(|code| codes::is_registrys(vendor, code));
    match step {
        Step::Continue if !(success && stage == Stage::Recognition) => {
            Some("needs a good answer to go on with: only recognition 200 has one")
        }
        Step::Verdict(None) if !success => {
            Some("\"registry\" needs an answer of the registry: only verification OK has one")
        }
        Step::Verdict(Some(_)) if stage != Stage::Verification => {
            Some("is for verification only: no other stage knows the bill")
        }
        Step::Verdict(Some(_)) if !registrys => {
            Some("needs an answer of the registry about the bill: its codes are numbers")
        }
        Step::Fail {
            invalid_job: Some(_),
        } if stage != Stage::Storage => {
            Some("is no fault of the job's: only the store's answers are")
        }
        Step::Rotate if stage != Stage::Verification => Some("is for verification only"),
        Step::Resign if stage != Stage::Recognition => {
            Some("is for recognition only: no other call is signed by us")
        }
        Step::Inline | Step::Throttle if stage == Stage::Storage => {
            Some("is for the two providers only")
        }
        Step::Continue
        | Step::Verdict(_)
        | Step::Fail { .. }
        | Step::Retry { .. }
        | Step::Park { .. }
        | Step::NextDay { .. }
        | Step::Rotate
        | Step::Throttle
        | Step::Resign
        | Step::Inline
        | Step::Pause => None,
    }
}

impl WrittenStep {
    fn lift(mut self) -> Result<Step, Problem> {
        let action = self.action.get_ref().clone();
        let step = match action.as_str() {
            "continue" => Step::Continue,
            "verdict" => Step::Verdict(verdict(&self.need(self.verdict.as_ref(), "verdict")?)?),
            "fail" => Step::Fail {
                invalid_job: self.invalid_job.as_ref().map(invalid_job).transpose()?,
            },
            "retry" => Step::Retry {
                attempts: attempts(&self.need(self.attempts.as_ref(), "attempts")?, MAX_RETRIES)?,
                backoff: self
                    .backoff
                    .as_ref()
                    .map_or(Ok(DEFAULT_BACKOFF), |backoff| {
                        duration(backoff, MAX_BACKOFF)
                    })?,
            },
            "park" => Step::Park {
                delays: durations(
                    &self.need(self.delays.as_ref(), "delays")?,
                    "delays",
                    MAX_DELAY,
                )?,
                attempts: self
                    .attempts
                    .as_ref()
                    .map(|written| attempts(written, u32::MAX))
                    .transpose()?,
            },
            "next_day" => Step::NextDay {
                attempts: attempts(&self.need(self.attempts.as_ref(), "attempts")?, u32::MAX)?,
            },
            "rotate" => Step::Rotate,
            "throttle" => Step::Throttle,
            "resign" => Step::Resign,
            "inline" => Step::Inline,
            "pause" => Step::Pause,
            _ => {
                let actions = "continue, verdict, fail, retry, park, next_day, rotate, throttle, resign, inline and pause";
                return Err(Problem::new(
                    &self.action.span(),
                    format!("there is no action {action:?}; there are {actions}"),
                ));
            }
        };
        self.take_what_belongs_to(&step);
        match self.left_over() {
            None => Ok(step),
            Some(key) => Err(Problem::new(
                &self.action.span(),
                format!("{action:?} takes no `{key}`"),
            )),
        }
    }

    fn need<T: Clone>(&self, value: Option<&Spanned<T>>, key: &str) -> Result<Spanned<T>, Problem> {
        let action = self.action.get_ref();
        value
            .cloned()
            .ok_or_else(|| Problem::new(&self.action.span(), format!("{action:?} needs `{key}`")))
    }

    fn take_what_belongs_to(&mut self, step: &Step) {
        match step {
            Step::Verdict(_) => self.verdict = None,
            Step::Fail { .. } => self.invalid_job = None,
            Step::Retry { .. } => (self.attempts, self.backoff) = (None, None),
            Step::Park { .. } => (self.attempts, self.delays) = (None, None),
            Step::NextDay { .. } => self.attempts = None,
            Step::Continue
            | Step::Rotate
            | Step::Throttle
            | Step::Resign
            | Step::Inline
            | Step::Pause => {}
        }
    }

    fn left_over(&self) -> Option<&'static str> {
        let present = [
            (self.attempts.is_some(), "attempts"),
            (self.backoff.is_some(), "backoff"),
            (self.delays.is_some(), "delays"),
            (self.verdict.is_some(), "verdict"),
            (self.invalid_job.is_some(), "invalid_job"),
        ];
        present
            .into_iter()
            .find_map(|(present, key)| present.then_some(key))
    }
}

fn attempts(written: &Spanned<u32>, max: u32) -> Result<u32, Problem> {
    let attempts = *written.get_ref();
    if attempts == 0 {
        return Err(Problem::new(
            &written.span(),
            "no attempts: leave the step out instead".to_owned(),
        ));
    }
    if attempts > max {
        return Err(Problem::new(
            &written.span(),
            format!("at most {max} attempts, because the job is held meanwhile; park it for more"),
        ));
    }
    Ok(attempts)
}

/// `Ok(None)` is `"registry"`. The positive verdicts cannot be configured: only the registry
/// itself finds a bill genuine.
fn verdict(written: &Spanned<String>) -> Result<Option<Verdict>, Problem> {
    let known = [
        Verdict::Mismatch,
        Verdict::NotFound,
        Verdict::Invalid,
        Verdict::NotUsable,
        Verdict::Voided,
        Verdict::RedLettered,
    ];
    let name = written.get_ref();
    if name == "registry" {
        return Ok(None);
    }
    let problem = || {
        format!(
            "no error code can mean {name:?}; use {}",
            known.map(Verdict::as_str).join(", ")
        )
    };
    known
        .into_iter()
        .find(|verdict| verdict.as_str() == name)
        .map(Some)
        .ok_or_else(|| Problem::new(&written.span(), problem()))
}

fn invalid_job(written: &Spanned<String>) -> Result<String, Problem> {
    let known = [
        "image.not_found",
        "image.forbidden",
        "image.too_large",
        "image.too_small",
        "image.unsupported_format",
        "image.corrupt",
        "image.url_invalid",
    ];
    let name = written.get_ref();
    let problem = || {
        format!(
            "{name:?} is not what can be wrong with a job; use {}",
            known.join(", ")
        )
    };
    if known.contains(&name.as_str()) {
        Ok(name.clone())
    } else {
        Err(Problem::new(&written.span(), problem()))
    }
}
