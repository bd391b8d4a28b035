use super::words;
use crate::domain::failure::{Billed, Stage};
use crate::domain::policy::{Case, Facts, Moment, Policy, Rule, Scope, Transfer, normalise};
use anyhow::{Context as _, ensure};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::io::Write;

const STAGES: [Stage; 3] = [Stage::Storage, Stage::Recognition, Stage::Verification];
/// `worker.job_deadline` where nobody set it.
const DEADLINE: SignedDuration = SignedDuration::from_hours(96);
/// Longer schedules repeat themselves.
const MAX_LINES: usize = 12;

/// What happens to a job that gets this answer, why, and when it would be tried again if it got the same one every time from `now` on.
///
/// Without a stage: at each stage whose rules name the code; where none does, at all of them.
pub(super) fn explain(
    policy: &Policy,
    code: &str,
    stage: Option<Stage>,
    now: Timestamp,
    timezone: &TimeZone,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let code = normalise(code.trim());
    ensure!(!code.is_empty(), "which code? For instance 317, APIG.0308, timeout or http.502");
    ensure!(stage.is_none_or(|stage| STAGES.contains(&stage)), "the policy is about storage, recognition and verification");
    let deadline = now.checked_add(DEADLINE).context("the present time is out of range")?;
    // Half of the window in which `next_day` returns.
    let facts = Facts { now, deadline, timezone: timezone.clone(), billing_date: None, transfer: Transfer::Inline, spread: 0.5 };
    let naming: Vec<Stage> = STAGES.into_iter().filter(|stage| policy.names(*stage, &code)).collect();
    let stages = match stage {
        Some(stage) => vec![stage],
        None if naming.is_empty() => STAGES.to_vec(),
        None => naming,
    };
    let start = now.to_zoned(timezone.clone());
    writeln!(out, "A job that gets {code} every time, from {} ({}) on:", start.strftime("%Y-%m-%d %H:%M"), zone(timezone))?;
    for stage in stages {
        explain_at(policy, stage, &code, &facts, out)?;
    }
    Ok(())
}

fn explain_at(policy: &Policy, stage: Stage, code: &str, facts: &Facts, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "\n{stage}")?;
    if !policy.names(stage, code) {
        writeln!(out, "  No rule names {code}: it is treated like everything unknown.")?;
    }
    let mut cost = None;
    for (labels, moments) in alike(policy, stage, code, facts) {
        writeln!(out)?;
        tell_cost(rule_of(policy, &moments), &mut cost, out)?;
        for (index, label) in labels.iter().filter(|label| !label.is_empty()).enumerate() {
            writeln!(out, "  {} {label}", if index == 0 { "If" } else { "or" })?;
        }
        tell(policy, stage, &moments, facts, out)?;
    }
    Ok(())
}

/// Cases that go the same way are told once.
fn alike(policy: &Policy, stage: Stage, code: &str, facts: &Facts) -> Vec<(Vec<String>, Vec<Moment>)> {
    let mut groups: Vec<(Vec<String>, Vec<Moment>)> = Vec::new();
    for case in policy.cases(stage, code, facts) {
        let moments = policy.forecast(&case);
        let Case { label, .. } = case;
        match groups.iter_mut().find(|(_, known)| *known == moments) {
            Some((labels, _)) => labels.push(label),
            None => groups.push((vec![label], moments)),
        }
    }
    groups
}

/// Who pays and who else waits, where it is not what was told before.
fn tell_cost(rule: Option<&Rule>, told: &mut Option<(Billed, Scope)>, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(rule) = rule else { return Ok(()) };
    if *told == Some((rule.billed, rule.scope)) {
        return Ok(());
    }
    *told = Some((rule.billed, rule.scope));
    let others = words::others(rule.scope).map_or_else(String::new, |others| format!(" {others}"));
    writeln!(out, "  {}{others}", words::billed(rule.billed))?;
    Ok(())
}

fn tell(policy: &Policy, stage: Stage, moments: &[Moment], facts: &Facts, out: &mut impl Write) -> anyhow::Result<()> {
    let mut told: Option<&str> = None;
    let left_out = moments.len().saturating_sub(MAX_LINES + 1);
    for (index, moment) in moments.iter().enumerate() {
        let next = moments.get(index + 1);
        if index >= MAX_LINES && next.is_some() {
            continue;
        }
        if next.is_none() && left_out > 0 {
            writeln!(out, "    … {left_out} more like this")?;
        }
        let wait = next.map_or(SignedDuration::ZERO, |next| next.at.duration_since(moment.at));
        let clock = moment.at.to_zoned(facts.timezone.clone());
        writeln!(out, "    {}  {}", clock.strftime("%m-%d %H:%M:%S"), words::decision(&moment.ruling.decision, stage, wait))?;
        if told != Some(&moment.ruling.rule) {
            told = Some(&moment.ruling.rule);
            writeln!(out, "                    because {}", reason(rule_of(policy, &moments[index..])))?;
        }
    }
    Ok(())
}

/// The rule that decides first.
fn rule_of<'a>(policy: &'a Policy, moments: &[Moment]) -> Option<&'a Rule> {
    let id = &moments.first()?.ruling.rule;
    policy.rules().iter().find(|rule| rule.id == *id)
}

fn reason(rule: Option<&Rule>) -> String {
    let Some(rule) = rule else { return "no rule catches it".to_owned() };
    let source = if rule.overridden { "policy.file" } else { "built in" };
    let reason = if rule.reason.is_empty() { "the rule says so" } else { &rule.reason };
    format!("{reason} [{}, {source}]", rule.id)
}

fn zone(timezone: &TimeZone) -> String {
    timezone.iana_name().unwrap_or("local time").to_owned()
}
