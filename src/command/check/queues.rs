//! What of the queues is missing or different, as findings.

use super::finding::CheckFinding;
use crate::broker::topology::{Differences, QueueFlaw, Severity};
use crate::broker::{BrokerError, Config};

pub(super) const QUEUES: &str = "queues";

/// A queue that does not exist is a failure only where the worker may not declare it.
pub(super) fn compared(differences: &Differences, config: &Config) -> Vec<CheckFinding> {
    let (missing, wrong): (Vec<_>, Vec<_>) = differences
        .mismatches
        .iter()
        .partition(|difference| difference.is_missing());
    let failed = |error: &&BrokerError| CheckFinding::failed(QUEUES, error.to_string(), "");
    let mut findings: Vec<CheckFinding> = wrong.iter().map(failed).collect();
    if config.declare_topology && !missing.is_empty() {
        findings.push(CheckFinding::passed(
            QUEUES,
            format!(
                "{} are not there yet; the worker declares them when it starts",
                missing.len()
            ),
        ));
    } else {
        findings.extend(missing.iter().map(failed));
    }
    findings.extend(not_compared(&differences.not_compared, config));
    if findings.is_empty() {
        findings.push(CheckFinding::passed(
            QUEUES,
            format!(
                "{} and the others are as they have to be",
                config.names_of_job_queues()
            ),
        ));
    }
    let tolerated = differences.tolerated.iter();
    findings.extend(tolerated.map(|(queue, flaw)| tolerable(queue, flaw)));
    findings
}

/// Comparing needs the same right as declaring.
fn not_compared(queues: &[String], config: &Config) -> Option<CheckFinding> {
    let first = queues.first()?;
    let others = if queues.len() > 1 {
        format!(" and {} more exist", queues.len() - 1)
    } else {
        " exists".to_owned()
    };
    let text = format!(
        "{first}{others}; their arguments cannot be compared without the configure permission"
    );
    Some(if config.management_url.is_empty() {
        CheckFinding::warning(
            QUEUES,
            text,
            "set broker.management_url, where they can be read, or check once as a user that may declare them",
        )
    } else {
        CheckFinding::passed(QUEUES, text)
    })
}

/// A flaw with which the worker uses the queue all the same.
pub(super) fn tolerable(queue: &str, flaw: &QueueFlaw) -> CheckFinding {
    let text = format!("queue {queue} {flaw}");
    match flaw.severity {
        Severity::Harmless => CheckFinding::passed(QUEUES, text),
        Severity::Warning | Severity::Essential => {
            CheckFinding::warning(QUEUES, text, flaw.consequence)
        }
    }
}
