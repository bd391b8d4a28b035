//! One finding of `check`, and how findings are printed.

use crate::command::terminal::{self, hanging, wrap};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;

/// How findings are reported, and which of them count as a failure.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct ReportArguments {
    /// One JSON object with all findings, once all are known
    #[arg(long)]
    json: bool,
    /// Status 1 also where there are only warnings
    #[arg(long)]
    deny_warnings: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CheckOutcome {
    #[default]
    Passed,
    /// The worker works, with less than it could.
    Warning,
    Failed,
}

#[derive(Debug, Serialize)]
pub(crate) struct CheckFinding {
    pub(crate) outcome: CheckOutcome,
    /// A configuration key, or another name for what was checked.
    pub(crate) about: &'static str,
    pub(crate) text: String,
    /// The repair; empty where nothing has to be done, or where the text says it.
    pub(crate) remedy: String,
    /// A command line that belongs to the remedy.
    pub(crate) command: String,
}

impl CheckFinding {
    pub(super) fn passed(about: &'static str, text: impl Into<String>) -> Self {
        Self {
            outcome: CheckOutcome::Passed,
            about,
            text: text.into(),
            remedy: String::new(),
            command: String::new(),
        }
    }

    pub(super) fn warning(
        about: &'static str,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            outcome: CheckOutcome::Warning,
            remedy: remedy.into(),
            ..Self::passed(about, text)
        }
    }

    /// The same, where what works otherwise does not work with this configuration.
    pub(super) fn into_failure(self) -> Self {
        let outcome = match self.outcome {
            CheckOutcome::Passed => CheckOutcome::Passed,
            CheckOutcome::Warning | CheckOutcome::Failed => CheckOutcome::Failed,
        };
        Self { outcome, ..self }
    }

    pub(super) fn failed(
        about: &'static str,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            outcome: CheckOutcome::Failed,
            ..Self::warning(about, text, remedy)
        }
    }

    /// The finding in lines of at most so many columns. A command line that does not fit has a line
    /// of its own, which is not broken, so that it can be copied.
    pub(super) fn render(&self, columns: usize) -> String {
        let outcome = match self.outcome {
            CheckOutcome::Passed => "ok",
            CheckOutcome::Warning => "warning",
            CheckOutcome::Failed => "FAILED",
        };
        let lead = format!("{outcome:<8}{:<22}", self.about);
        let parts = [&self.text, &self.remedy].map(String::as_str);
        let text = parts.map(str::trim).join("; ");
        let text = text.trim_end_matches("; ");
        let with_command = format!("{text} {}", self.command);
        if self.command.is_empty() {
            hanging(&lead, text, columns)
        } else if wrap(&format!("{lead}{with_command}"), columns).len() == 1 {
            format!("{lead}{with_command}")
        } else {
            format!("{}\n{}", hanging(&lead, text, columns), self.command)
        }
    }
}

/// Prints findings as soon as they are known, because a store that does not answer takes its time;
/// as JSON, all of them at the end.
#[derive(Debug)]
pub(crate) struct CheckReport {
    arguments: ReportArguments,
    worst: CheckOutcome,
    kept: Vec<CheckFinding>,
}

impl CheckReport {
    pub(crate) fn new(arguments: ReportArguments) -> Self {
        Self {
            arguments,
            worst: CheckOutcome::default(),
            kept: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, findings: Vec<CheckFinding>) -> std::io::Result<()> {
        let outcomes = findings.iter().map(|finding| finding.outcome);
        self.worst = outcomes.fold(self.worst, CheckOutcome::max);
        if self.arguments.json {
            self.kept.extend(findings);
            return Ok(());
        }
        let columns = terminal::columns();
        let mut out = std::io::stdout().lock();
        for finding in findings {
            writeln!(out, "{}", finding.render(columns))?;
        }
        out.flush()
    }

    /// Prints what was kept, and returns the status: failure where the worker could not work, or
    /// where there are warnings and none is allowed.
    pub(crate) fn end(self) -> std::io::Result<ExitCode> {
        if self.arguments.json {
            writeln!(std::io::stdout().lock(), "{}", self.to_json())?;
        }
        Ok(if self.is_failure() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    fn to_json(&self) -> serde_json::Value {
        json!({ "outcome": self.worst, "findings": self.kept })
    }

    fn is_failure(&self) -> bool {
        match self.worst {
            CheckOutcome::Failed => true,
            CheckOutcome::Warning => self.arguments.deny_warnings,
            CheckOutcome::Passed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_uses_the_width_of_the_terminal() {
        let fine = CheckFinding::passed("broker.urls", "amqp://127.0.0.1:5672/%2f");
        let mut broken = CheckFinding::failed(
            "rights",
            "user worker has no write permission on exchange invoice.control in vhost /",
            "grant all that the worker needs with:",
        );
        broken.command = "rabbitmqctl set_permissions -p / worker '^a$' '^b$' '^c$'".to_owned();
        let all = |columns| format!("{}\n{}", fine.render(columns), broken.render(columns));
        insta::assert_snapshot!(all(60), @r"
        ok      broker.urls           amqp://127.0.0.1:5672/%2f
        FAILED  rights                user worker has no write
                                      permission on exchange
                                      invoice.control in vhost /;
                                      grant all that the worker
                                      needs with:
        rabbitmqctl set_permissions -p / worker '^a$' '^b$' '^c$'
        ");
        insta::assert_snapshot!(all(80), @r"
        ok      broker.urls           amqp://127.0.0.1:5672/%2f
        FAILED  rights                user worker has no write permission on exchange
                                      invoice.control in vhost /; grant all that the
                                      worker needs with:
        rabbitmqctl set_permissions -p / worker '^a$' '^b$' '^c$'
        ");
        insta::assert_snapshot!(all(120), @r"
        ok      broker.urls           amqp://127.0.0.1:5672/%2f
        FAILED  rights                user worker has no write permission on exchange invoice.control in vhost /; grant all that
                                      the worker needs with:
        rabbitmqctl set_permissions -p / worker '^a$' '^b$' '^c$'
        ");
        assert_eq!(broken.render(300).lines().count(), 1);
    }
    #[test]
    fn the_worst_finding_and_what_is_denied_decide_the_status() {
        let findings = |outcome| {
            let finding = |outcome| CheckFinding {
                outcome,
                ..CheckFinding::passed("rights", "text")
            };
            [
                finding(CheckOutcome::Passed),
                finding(outcome),
                finding(CheckOutcome::Passed),
            ]
        };
        for (outcome, deny_warnings, is_failure) in [
            (CheckOutcome::Passed, true, false),
            (CheckOutcome::Warning, false, false),
            (CheckOutcome::Warning, true, true),
            (CheckOutcome::Failed, false, true),
        ] {
            let mut report = CheckReport::new(ReportArguments {
                json: true,
                deny_warnings,
            });
            report.add(findings(outcome).into()).unwrap();
            assert_eq!(report.is_failure(), is_failure, "{outcome:?}");
            let told = report.to_json();
            assert_eq!(told["outcome"], json!(outcome));
            assert_eq!(told["findings"].as_array().unwrap().len(), 3);
            assert_eq!(
                told["findings"][1],
                json!({ "outcome": outcome, "about": "rights", "text": "text", "remedy": "", "command": "" })
            );
        }
    }
}
