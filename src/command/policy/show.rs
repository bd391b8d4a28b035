//! `policy show`: the rules in force as a table.

use super::words;
use crate::command::table::{Column, Table};
use crate::command::terminal::hanging;
use crate::domain::failure::Stage;
use crate::policy::{Policy, Rule, Streak};
use std::io::{self, Write};

const LEGEND: &str = "\
Rules are tried from top to bottom; the first whose code and conditions fit decides. Its steps (first → next) are taken in turn, each until its attempts are used up. A wait that would end after the job's deadline is not begun: the last step is taken at once, and where that would be a verdict, the job fails instead. `policy explain CODE` shows the times.
retry: the worker waits with the job in hand and calls again; each wait is longer than the one before.
park: the job waits at the broker, and takes no place in a worker.
pause: the worker takes no job from the queues until a probe (after 5 s, 15 s, 1, 5, 15 and then every 60 minutes) gets another answer.
fail: the job ends undetermined, or with the code of an invalid job.
others wait: while this answer keeps the province, the bill or the stage closed, its other jobs wait without a call and charged no attempt; when the time has come one of them calls first, and the rest follow its answer.
paid for: 2xx means yes where the HTTP status is 2xx, otherwise no.
";
/// Two of the gateway's codes on a line; a longer code is not broken.
const CODE_COLUMNS: usize = 22;
/// In a narrower terminal scope and price stand below their row.
const TEXT_COLUMNS: usize = 48;

/// The table in force, one for each stage, in the order in which rules are tried. Rules from
/// `policy.file` carry a star.
pub(super) fn show(policy: &Policy, columns: usize, out: &mut impl Write) -> io::Result<()> {
    for stage in [Stage::Storage, Stage::Recognition, Stage::Verification] {
        let rules: Vec<&Rule> = policy
            .rules()
            .iter()
            .filter(|rule| rule.stage == stage)
            .collect();
        writeln!(out, "{stage}\n\n{}", table(policy, &rules).render(columns))?;
    }
    for line in LEGEND.lines() {
        writeln!(out, "{}", hanging("", line, columns))?;
    }
    if policy.rules().iter().any(|rule| rule.overridden) {
        writeln!(out, "* from policy.file; everything else is built in.")?;
    }
    Ok(())
}

fn table(policy: &Policy, rules: &[&Rule]) -> Table {
    let mut table = Table::new([
        Column::text("code").at_most(CODE_COLUMNS),
        Column::text("what happens, and why").at_least(TEXT_COLUMNS),
        Column::text("others wait").detail(1),
        Column::text("paid for").detail(1),
    ])
    .ruled();
    for alike in rules.chunk_by(|one, next| is_one_row(one, next)) {
        let first = alike[0];
        let star = if first.overridden { "* " } else { "" };
        let variants: Vec<String> = alike
            .iter()
            .enumerate()
            .map(|(index, rule)| variant(policy, rule, index > 0))
            .collect();
        table.row([
            format!("{star}{}", first.codes.join(" ")),
            variants.join("\n"),
            words::scope(first.scope).to_owned(),
            first.billed.as_str().to_owned(),
        ]);
    }
    table
}

/// Rules for the same codes that differ in nothing but their conditions and steps.
fn is_one_row(one: &Rule, next: &Rule) -> bool {
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

/// The row about many jobs in a row that are answered so.
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
