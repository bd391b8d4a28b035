use super::alike::{Alike, alike};
use super::words;
use crate::domain::failure::{Billed, Stage};
use crate::domain::policy::{Decision, Facts, Moment, Others, Policy, Rule, Scope, Transfer, normalise};
use anyhow::{Context as _, ensure};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::io::{self, Write};
use std::time::Duration;

const STAGES: [Stage; 3] = [Stage::Storage, Stage::Recognition, Stage::Verification];
const COLUMNS: usize = 120;
/// Of four spaces, a time and two spaces.
const INDENT: usize = 20;
/// Of so many equal attempts in a row, only the first and the last are told.
const TOLD_ONE_BY_ONE: usize = 4;

/// What happens to a job that gets this answer, why, and when it would be tried again if it got the same one every time from `now` on.
///
/// Without a stage: at each stage whose rules name the code; where none does, at all of them.
pub(super) fn explain(
    policy: &Policy,
    code: &str,
    stage: Option<Stage>,
    (now, job_deadline): (Timestamp, Duration),
    timezone: &TimeZone,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let code = normalise(code.trim());
    ensure!(!code.is_empty(), "which code? For instance 317, APIG.0308, timeout or http.502");
    ensure!(stage.is_none_or(|stage| STAGES.contains(&stage)), "the policy is about storage, recognition and verification");
    let deadline = now.checked_add(job_deadline).context("the present time is out of range")?;
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
    let naming: Vec<Stage> = STAGES.into_iter().filter(|stage| policy.names(*stage, &code)).collect();
    let stages = match stage {
        Some(stage) => vec![stage],
        None if naming.is_empty() => STAGES.to_vec(),
        None => naming,
    };
    let start = now.to_zoned(timezone.clone());
    writeln!(out, "A job that gets {code} every time, from {} ({}) on:", start.strftime("%Y-%m-%d %H:%M"), zone(timezone))?;
    if !stages.iter().any(|stage| policy.names(*stage, &code)) {
        writeln!(out, "No rule names {code}: it is treated like everything unknown.")?;
    }
    for stage in stages {
        explain_at(policy, stage, &code, &facts, out)?;
    }
    Ok(())
}

fn explain_at(policy: &Policy, stage: Stage, code: &str, facts: &Facts, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "\n{stage}")?;
    let (mut cost, mut may_be_undetermined) = (None, false);
    for Alike { given, moments } in alike(policy, policy.cases(stage, code, facts)) {
        writeln!(out)?;
        tell_cost(rule_of(policy, &moments), &mut cost, out)?;
        for (index, phrases) in given.iter().filter(|phrases| !phrases.is_empty()).enumerate() {
            writeln!(out, "  {} {}", if index == 0 { "If" } else { "or" }, phrases.join(", "))?;
        }
        tell(policy, stage, &moments, facts, out)?;
        may_be_undetermined |= moments.iter().any(|moment| moment.ruling.decision == Decision::Fail { invalid_job: None });
    }
    if stage == Stage::Verification && may_be_undetermined {
        writeln!(out, "\n  Undetermined never means that the bill is false.")?;
    }
    Ok(())
}

/// Who pays and who else waits, where it is not what was told before.
fn tell_cost(rule: Option<&Rule>, told: &mut Option<(Billed, Scope)>, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(rule) = rule else { return Ok(()) };
    if *told == Some((rule.billed, rule.scope)) {
        return Ok(());
    }
    *told = Some((rule.billed, rule.scope));
    writeln!(out, "  {}", words::billed(rule.billed))?;
    if let Some(others) = words::others(rule.scope) {
        writeln!(out, "  {others}")?;
    }
    Ok(())
}

fn tell(policy: &Policy, stage: Stage, moments: &[Moment], facts: &Facts, out: &mut impl Write) -> anyhow::Result<()> {
    let mut told: Option<&str> = None;
    for run in runs(moments) {
        let skipped = if run.len() > TOLD_ONE_BY_ONE { 1..run.len() - 1 } else { 0..0 };
        for (index, Attempt { moment, wait }) in run.iter().enumerate() {
            if skipped.contains(&index) {
                if index == skipped.start {
                    indented(&format!("… {} more like this", skipped.len()), out)?;
                }
                continue;
            }
            let clock = moment.at.to_zoned(facts.timezone.clone());
            writeln!(out, "    {}  {}", clock.strftime("%m-%d %H:%M:%S"), words::decision(&moment.ruling.decision, stage, *wait))?;
            if told != Some(&moment.ruling.rule) {
                told = Some(&moment.ruling.rule);
                let rule = policy.rules().iter().find(|rule| rule.id == moment.ruling.rule);
                indented(&format!("why: {}", reason(rule)), out)?;
            }
            for advice in words::advice(&moment.ruling.decision, stage) {
                indented(advice, out)?;
            }
        }
    }
    Ok(())
}

/// Below what happens, right of its time: in lines of at most [`COLUMNS`].
fn indented(text: &str, out: &mut impl Write) -> io::Result<()> {
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && INDENT + line.chars().count() + 1 + word.chars().count() > COLUMNS {
            writeln!(out, "{:INDENT$}{line}", "")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "{:INDENT$}{line}", "")
}

/// What is decided, and how long it is until the next attempt.
struct Attempt<'a> {
    moment: &'a Moment,
    wait: SignedDuration,
}

/// Attempts in turn, those together that differ in nothing but their time.
fn runs(moments: &[Moment]) -> Vec<Vec<Attempt<'_>>> {
    let mut runs: Vec<Vec<Attempt<'_>>> = Vec::new();
    for (index, moment) in moments.iter().enumerate() {
        let wait = moments.get(index + 1).map_or(SignedDuration::ZERO, |next| next.at.duration_since(moment.at));
        let again = |last: &Attempt<'_>| {
            let both_park = [last.moment, moment].iter().all(|moment| matches!(moment.ruling.decision, Decision::Park { .. }));
            both_park && last.wait == wait && last.moment.ruling.rule == moment.ruling.rule
        };
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(again) => run.push(Attempt { moment, wait }),
            _ => runs.push(vec![Attempt { moment, wait }]),
        }
    }
    runs
}

/// The rule that decides first.
fn rule_of<'a>(policy: &'a Policy, moments: &[Moment]) -> Option<&'a Rule> {
    let id = &moments.first()?.ruling.rule;
    policy.rules().iter().find(|rule| rule.id == *id)
}

/// With the rule's name, and where it comes from if that is not this program.
fn reason(rule: Option<&Rule>) -> String {
    let Some(rule) = rule else { return "no rule catches it".to_owned() };
    let source = if rule.overridden { ", policy.file" } else { "" };
    let reason = if rule.reason.is_empty() { "the rule says so" } else { &rule.reason };
    format!("{reason} [{}{source}]", rule.id)
}

fn zone(timezone: &TimeZone) -> String {
    timezone.iana_name().unwrap_or("local time").to_owned()
}
