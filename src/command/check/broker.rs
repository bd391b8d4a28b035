//! Every URL, and the queues behind the first that answers.

use super::{Finding, Verdict};
use crate::broker::topology::Tolerated;
use crate::broker::{Broker, BrokerError, Config, Session, redacted};

const URLS: &str = "broker.urls";
const QUEUES: &str = "queues";

pub(super) async fn check(config: &Config) -> Vec<Finding> {
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
        let others = findings.iter_mut().filter(|finding| finding.verdict == Verdict::Broken);
        others.for_each(|finding| finding.verdict = Verdict::Worth);
        findings.extend(queues(&session, config).await);
        session.close().await;
    }
    findings
}

async fn queues(session: &Session, config: &Config) -> Vec<Finding> {
    let differences = match session.differences().await {
        Ok(differences) => differences,
        Err(error) => return vec![Finding::broken(QUEUES, error.to_string(), "")],
    };
    let (missing, wrong): (Vec<_>, Vec<_>) = differences.mismatches.iter().partition(|difference| difference.is_missing());
    let mut findings: Vec<Finding> = wrong.iter().map(|difference| Finding::broken(QUEUES, difference.to_string(), "")).collect();
    if config.declare_topology && !missing.is_empty() {
        findings.push(Finding::fine(QUEUES, format!("{} are not there yet; the worker declares them when it starts", missing.len())));
    } else {
        findings.extend(missing.iter().map(|difference: &&BrokerError| Finding::broken(QUEUES, difference.to_string(), "")));
    }
    if findings.is_empty() {
        findings.push(Finding::fine(QUEUES, format!("{} and the others are as they have to be", config.jobs_queue)));
    }
    findings.extend(differences.tolerated.iter().map(tolerated));
    findings
}

fn tolerated(difference: &Tolerated) -> Finding {
    match difference.mend {
        Some(mend) => Finding::worth(QUEUES, difference.to_string(), mend),
        None => Finding::fine(QUEUES, difference.to_string()),
    }
}
