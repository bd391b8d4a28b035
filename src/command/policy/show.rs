use super::words;
use crate::domain::failure::Stage;
use crate::policy::{Policy, Rule, Streak};
use comfy_table::presets::UTF8_FULL;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};
use std::io::{self, Write};

/// Two windows side by side, or a runbook.
const COLUMNS: u16 = 120;
const LEGEND: &str = "\
The first line that fits decides. Steps are taken in turn, each until it is used up; where a wait would end after the
job's deadline, the last step is taken at once, a verdict then being a fail. `policy explain CODE` tells the times.
others wait: while this answer keeps the province, the bill or the stage closed, its other jobs wait without a call and
  charged no attempt; when the time has come one of them calls first, and the rest follow its answer.
pause: the worker takes no job from the queues until a probe (after 5 s, 15 s, 1, 5, 15 and then every 60 minutes) gets
  another answer.";
/// Two of the gateway's codes on a line.
const CODE_COLUMNS: u16 = 24;

/// The table in force, one for each stage, in the order in which rules are tried. Rules from
/// `policy.file` carry a star.
pub(super) fn show(policy: &Policy, out: &mut impl Write) -> io::Result<()> {
    for stage in [Stage::Storage, Stage::Recognition, Stage::Verification] {
        let rules: Vec<&Rule> = policy
            .rules()
            .iter()
            .filter(|rule| rule.stage == stage)
            .collect();
        writeln!(out, "{stage}\n{}\n", table(policy, &rules))?;
    }
    writeln!(out, "{LEGEND}")?;
    if policy.rules().iter().any(|rule| rule.overridden) {
        writeln!(out, "* from policy.file; everything else is built in.")?;
    }
    Ok(())
}

fn table(policy: &Policy, rules: &[&Rule]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(COLUMNS);
    table.set_header(["code", "what happens, and why", "others wait", "paid for"]);
    for alike in rules.chunk_by(|one, next| one_row(one, next)) {
        let first = alike[0];
        let star = if first.overridden { "* " } else { "" };
        let variants: Vec<String> = alike
            .iter()
            .enumerate()
            .map(|(index, rule)| variant(policy, rule, index > 0))
            .collect();
        table.add_row([
            format!("{star}{}", first.codes.join(" ")),
            variants.join("\n"),
            words::scope(first.scope).to_owned(),
            first.billed.as_str().to_owned(),
        ]);
    }
    if let Some(codes) = table.column_mut(0) {
        codes.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(CODE_COLUMNS)));
    }
    table
}

/// Rules for the same codes that differ in nothing but their conditions and steps.
fn one_row(one: &Rule, next: &Rule) -> bool {
    (&one.codes, one.scope, one.billed, one.overridden)
        == (&next.codes, next.scope, next.billed, next.overridden)
}

fn variant(policy: &Policy, rule: &Rule, others_before: bool) -> String {
    let steps = rule
        .steps
        .iter()
        .map(words::step)
        .collect::<Vec<_>>()
        .join(" → ");
    let conditions = words::conditions(&rule.when).join(", ");
    let condition = match (conditions.is_empty(), others_before) {
        (false, _) => format!("if {conditions}: "),
        (true, true) => "otherwise: ".to_owned(),
        (true, false) => String::new(),
    };
    let reason = if rule.reason.is_empty() {
        String::new()
    } else {
        format!("\nwhy: {}", rule.reason)
    };
    format!("{condition}{steps}{reason}{}", rows(policy, rule))
}

/// What comes of many jobs that are answered so.
fn rows(policy: &Policy, rule: &Rule) -> String {
    let mut rows: Vec<(Streak, Vec<&str>)> = Vec::new();
    for code in &rule.codes {
        let status = rule.when.http_status.first().copied();
        let Some(streak) = rule.meaning(code, status).streak else {
            continue;
        };
        match rows.iter_mut().find(|(known, _)| *known == streak) {
            Some((_, codes)) => codes.push(code),
            None => rows.push((streak, vec![code])),
        }
    }
    let row = |(streak, codes): (Streak, Vec<&str>)| {
        let codes = if codes.len() == rule.codes.len() {
            String::new()
        } else {
            format!(" ({})", codes.join(" "))
        };
        format!(
            "\nalso{codes}: pause, once {}",
            policy.streak_reason(streak)
        )
    };
    rows.into_iter().map(row).collect()
}
