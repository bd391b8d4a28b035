use super::words;
use crate::command::terminal::hanging;
use crate::domain::failure::Stage;
use crate::policy::{Policy, Rule, Streak};
use comfy_table::presets::UTF8_FULL;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};
use std::io::{self, Write};

/// From this width on scope and price have columns of their own; in a narrower table they stand
/// below the steps.
const WIDE: usize = 100;
const LEGEND: &str = "\
The first line that fits decides. Steps are taken in turn, each until it is used up; where a wait would end after the job's deadline, the last step is taken at once, a verdict then being a fail. `policy explain CODE` tells the times.
others wait: while this answer keeps the province, the bill or the stage closed, its other jobs wait without a call and charged no attempt; when the time has come one of them calls first, and the rest follow its answer.
paid for: 2xx means yes where the HTTP status is 2xx, otherwise no.
pause: the worker takes no job from the queues until a probe (after 5 s, 15 s, 1, 5, 15 and then every 60 minutes) gets another answer.";
/// Two of the gateway's codes on a line; a longer code is not broken.
const CODE_COLUMNS: usize = 24;

/// The table in force, one for each stage, in the order in which rules are tried. Rules from
/// `policy.file` carry a star.
pub(super) fn show(policy: &Policy, columns: usize, out: &mut impl Write) -> io::Result<()> {
    for stage in [Stage::Storage, Stage::Recognition, Stage::Verification] {
        let rules: Vec<&Rule> = policy
            .rules()
            .iter()
            .filter(|rule| rule.stage == stage)
            .collect();
        writeln!(out, "{stage}\n{}\n", table(policy, &rules, columns))?;
    }
    for line in LEGEND.lines() {
        writeln!(out, "{}", hanging("", line, columns))?;
    }
    if policy.rules().iter().any(|rule| rule.overridden) {
        writeln!(out, "* from policy.file; everything else is built in.")?;
    }
    Ok(())
}

fn table(policy: &Policy, rules: &[&Rule], columns: usize) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(columns).unwrap_or(u16::MAX));
    let is_wide = columns >= WIDE;
    table.set_header(if is_wide {
        vec!["code", "what happens, and why", "others wait", "paid for"]
    } else {
        vec!["code", "what happens, and why"]
    });
    for alike in rules.chunk_by(|one, next| one_row(one, next)) {
        let first = alike[0];
        let star = if first.overridden { "* " } else { "" };
        let variants: Vec<String> = alike
            .iter()
            .enumerate()
            .map(|(index, rule)| variant(policy, rule, index > 0))
            .collect();
        let codes = format!("{star}{}", first.codes.join(" "));
        let (happens, scope) = (variants.join("\n"), words::scope(first.scope));
        let billed = first.billed.as_str();
        table.add_row(if is_wide {
            vec![codes, happens, scope.to_owned(), billed.to_owned()]
        } else {
            let others = match scope {
                "" => String::new(),
                scope => format!("others wait: {scope}; "),
            };
            vec![codes, format!("{happens}\n{others}paid for: {billed}")]
        });
    }
    let longest = rules.iter().flat_map(|rule| &rule.codes).map(String::len);
    // With a blank on each side.
    let code_columns = longest.max().unwrap_or_default().max(CODE_COLUMNS - 2) + 2;
    let code_columns = u16::try_from(code_columns).unwrap_or(u16::MAX);
    if let Some(codes) = table.column_mut(0) {
        codes.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(code_columns)));
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
