//! What is printed: the calls that are planned and what they may cost, and what was found.

use crate::certify::{
    Assumption, AssumptionFinding, AssumptionVerdict, CertifyCall, CertifyPlan, Observations,
    PlannedCall, SettingProposal, SpendBound, assumptions, toml_of,
};
use crate::command::table::{Column, Table};
use crate::domain::stage::Stage;
use crate::ledger::PricedAccount;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Every assumption with what became of it.
pub(super) struct CertifyReport {
    rows: Vec<(&'static Assumption, AssumptionFinding)>,
}

impl CertifyReport {
    pub(super) fn of(seen: &Observations) -> Self {
        Self {
            rows: assumptions()
                .map(|assumption| (assumption, (assumption.judge)(seen)))
                .collect(),
        }
    }

    pub(super) fn is_different(&self) -> bool {
        self.count(AssumptionVerdict::Differs) > 0
    }

    fn count(&self, verdict: AssumptionVerdict) -> usize {
        let is_it = |(_, finding): &&(_, AssumptionFinding)| finding.verdict == verdict;
        self.rows.iter().filter(is_it).count()
    }

    /// The settings that should be others, as TOML; empty where none should.
    fn proposal(&self) -> String {
        let proposals: Vec<SettingProposal> = self
            .rows
            .iter()
            .filter_map(|(_, finding)| finding.proposal.clone())
            .collect();
        toml_of(&proposals)
    }

    /// The findings for a person. What is documented stands below those that are not simply so.
    pub(super) fn text(&self, bound: SpendBound, recording: &Path, columns: usize) -> String {
        let mut out = String::new();
        let mut table = Table::new([
            Column::text("assumption"),
            Column::text("finding"),
            Column::text("seen").at_least(24),
            Column::text("documented").detail(1).at_least(40),
        ]);
        for (assumption, finding) in &self.rows {
            let documented = match finding.verdict {
                AssumptionVerdict::Documented => String::new(),
                _ if assumption.place.is_empty() => assumption.documented.to_owned(),
                _ => format!("{} ({})", assumption.documented, assumption.place),
            };
            let verdict = finding.verdict.as_str();
            table.row([assumption.name, verdict, &finding.text, &documented]);
        }
        out.push_str(&table.render(columns));
        let _ = writeln!(
            out,
            "\n{} as documented, {} observed beyond the documents, {} differ, {} not observed",
            self.count(AssumptionVerdict::Documented),
            self.count(AssumptionVerdict::Observed),
            self.count(AssumptionVerdict::Differs),
            self.count(AssumptionVerdict::NotObserved),
        );
        let (spent, most) = (bound.spent(), bound.most());
        let _ = writeln!(out, "Paid, or maybe paid: {spent} of at most {most} calls");
        let _ = writeln!(out, "Recorded, redacted: {}", recording.display());
        let proposal = self.proposal();
        if !proposal.is_empty() {
            let _ = write!(out, "\nProposed for the configuration:\n\n{proposal}");
        }
        out
    }

    pub(super) fn json(&self, seen: &Observations, bound: SpendBound, recording: &Path) -> Value {
        let findings: Vec<Value> = self
            .rows
            .iter()
            .map(|(assumption, finding)| {
                json!({
                    "name": assumption.name,
                    "verdict": finding.verdict,
                    "seen": finding.text,
                    "documented": assumption.documented,
                    "place": assumption.place,
                    "calls": assumption.calls,
                })
            })
            .collect();
        let calls: Vec<Value> = seen
            .made
            .iter()
            .map(|made| {
                json!({
                    "call": made.planned.to_string(),
                    "code": made.code,
                    "http_status": made.http_status(),
                    "billed": made.billed,
                    "duration_ms": u64::try_from(made.duration.as_millis()).unwrap_or(u64::MAX),
                })
            })
            .collect();
        json!({
            "differs": self.is_different(),
            "spend": { "most": bound.most(), "spent": bound.spent() },
            "calls": calls,
            "findings": findings,
            "proposal": self.proposal(),
            "recording": recording.display().to_string(),
        })
    }
}

/// The planned calls, and what they answer.
pub(super) fn plan_text(plan: &CertifyPlan, columns: usize) -> String {
    let mut table = Table::new([
        Column::text("call"),
        Column::text("paid"),
        Column::text("what is sent").at_least(24),
        Column::text("shows").detail(1).at_least(40),
    ]);
    for planned in &plan.calls {
        let paid = if planned.call.is_free() { "no" } else { "yes" };
        table.row([
            planned.to_string(),
            paid.to_owned(),
            planned.call.what().to_owned(),
            shows(*planned),
        ]);
    }
    table.render(columns)
}

fn shows(planned: PlannedCall) -> String {
    if planned.picture > 0 {
        return "the same about another picture".to_owned();
    }
    let is_shown = |assumption: &&Assumption| assumption.calls.contains(&planned.call);
    let names = assumptions().filter(is_shown).map(short_name);
    names.collect::<Vec<_>>().join(", ")
}

/// Without the stage, which the call has.
fn short_name(assumption: &Assumption) -> &'static str {
    let name = assumption.name;
    name.split_once('.').map_or(name, |(_, short)| short)
}

/// Says in a sentence what the calls may cost.
pub(super) fn cost_text(
    plan: &CertifyPlan,
    accounts: &[PricedAccount],
    day: Date,
    most: u32,
) -> String {
    let mut parts = Vec::new();
    let mut totals: BTreeMap<String, Decimal> = BTreeMap::new();
    let mut is_known = true;
    for stage in [Stage::Recognition, Stage::Verification] {
        let calls = plan.paid(stage);
        if calls == 0 {
            continue;
        }
        let account = accounts.iter().find(|account| account.stage == stage);
        let price = account.and_then(|account| Some((account.tariff.on(day)?, &account.currency)));
        parts.push(if let Some((price, currency)) = price {
            *totals.entry(currency.to_string()).or_default() += price * Decimal::from(calls);
            format!("{calls} of {stage} at {price} {currency}")
        } else {
            is_known = false;
            format!("{calls} of {stage} ({stage}.price is not set)")
        });
    }
    let planned = plan.paid(Stage::Recognition) + plan.paid(Stage::Verification);
    let mut text = format!(
        "{planned} calls are paid for: {}. Never more than {most} are paid for, whatever fails.",
        parts.join(", ")
    );
    if is_known {
        let sums = totals
            .iter()
            .map(|(currency, sum)| format!("{sum} {currency}"));
        let sums: Vec<String> = sums.collect();
        let _ = write!(text, " Together {}.", sums.join(" and "));
    }
    text
}

/// A line about the call that was just made.
pub(super) fn progress_text(seen: &Observations, bound: SpendBound) -> Option<String> {
    let made = seen.made.last()?;
    Some(format!(
        "{}: {}, {:.2} s; {} of {} paid",
        made.planned,
        made.told(),
        made.duration.as_secs_f64(),
        bound.spent(),
        bound.most()
    ))
}

/// The calls that would be made for more, in a sentence; empty where there are none.
pub(super) fn left_out_text(plan: &CertifyPlan) -> String {
    let Some((_, most)) = plan.left_out.last() else {
        return String::new();
    };
    let names: Vec<&str> = plan
        .left_out
        .iter()
        .map(|(planned, _)| CertifyCall::as_str(planned.call))
        .collect();
    format!("--spend {most} would add {}.", names.join(", "))
}
