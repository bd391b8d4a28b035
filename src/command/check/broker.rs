//! Is every broker reachable, and are the queues and rights there? The queues are those behind the
//! first URL that answers.

use super::finding::{CheckFinding, CheckOutcome};
use super::queues::{QUEUES, compared};
use super::{fleets, ledger, management};
use crate::broker::permissions::PermissionPatterns;
use crate::broker::{Broker, Config, Session, redacted};
use crate::config;
use crate::provider::{CONNECT_TIMEOUT, http_client};
use crate::settings::Network;

const URLS: &str = "broker.urls";
const RIGHTS: &str = "rights";

pub(super) async fn check(all: &config::Config) -> Vec<CheckFinding> {
    let config = &all.broker;
    let broker = match Broker::new(config) {
        Ok(broker) => broker,
        Err(error) => return vec![CheckFinding::failed(URLS, error.to_string(), "")],
    };
    let (mut findings, mut reached) = (Vec::new(), None);
    for url in &config.urls {
        match broker.connect().await {
            Ok(session) => {
                findings.push(CheckFinding::passed(URLS, redacted(url.expose())));
                reached.get_or_insert(session);
            }
            Err(error) => findings.push(CheckFinding::failed(URLS, error.to_string(), "")),
        }
    }
    if let Some(session) = reached {
        // One that answers is enough to work with.
        let others = findings
            .iter_mut()
            .filter(|finding| finding.outcome == CheckOutcome::Failed);
        others.for_each(|finding| finding.outcome = CheckOutcome::Warning);
        findings.extend(topology(&session, all).await);
        findings.extend(rights(&session, config).await);
        findings.extend(fleets::check(&session, all).await);
        session.close().await;
    }
    findings
}

/// The differences between the queues of the broker and those of the configuration, in their own
/// arguments and by the broker's policies. Nothing is declared.
pub(crate) async fn topology(session: &Session, all: &config::Config) -> Vec<CheckFinding> {
    let differences = match session.differences().await {
        Ok(differences) => differences,
        Err(error) => return vec![CheckFinding::failed(QUEUES, error.to_string(), "")],
    };
    let mut findings = compared(&differences, &all.broker);
    findings.extend(ledger::check(session, all).await);
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
        Err(error) => findings.push(CheckFinding::failed(QUEUES, format!("{error:#}"), "")),
    }
    findings
}

/// Each right that the worker needs is tried.
async fn rights(session: &Session, config: &Config) -> Vec<CheckFinding> {
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
        Err(error) => return vec![CheckFinding::failed(RIGHTS, error.to_string(), "")],
    };
    let Some(first) = missing.first() else {
        return vec![CheckFinding::passed(
            RIGHTS,
            "this user may do everything that the worker does",
        )];
    };
    let grant = PermissionPatterns::of_worker(config)
        .command(first.user.as_deref(), first.vhost.as_deref());
    let mut findings: Vec<CheckFinding> = missing
        .iter()
        .map(|right| CheckFinding::failed(RIGHTS, right.to_string(), ""))
        .collect();
    if let Some(last) = findings.last_mut() {
        "grant all that the worker needs with:".clone_into(&mut last.remedy);
        last.command = grant;
    }
    findings
}
