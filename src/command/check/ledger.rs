//! Can the ledger be written? Jobs go on without it, so that nothing here is a failure; unless there
//! are budgets, whose jobs do not.

use super::finding::CheckFinding;
use crate::broker::permissions::PermissionPatterns;
use crate::broker::{BrokerError, Session};
use crate::config::Config;

const LEDGER: &str = "ledger";

/// Looks for the stream, and for the right to declare it.
pub(super) async fn check(session: &Session, all: &Config) -> Vec<CheckFinding> {
    let Some(stream) = all.ledger.stream(&all.broker.ledger_queue) else {
        return vec![CheckFinding::passed(
            LEDGER,
            "none is written (ledger.store)",
        )];
    };
    let name = &stream.name;
    let go_on = if all.budget.is_empty() {
        "jobs go on"
    } else {
        "jobs with a budget wait"
    };
    let looked = async {
        if session.has_queue(name).await? {
            return Ok(CheckFinding::passed(LEDGER, format!("{name} is there")));
        }
        if !all.broker.declare_topology {
            return Ok(CheckFinding::warning(
                LEDGER,
                format!("stream {name} is not there, and {go_on} without it"),
                "declare it (`invoice-worker topology declare`), or set ledger.store = \"none\"",
            ));
        }
        let missing = session.missing_to_declare(name).await?;
        Ok(match missing {
            None => CheckFinding::passed(
                LEDGER,
                format!("{name} is not there yet; the worker declares it when it starts"),
            ),
            Some(right) => CheckFinding {
                command: PermissionPatterns::of_worker(&all.broker)
                    .command(right.user.as_deref(), right.vhost.as_deref()),
                ..CheckFinding::warning(
                    LEDGER,
                    format!("{right}; {go_on} without a ledger"),
                    "grant all that the worker needs with:",
                )
            },
        })
    };
    let finding = looked
        .await
        .unwrap_or_else(|error: BrokerError| CheckFinding::warning(LEDGER, error.to_string(), ""));
    vec![if all.budget.is_empty() {
        finding
    } else {
        finding.into_failure()
    }]
}
