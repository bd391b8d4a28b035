//! Every URL, and the queues behind the first that answers.

use super::{Finding, Verdict, fleets, management};
use crate::broker::rights::PermissionPatterns;
use crate::broker::topology::{Differences, QueueFlaw, Severity};
use crate::broker::{Broker, BrokerError, Config, Session, redacted};
use crate::config;
use crate::provider::{CONNECT_TIMEOUT, http_client};
use crate::settings::Network;

const URLS: &str = "broker.urls";
pub(super) const QUEUES: &str = "queues";
const RIGHTS: &str = "rights";

pub(super) async fn check(all: &config::Config) -> Vec<Finding> {
    let config = &all.broker;
    let broker = match Broker::new(config) {
        Ok(broker) => broker,
        Err(error) => return vec![Finding::broken(URLS, error.to_string(), "")],
    };
    let (mut findings, mut reached) = (Vec::new(), None);
    for url in &config.urls {
        match broker.connect().await {
            Ok(session) => {
                findings.push(Finding::fine(URLS, redacted(url.expose())));
                reached.get_or_insert(session);
            }
            Err(error) => findings.push(Finding::broken(URLS, error.to_string(), "")),
        }
    }
    if let Some(session) = reached {
        // One that answers is enough to work with.
        let others = findings
            .iter_mut()
            .filter(|finding| finding.verdict == Verdict::Broken);
        others.for_each(|finding| finding.verdict = Verdict::Worth);
        findings.extend(topology(&session, all).await);
        findings.extend(rights(&session, config).await);
        findings.extend(fleets::check(&session, all).await);
        session.close().await;
    }
    findings
}

/// What of the queues is missing or otherwise, by its own arguments and by the broker's policies.
/// Nothing is declared.
pub(in crate::command) async fn topology(session: &Session, all: &config::Config) -> Vec<Finding> {
    let differences = match session.differences().await {
        Ok(differences) => differences,
        Err(error) => return vec![Finding::broken(QUEUES, error.to_string(), "")],
    };
    let mut findings = compared(&differences, &all.broker);
    // It is where the broker is: `[http] proxy` is the way to the store and the providers.
    let network = all.tls.roots().map(|roots| Network {
        roots,
        ..Network::default()
    });
    match network
        .map_err(anyhow::Error::msg)
        .and_then(|network| http_client(CONNECT_TIMEOUT, &network))
    {
        Ok(http) => findings.extend(
            management::check(http, &all.broker, !differences.not_compared.is_empty()).await,
        ),
        Err(error) => findings.push(Finding::broken(QUEUES, format!("{error:#}"), "")),
    }
    findings
}

fn compared(differences: &Differences, config: &Config) -> Vec<Finding> {
    let (missing, wrong): (Vec<_>, Vec<_>) = differences
        .mismatches
        .iter()
        .partition(|difference| difference.is_missing());
    let mut findings: Vec<Finding> = wrong
        .iter()
        .map(|difference| Finding::broken(QUEUES, difference.to_string(), ""))
        .collect();
    if config.declare_topology && !missing.is_empty() {
        findings.push(Finding::fine(
            QUEUES,
            format!(
                "{} are not there yet; the worker declares them when it starts",
                missing.len()
            ),
        ));
    } else {
        findings.extend(
            missing.iter().map(|difference: &&BrokerError| {
                Finding::broken(QUEUES, difference.to_string(), "")
            }),
        );
    }
    findings.extend(not_compared(&differences.not_compared, config));
    if findings.is_empty() {
        findings.push(Finding::fine(
            QUEUES,
            format!(
                "{} and the others are as they have to be",
                config.jobs_queue
            ),
        ));
    }
    findings.extend(
        differences
            .tolerated
            .iter()
            .map(|(queue, flaw)| tolerated(queue, flaw)),
    );
    findings
}

/// Comparing needs the same right as declaring.
fn not_compared(queues: &[String], config: &Config) -> Option<Finding> {
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
        Finding::worth(
            QUEUES,
            text,
            "set broker.management_url, where they can be read, or check once as a user that may declare them",
        )
    } else {
        Finding::fine(QUEUES, text)
    })
}

pub(super) fn tolerated(queue: &str, flaw: &QueueFlaw) -> Finding {
    let text = format!("queue {queue} {flaw}");
    match flaw.severity {
        Severity::Harmless => Finding::fine(QUEUES, text),
        Severity::Warning | Severity::Essential => Finding::worth(QUEUES, text, flaw.consequence),
    }
}

/// Each right that the worker needs is tried.
async fn rights(session: &Session, config: &Config) -> Vec<Finding> {
    let tried = async {
        let missing = session.missing_rights().await?;
        // What cannot be published at all was found already, and what cannot be taken back too.
        if missing.is_empty() {
            session.prove_publishing().await.map(|()| missing)
        } else {
            Ok(missing)
        }
    };
    let missing = match tried.await {
        Ok(missing) => missing,
        Err(error) => return vec![Finding::broken(RIGHTS, error.to_string(), "")],
    };
    let Some(first) = missing.first() else {
        return vec![Finding::fine(
            RIGHTS,
            "this user may do everything that the worker does",
        )];
    };
    let grant = PermissionPatterns::of_worker(config)
        .command(first.user.as_deref(), first.vhost.as_deref());
    let mut findings: Vec<Finding> = missing
        .iter()
        .map(|right| Finding::broken(RIGHTS, right.to_string(), ""))
        .collect();
    if let Some(last) = findings.last_mut() {
        last.mend = format!("grant all that the worker needs with: {grant}");
    }
    findings
}
