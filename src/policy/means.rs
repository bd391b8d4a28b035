//! `means` and `[streak.NAME]` as they are written in the table, lifted into values that need no
//! further checking.

use super::meaning::{MeaningEntry, Proof};
use super::streak::{Streak, StreakRule, StreakRules};
use super::values::{duration, durations, named};
use super::{Stage, codes};
use crate::settings::located::{Problem, check};
use jiff::SignedDuration;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;

/// A probe that waits longer is none.
const MAX_PROBE_WAIT: Duration = Duration::from_hours(24);
/// More calls in a row are never waited for.
const MAX_IN_A_ROW: u32 = 1_000;
const NONE: &str = "none";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenMeaning {
    code: Option<Vec<Spanned<String>>>,
    http_status: Option<Spanned<Vec<u16>>>,
    streak: Option<Spanned<String>>,
    may_be_our: Option<Vec<Spanned<String>>>,
    evidence: Option<Spanned<String>>,
    about_address: Option<Spanned<bool>>,
    about_bucket: Option<Spanned<bool>>,
    probes: Option<Spanned<Vec<Spanned<String>>>>,
    probe_next_day: Option<bool>,
    mend: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenStreak {
    in_a_row: Option<Spanned<u32>>,
    within: Option<Spanned<String>>,
    then: Option<Spanned<String>>,
    reason: Option<String>,
    mend: Option<String>,
}

/// Finds what the answers with these codes of the stage mean.
pub(super) fn lift(
    written: Vec<Spanned<WrittenMeaning>>,
    stage: Stage,
    codes: &[String],
) -> Result<Vec<MeaningEntry>, Problem> {
    written
        .into_iter()
        .map(|entry| {
            let place = entry.span();
            let entry = entry.into_inner().lift(stage, codes)?;
            let about = MeaningEntry {
                codes: entry.codes.clone(),
                http_status: entry.http_status.clone(),
                ..MeaningEntry::default()
            };
            if entry == about {
                return Err(Problem::new(&place, "says nothing about the answer"));
            }
            Ok(entry)
        })
        .collect()
}

impl WrittenMeaning {
    fn lift(self, stage: Stage, rule: &[String]) -> Result<MeaningEntry, Problem> {
        let is_provider = stage != Stage::Storage;
        check(
            self.http_status.as_ref(),
            "`http_status` is a list of numbers from 100 to 599",
            |statuses| statuses.iter().all(|status| (100..=599).contains(status)),
        )?;
        check(
            self.about_address.as_ref(),
            "`about_address` is about the address that a provider fetches an image from",
            |_| is_provider,
        )?;
        check(
            self.about_bucket.as_ref(),
            "`about_bucket` is about the store",
            |_| !is_provider,
        )?;
        check(self.mend.as_ref(), "`mend` is empty", |mend| {
            !mend.is_empty()
        })?;
        let evidences = [
            ("nothing", Proof::Nothing),
            ("stage", Proof::Stage),
            ("registry", Proof::Registry),
        ];
        let evidence = self
            .evidence
            .as_ref()
            .map(|evidence| named(evidence, "evidence", &evidences))
            .transpose()?;
        check(
            self.evidence.as_ref(),
            "the registry is asked by verification only",
            |_| evidence != Some(Proof::Registry) || stage == Stage::Verification,
        )?;
        Ok(MeaningEntry {
            codes: self
                .code
                .map_or_else(|| Ok(rule.to_vec()), |written| some_of(rule, &written))?,
            http_status: self.http_status.map_or_else(Vec::new, Spanned::into_inner),
            streak: self
                .streak
                .as_ref()
                .map(|name| streak(name, stage))
                .transpose()?,
            may_be_our: self.may_be_our.as_deref().map(ours).transpose()?,
            evidence,
            about_address: self.about_address.map(Spanned::into_inner),
            about_bucket: self.about_bucket.map(Spanned::into_inner),
            probes: self
                .probes
                .as_ref()
                .map(|probes| durations(probes, "probes", MAX_PROBE_WAIT))
                .transpose()?,
            probe_next_day: self.probe_next_day,
            mend: self.mend.map(Spanned::into_inner),
        })
    }
}

/// Codes of the rule, or such as its patterns catch.
fn some_of(rule: &[String], written: &[Spanned<String>]) -> Result<Vec<String>, Problem> {
    let lift = |code: &Spanned<String>| {
        let name = codes::parse(code.get_ref()).map_err(|problem| Problem::with(code, problem))?;
        if rule.iter().any(|pattern| codes::catches(pattern, &name)) {
            Ok(name)
        } else {
            Err(Problem::with(
                code,
                format!("{name:?} is none of the rule's codes"),
            ))
        }
    };
    written.iter().map(lift).collect()
}

fn ours(written: &[Spanned<String>]) -> Result<(bool, bool), Problem> {
    let (mut network, mut setting) = (false, false);
    for name in written {
        let is_network = named(
            name,
            "part of ours",
            &[("network", true), ("setting", false)],
        )?;
        network |= is_network;
        setting |= !is_network;
    }
    Ok((network, setting))
}

/// `Ok(None)` is `"none"`.
fn streak(written: &Spanned<String>, stage: Stage) -> Result<Option<Streak>, Problem> {
    if written.get_ref() == NONE {
        return Ok(None);
    }
    let known: Vec<(&str, Streak)> = Streak::COUNTED
        .into_iter()
        .filter(|streak| streak.is_of(stage))
        .map(|streak| (streak.as_str(), streak))
        .collect();
    named(written, &format!("streak of {stage}"), &known).map(Some)
}

/// The rows of the table, each key that is left out as it stands in `builtin`.
pub(super) fn lift_streaks(
    written: BTreeMap<Spanned<String>, WrittenStreak>,
    builtin: &StreakRules,
) -> Result<StreakRules, Problem> {
    let known = Streak::COUNTED.map(|streak| (streak.as_str(), streak));
    let mut rules = builtin.clone();
    for (name, written) in written {
        let streak = named(&name, "streak", &known)?;
        let rule = written.lift(streak, builtin.get(&streak), &name)?;
        rules.insert(streak, rule);
    }
    Ok(rules)
}

impl WrittenStreak {
    fn lift(
        self,
        streak: Streak,
        builtin: Option<&StreakRule>,
        name: &Spanned<String>,
    ) -> Result<StreakRule, Problem> {
        check(
            self.in_a_row.as_ref(),
            "`in_a_row` is a number from 2 to 1000",
            |length| (2..=MAX_IN_A_ROW).contains(length),
        )?;
        let then = if streak.needs_a_control_call() {
            "control_call"
        } else {
            "pause"
        };
        check(
            self.then.as_ref(),
            &format!("what follows is {then:?}: no rule can change that"),
            |written| written == then,
        )?;
        check(
            self.within.as_ref(),
            "only `identity` counts what came within a time",
            |_| streak == Streak::Identity,
        )?;
        let within = self
            .within
            .map(|within| duration(&within, MAX_PROBE_WAIT))
            .transpose()?
            .and_then(|within| SignedDuration::try_from(within).ok());
        let missing = |key: &str| Problem::with(name, format!("needs `{key}`"));
        let builtin = builtin.cloned();
        Ok(StreakRule {
            in_a_row: (self.in_a_row.map(Spanned::into_inner))
                .or(builtin.as_ref().map(|rule| rule.in_a_row))
                .ok_or_else(|| missing("in_a_row"))?,
            within: within.or(builtin.as_ref().and_then(|rule| rule.within)),
            reason: (self.reason)
                .or(builtin.as_ref().map(|rule| rule.reason.clone()))
                .ok_or_else(|| missing("reason"))?,
            mend: (self.mend)
                .or(builtin.map(|rule| rule.mend))
                .ok_or_else(|| missing("mend"))?,
        })
    }
}
