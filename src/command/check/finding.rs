//! One finding of `check`, and how findings are printed.

use crate::command::terminal::{self, hanging, wrap};
use std::io::Write;
use std::process::ExitCode;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CheckOutcome {
    #[default]
    Passed,
    /// The worker works, with less than it could.
    Warning,
    Failed,
}

#[derive(Debug)]
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

/// Prints findings as soon as they are known: a store that does not answer takes its time.
#[derive(Debug, Default)]
pub(crate) struct CheckReport {
    worst: CheckOutcome,
}

impl CheckReport {
    pub(crate) fn print(&mut self, findings: &[CheckFinding]) -> std::io::Result<()> {
        let columns = terminal::columns();
        let mut out = std::io::stdout().lock();
        for finding in findings {
            self.worst = self.worst.max(finding.outcome);
            writeln!(out, "{}", finding.render(columns))?;
        }
        out.flush()
    }

    /// Failure where the worker could not work.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self.worst {
            CheckOutcome::Failed => ExitCode::FAILURE,
            CheckOutcome::Passed | CheckOutcome::Warning => ExitCode::SUCCESS,
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
}
