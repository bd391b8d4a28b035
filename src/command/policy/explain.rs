//! `policy explain`: what happens on a code, with times, for a job that starts now.

use super::alike::{Alike, alike};
use super::{ours, pause, words};
use crate::command::terminal::hanging;
use crate::domain::failure::Stage;
use crate::policy::{
    Decision, Facts, ForecastEntry, Occurrence, Others, Policy, Rule, Step, Streak, Transfer,
    normalise,
};
use anyhow::{Context as _, ensure};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::io::{self, Write};
use std::time::Duration;

const STAGES: [Stage; 3] = [Stage::Storage, Stage::Recognition, Stage::Verification];
/// The width of a time and of the text around it.
const BESIDE_TIME: &str = "                    ";
const CLOCK: &str = "%m-%d %H:%M:%S";
/// From this many equal attempts in a row on, only the first and the last are printed.
const SHOWN_ONE_BY_ONE: usize = 4;

/// Explains what happens to a job that gets this answer, why, and when it would be tried again if
/// it got the same one every time from `now` on.
///
/// Without a stage: at each stage whose rules name the code; where none does, at all of them.
pub(super) fn explain(
    policy: &Policy,
    code: &str,
    stage: Option<Stage>,
    (now, job_deadline): (Timestamp, Duration),
    timezone: &TimeZone,
    page: &mut Page<'_, impl Write>,
) -> anyhow::Result<()> {
    let code = normalise(code.trim());
    ensure!(
        !code.is_empty(),
        "which code? For instance 317, APIG.0308, timeout or http.502"
    );
    ensure!(
        stage.is_none_or(|stage| STAGES.contains(&stage)),
        "the policy is about storage, recognition and verification"
    );
    if let Some(meaning) = ours::meaning(&code) {
        page.line(&format!(
            "{code} is a code of this program's own, not an answer that the policy decides about:"
        ))?;
        return Ok(page.hanging("  ", meaning)?);
    }
    let deadline = now
        .checked_add(job_deadline)
        .context("the present time is out of range")?;
    // Half of the window in which `next_day` returns.
    let facts = Facts {
        now,
        deadline,
        timezone: timezone.clone(),
        billing_date: None,
        transfer: Transfer::Inline,
        spread: 0.5,
        others: Others::default(),
    };
    let naming: Vec<Stage> = STAGES
        .into_iter()
        .filter(|stage| policy.names(*stage, &code))
        .collect();
    let stages = match stage {
        Some(stage) => vec![stage],
        None if naming.is_empty() => STAGES.to_vec(),
        None => naming,
    };
    let start = now.to_zoned(timezone.clone());
    page.line(&format!(
        "A job that gets {code} every time, from {} ({}) on:",
        start.strftime("%Y-%m-%d %H:%M"),
        zone(timezone)
    ))?;
    let last = deadline.to_zoned(timezone.clone());
    let limit =
        last.strftime("No attempt starts after its deadline, %m-%d %H:%M (worker.job_deadline; time in which a stage is paused is added).");
    page.line(&limit.to_string())?;
    if !stages.iter().any(|stage| policy.names(*stage, &code)) {
        page.line(&format!(
            "No rule names {code}: the rule for unknown codes of each stage decides."
        ))?;
    }
    let (mut pauses, mut may_be_undetermined) = (Vec::<StagePause>::new(), false);
    for stage in stages {
        let ends = explain_at(policy, stage, &code, &facts, page)?;
        may_be_undetermined |= ends.may_be_undetermined;
        if let Some((streak, since)) = ends.pause {
            let lines = pause::lines(policy, stage, &code, streak, since, timezone);
            match pauses.iter_mut().find(|pause| pause.lines == lines) {
                Some(pause) => pause.stages.push(stage.as_str()),
                None => pauses.push(StagePause {
                    stages: vec![stage.as_str()],
                    lines,
                }),
            }
        }
    }
    for StagePause { stages, lines } in pauses {
        page.line("")?;
        page.line(&format!("While {} is paused", any_of(&stages)))?;
        for line in lines {
            page.hanging("  - ", &line)?;
        }
    }
    if may_be_undetermined {
        page.line("")?;
        page.line(
            "Undetermined never means that the bill is false. A copy of the job goes to the failed queue, with the reason.",
        )?;
    }
    Ok(())
}

/// The lines about a pause, and the stages of which they are true.
struct StagePause {
    stages: Vec<&'static str>,
    lines: Vec<String>,
}

/// What the explanation of one stage leaves to be said once for all stages.
struct StageEnds {
    /// The streak that pauses the stage, or none where a rule does; and since when.
    pause: Option<(Option<Streak>, Timestamp)>,
    may_be_undetermined: bool,
}

/// Joins the names: `storage, recognition or verification`.
fn any_of(stages: &[&str]) -> String {
    match stages {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => stages.concat(),
    }
}

fn explain_at(
    policy: &Policy,
    stage: Stage,
    code: &str,
    facts: &Facts,
    page: &mut Page<'_, impl Write>,
) -> anyhow::Result<StageEnds> {
    page.line("")?;
    page.line(stage.as_str())?;
    let (mut shown, mut may_be_undetermined, mut pause) = (Vec::new(), false, None);
    for Alike {
        given,
        forecast,
        streak,
    } in alike(policy, Occurrence::all(&[policy], stage, code, facts))
    {
        page.line("")?;
        let circumstances = circumstances(policy, stage, &forecast, streak, facts);
        if shown != circumstances {
            circumstances
                .iter()
                .try_for_each(|line| page.hanging("  ", line))?;
            shown = circumstances;
        }
        for (index, phrases) in given
            .iter()
            .filter(|phrases| !phrases.is_empty())
            .enumerate()
        {
            page.line(&format!(
                "  {} {}",
                if index == 0 { "If" } else { "or" },
                phrases.join(", ")
            ))?;
        }
        render_attempts(policy, stage, &forecast, facts, page)?;
        may_be_undetermined |= forecast
            .iter()
            .any(|entry| entry.decided.decision == Decision::Fail { invalid_job: None });
        let by_rule = forecast
            .iter()
            .find(|entry| entry.decided.decision == Decision::Pause)
            .map(|entry| (None, entry.at));
        pause = pause
            .or(by_rule)
            .or(streak.map(|streak| (Some(streak), facts.now)));
    }
    Ok(StageEnds {
        pause,
        may_be_undetermined: may_be_undetermined && stage != Stage::Recognition,
    })
}

/// Explains who pays, which other jobs wait, and what many such jobs in a row cause.
fn circumstances(
    policy: &Policy,
    stage: Stage,
    forecast: &[ForecastEntry],
    streak: Option<Streak>,
    facts: &Facts,
) -> Vec<String> {
    let time = |time: Timestamp| {
        time.to_zoned(facts.timezone.clone())
            .strftime(CLOCK)
            .to_string()
    };
    let paid = forecast
        .first()
        .and_then(|first| rule_of(policy, first))
        .map(|rule| words::billed(rule.billed).to_owned());
    let closing = forecast
        .iter()
        .find_map(|entry| Some((entry, entry.decided.closes?)));
    let others = closing.and_then(|(entry, until)| {
        words::others(entry.decided.scope, stage, &time(entry.at), &time(until))
    });
    let row = streak.map(|streak| {
        format!("Once {}, {stage} is paused, whatever the rule says (see below); this job's own calls count.", policy.streak_reason(streak))
    });
    paid.into_iter().chain(others).chain(row).collect()
}

fn render_attempts(
    policy: &Policy,
    stage: Stage,
    forecast: &[ForecastEntry],
    facts: &Facts,
    page: &mut Page<'_, impl Write>,
) -> anyhow::Result<()> {
    let mut explained: Option<&str> = None;
    for run in runs(forecast) {
        let skipped = if run.len() > SHOWN_ONE_BY_ONE {
            1..run.len() - 1
        } else {
            0..0
        };
        for (index, Attempt { entry, wait }) in run.iter().enumerate() {
            if skipped.contains(&index) {
                if index == skipped.start {
                    page.hanging(BESIDE_TIME, &format!("… {} more like this", skipped.len()))?;
                }
                continue;
            }
            let clock = entry.at.to_zoned(facts.timezone.clone());
            page.hanging(
                &format!("    {}  ", clock.strftime(CLOCK)),
                &words::decision(&entry.decided.decision, stage, *wait),
            )?;
            if explained != Some(&entry.decided.rule) {
                explained = Some(&entry.decided.rule);
                let rule = rule_of(policy, entry);
                page.hanging(BESIDE_TIME, &format!("why: {}", reason(rule)))?;
                if matches!(
                    rule.and_then(|rule| rule.steps.get(entry.decided.step)),
                    Some(Step::NextDay { .. })
                ) {
                    page.hanging(BESIDE_TIME, words::NEXT_DAY)?;
                }
            }
            for advice in words::advice(&entry.decided.decision, stage) {
                page.hanging(BESIDE_TIME, advice)?;
            }
        }
    }
    if is_cut_short(policy, forecast) {
        let deadline = facts.deadline.to_zoned(facts.timezone.clone());
        page.hanging(
            BESIDE_TIME,
            &format!(
                "because the next wait would end after the deadline, {}",
                deadline.strftime(CLOCK)
            ),
        )?;
    }
    Ok(())
}

/// Does the last decision come while there were waits left, because the deadline comes before their
/// end?
fn is_cut_short(policy: &Policy, forecast: &[ForecastEntry]) -> bool {
    let Some((last, rule)) = forecast
        .last()
        .and_then(|last| Some((last, rule_of(policy, last)?)))
    else {
        return false;
    };
    let used = |step: usize| {
        forecast
            .iter()
            .filter(|entry| entry.decided.rule == rule.id && entry.decided.step == step)
            .count()
    };
    let has_left = |(index, step): (usize, &Step)| match step {
        Step::Park { attempts: None, .. } => true,
        Step::Park {
            attempts: Some(attempts),
            ..
        }
        | Step::NextDay { attempts } => {
            u32::try_from(used(index)).is_ok_and(|used| used < *attempts)
        }
        _ => false,
    };
    last.decided.step + 1 == rule.steps.len() && rule.steps.iter().enumerate().any(has_left)
}

/// The output of an explanation, with the width of its lines.
pub(super) struct Page<'a, W> {
    pub(super) out: &'a mut W,
    pub(super) columns: usize,
}

impl<W: Write> Page<'_, W> {
    /// A line; what does not fit goes on below its first word.
    fn line(&mut self, text: &str) -> io::Result<()> {
        let indent = text.len() - text.trim_start_matches(' ').len();
        self.hanging(&text[..indent], &text[indent..])
    }

    /// Behind `lead`, in lines that all begin in the same column.
    fn hanging(&mut self, lead: &str, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", hanging(lead, text, self.columns))
    }
}

/// A decision, and the time until the next attempt.
struct Attempt<'a> {
    entry: &'a ForecastEntry,
    wait: SignedDuration,
}

/// Attempts in turn, those together that differ in nothing but their time.
fn runs(forecast: &[ForecastEntry]) -> Vec<Vec<Attempt<'_>>> {
    let mut runs: Vec<Vec<Attempt<'_>>> = Vec::new();
    for (index, entry) in forecast.iter().enumerate() {
        let wait = forecast
            .get(index + 1)
            .map_or(SignedDuration::ZERO, |next| {
                next.at.duration_since(entry.at)
            });
        let again = |last: &Attempt<'_>| {
            let both_park = [last.entry, entry]
                .iter()
                .all(|entry| matches!(entry.decided.decision, Decision::Park { .. }));
            both_park && last.wait == wait && last.entry.decided.rule == entry.decided.rule
        };
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(again) => run.push(Attempt { entry, wait }),
            _ => runs.push(vec![Attempt { entry, wait }]),
        }
    }
    runs
}

/// The rule that decides.
fn rule_of<'a>(policy: &'a Policy, entry: &ForecastEntry) -> Option<&'a Rule> {
    policy
        .rules()
        .iter()
        .find(|rule| rule.id == entry.decided.rule)
}

/// The reason with the rule's name, and its file if that is not this program's table.
fn reason(rule: Option<&Rule>) -> String {
    let Some(rule) = rule else {
        return "no rule catches it".to_owned();
    };
    let source = if rule.overridden { ", policy.file" } else { "" };
    let reason = if rule.reason.is_empty() {
        "the rule says so"
    } else {
        &rule.reason
    };
    format!("{reason} [{}{source}]", rule.id)
}

fn zone(timezone: &TimeZone) -> String {
    timezone.iana_name().unwrap_or("local time").to_owned()
}
