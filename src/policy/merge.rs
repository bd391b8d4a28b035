//! One table out of two: the built-in rules, and those that replace some of them.

use super::meaning::MeaningEntry;
use super::{Rule, Stage, VendorName, codes};
use std::collections::HashMap;

/// Each code of each override stands for itself: it may belong to a place of its own in the table.
pub(super) fn merge(mut rules: Vec<Rule>, overrides: Vec<Rule>) -> Vec<Rule> {
    let builtin = rules.clone();
    for rule in overrides {
        for code in &rule.codes {
            let means = rule.means.iter().cloned();
            let single = Rule {
                codes: vec![code.clone()],
                means: means.chain(inherited(&builtin, &rule, code)).collect(),
                overridden: true,
                ..rule.clone()
            };
            insert(&mut rules, single, code);
        }
    }
    with_ids(rules)
}

/// The meaning that the built-in rules give to this code: it does not change where
/// an override is only more patient.
fn inherited<'a>(
    builtin: &'a [Rule],
    rule: &'a Rule,
    code: &'a str,
) -> impl Iterator<Item = MeaningEntry> + 'a {
    builtin
        .iter()
        .filter(|other| other.catches(rule.vendor, rule.stage, code))
        .flat_map(move |other| {
            let entries = other.means.iter();
            entries.filter_map(move |entry| entry.inherited(code, &other.when.http_status))
        })
}

fn insert(rules: &mut Vec<Rule>, rule: Rule, code: &str) {
    let place = place(rules, &rule, code);
    for replaced in rules.iter_mut().skip(place) {
        if names(replaced, &rule, code) && (replaced.when == rule.when || rule.when.is_empty()) {
            replaced.codes.retain(|name| name != code);
        }
    }
    // A pattern must not take the exact codes of the rule in whose place it comes: they stay before
    // it.
    let (before, after) = match rules.get(place) {
        Some(other) if is_of_one_table(other, &rule) => other
            .codes
            .iter()
            .cloned()
            .partition(|name| name != code && codes::catches(code, name)),
        _ => (Vec::new(), Vec::new()),
    };
    if before.is_empty() {
        rules.insert(place, rule);
    } else {
        let rest = Rule {
            codes: after,
            ..rules[place].clone()
        };
        rules[place].codes = before;
        rules.insert(place + 1, rest);
        rules.insert(place + 1, rule);
    }
    rules.retain(|rule| !rule.codes.is_empty());
}

/// The position of the replaced rule; else before every built-in rule for this code; else before
/// the first pattern that catches it.
fn place(rules: &[Rule], rule: &Rule, code: &str) -> usize {
    let first = |wanted: &dyn Fn(&Rule) -> bool| rules.iter().position(wanted);
    first(&|other| names(other, rule, code) && other.when == rule.when)
        .or_else(|| first(&|other| names(other, rule, code)))
        .or_else(|| {
            first(&|other| {
                other.catches(rule.vendor, rule.stage, code)
                    && !other.codes.iter().any(|name| name == code)
            })
        })
        .unwrap_or(rules.len())
}

/// Is `other` a built-in rule that names the code of `rule`?
fn names(other: &Rule, rule: &Rule, code: &str) -> bool {
    !other.overridden && is_of_one_table(other, rule) && other.codes.iter().any(|name| name == code)
}

fn is_of_one_table(one: &Rule, other: &Rule) -> bool {
    (one.stage, one.vendor) == (other.stage, other.vendor)
}

/// The name of a code table: that of the stage, or of a vendor beside the stage's usual one.
pub(super) fn table_name(vendor: VendorName, stage: Stage) -> &'static str {
    if vendor == VendorName::usual(stage) {
        stage.as_str()
    } else {
        vendor.as_str()
    }
}

/// `stage/code`, with an ordinal where several rules begin with the same code.
///
/// Replacing the code that a rule is called by renames what is left of it: jobs on their way begin
/// that rule's budget anew.
pub(super) fn with_ids(mut rules: Vec<Rule>) -> Vec<Rule> {
    let base = |rule: &Rule| {
        format!(
            "{}/{}",
            table_name(rule.vendor, rule.stage),
            rule.codes.first().map_or("", String::as_str)
        )
    };
    let mut totals: HashMap<String, usize> = HashMap::new();
    for rule in &rules {
        *totals.entry(base(rule)).or_default() += 1;
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    for rule in &mut rules {
        let base = base(rule);
        let ordinal = seen.entry(base.clone()).or_default();
        *ordinal += 1;
        rule.id = if totals.get(&base) == Some(&1) {
            base
        } else {
            format!("{base}.{ordinal}")
        };
    }
    rules
}
