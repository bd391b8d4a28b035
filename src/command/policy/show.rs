use super::words;
use crate::domain::failure::Stage;
use crate::domain::policy::{Policy, Rule};
use comfy_table::presets::UTF8_FULL;
use comfy_table::{ContentArrangement, Table};
use std::io::{self, Write};

/// Wide enough that reasons stay on few lines, narrow enough for half a screen.
const COLUMNS: u16 = 160;

/// The table in force, one for each stage, in the order in which rules are tried. Rules from `policy.file` carry a star.
pub(super) fn show(policy: &Policy, out: &mut impl Write) -> io::Result<()> {
    for stage in [Stage::Storage, Stage::Recognition, Stage::Verification] {
        let rules = policy.rules().iter().filter(|rule| rule.stage == stage);
        writeln!(out, "{stage}\n{}\n", table(rules))?;
    }
    writeln!(out, "The first row that matches decides. Steps are taken in turn, each until it is used up; a wait that would end after")?;
    writeln!(out, "the job's deadline is not begun, the last step is taken instead. Of a scope's jobs one asks, the others wait for it.")?;
    if policy.rules().iter().any(|rule| rule.overridden) {
        writeln!(out, "* from policy.file; everything else is built in.")?;
    }
    Ok(())
}

fn table<'a>(rules: impl Iterator<Item = &'a Rule>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL).set_content_arrangement(ContentArrangement::Dynamic).set_width(COLUMNS);
    table.set_header(["code", "when", "what happens", "scope", "billed", "why"]);
    for rule in rules {
        let star = if rule.overridden { "* " } else { "" };
        let steps: Vec<String> = rule.steps.iter().map(words::step).collect();
        table.add_row([
            format!("{star}{}", rule.codes.join(" ")),
            words::conditions(&rule.when).join(", "),
            steps.join(" → "),
            words::scope(rule.scope).to_owned(),
            rule.billed.as_str().to_owned(),
            rule.reason.clone(),
        ]);
    }
    table
}
