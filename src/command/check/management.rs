//! The policies that change the queues, read from RabbitMQ's management API: AMQP does not show them.

use super::finding::{CheckFinding, CheckOutcome};
use super::queues::{QUEUES, tolerable};
use crate::broker::topology::{
    Argument, ExistingQueue, QueueDefinition, QueueFlaw, Severity, queues,
};
use crate::broker::{self, BrokerLogin};
use crate::clock::server_clock::http_date;
use jiff::Timestamp;
use reqwest::header::DATE;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;
use url::Url;

const KEY: &str = "broker.management_url";
/// The time for one answer, from the request to its last byte.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The answer about one queue has some kilobytes; with thousands of consumers some hundred.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// The characters that are shown of a reason that the API gives.
const MAX_REASON_CHARACTERS: usize = 200;

const PORT_REMEDY: &str = "is it the management API's port (usually 15672, or 15671 for https), and is the plugin rabbitmq_management enabled?";

/// No findings where no such URL is configured. Arguments of the queues are compared only where AMQP
/// could not do it.
pub(super) async fn check(
    http: Client,
    config: &broker::Config,
    compares_arguments: bool,
) -> Vec<CheckFinding> {
    if config.management_url.is_empty() {
        return Vec::new();
    }
    match Management::new(http, config) {
        Ok(management) => management
            .findings(config, compares_arguments)
            .await
            .unwrap_or_else(|finding| vec![finding]),
        Err(finding) => vec![finding],
    }
}

/// The time that the API's server gives, in the `Date` of any answer; no password is sent for it.
/// `None` where no such URL is configured, or no time given.
pub(crate) async fn time(http: &Client, config: &broker::Config) -> Option<Timestamp> {
    let Management { url, .. } = Management::new(http.clone(), config).ok()?;
    let answer = http.get(url).timeout(ANSWER_TIMEOUT).send().await.ok()?;
    http_date(answer.headers().get(DATE)?.to_str().ok()?)
}

struct Management {
    http: Client,
    /// Without user and password.
    url: Url,
    login: BrokerLogin,
    vhost: String,
}

/// The API's answer about one queue, as far as it is read here.
#[derive(Deserialize)]
struct QueueAnswer {
    #[serde(rename = "type")]
    kind: Option<String>,
    durable: bool,
    auto_delete: bool,
    #[serde(default)]
    exclusive: bool,
    #[serde(default)]
    arguments: Value,
    policy: Option<String>,
    operator_policy: Option<String>,
    #[serde(default)]
    effective_policy_definition: Value,
}

impl Management {
    fn new(http: Client, config: &broker::Config) -> Result<Self, CheckFinding> {
        let unreadable =
            || CheckFinding::failed(KEY, "cannot be read together with broker.urls", "");
        let (broker_login, vhost) = config.login().zip(config.vhost()).ok_or_else(unreadable)?;
        let mut url = Url::parse(config.management_url.expose()).map_err(|_| unreadable())?;
        let login = BrokerLogin::from_management_url(&url).unwrap_or(broker_login);
        // Err: a URL without a host, which the configuration refuses.
        url.set_username("")
            .and_then(|()| url.set_password(None))
            .map_err(|()| unreadable())?;
        Ok(Self {
            http,
            url,
            login,
            vhost,
        })
    }

    async fn findings(
        &self,
        config: &broker::Config,
        compares_arguments: bool,
    ) -> Result<Vec<CheckFinding>, CheckFinding> {
        self.authenticate().await?;
        let mut findings = Vec::new();
        for queue in queues(config) {
            // One that does not exist was found by AMQP already.
            let Some(existing) = self.queue(&queue.name).await? else {
                continue;
            };
            let flaws = existing
                .flaws(&queue)
                .into_iter()
                .filter(|flaw| compares_arguments || flaw.policy.is_some());
            findings.extend(flaws.map(|flaw| self.finding(&queue, &flaw)));
        }
        if !findings
            .iter()
            .any(|finding| finding.outcome > CheckOutcome::Passed)
        {
            findings.insert(
                0,
                CheckFinding::passed(KEY, "no policy of the broker does harm to the queues"),
            );
        }
        Ok(findings)
    }

    fn finding(&self, queue: &QueueDefinition, flaw: &QueueFlaw) -> CheckFinding {
        if flaw.severity != Severity::Essential {
            return tolerable(&queue.name, flaw);
        }
        let remedy = match &flaw.policy {
            Some(policy) => format!(
                "change {policy} (`rabbitmqctl list_policies -p {vhost}`, `rabbitmqctl list_operator_policies -p {vhost}`), or let its \
                 pattern leave out the worker's queues",
                vhost = self.vhost
            ),
            None => format!(
                "empty and delete the queue so that it is declared anew, or name another in {}",
                queue.key
            ),
        };
        CheckFinding::failed(
            QUEUES,
            format!("queue {} {}", queue.name, flaw.refusal()),
            remedy,
        )
    }

    /// Asks whether this is the API, and whether the user may ask it.
    async fn authenticate(&self) -> Result<(), CheckFinding> {
        let (status, body) = self.get(&["whoami"]).await?;
        let is_api =
            serde_json::from_slice::<Value>(&body).is_ok_and(|answer| answer.get("name").is_some());
        if status.is_success() && is_api {
            Ok(())
        } else {
            Err(self.refused(status, &body))
        }
    }

    /// `None` where the queue does not exist.
    async fn queue(&self, name: &str) -> Result<Option<ExistingQueue>, CheckFinding> {
        let (status, body) = self.get(&["queues", &self.vhost, name]).await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !status.is_success() {
            return Err(self.refused(status, &body));
        }
        let answer: QueueAnswer = serde_json::from_slice(&body).map_err(|problem| {
            CheckFinding::failed(
                KEY,
                format!(
                    "{} describes queue {name} in a way that is not understood: {problem}",
                    self.url
                ),
                PORT_REMEDY,
            )
        })?;
        Ok(Some(answer.into()))
    }

    async fn get(&self, path: &[&str]) -> Result<(StatusCode, Vec<u8>), CheckFinding> {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("api").extend(path);
        }
        let request = self
            .http
            .get(url)
            .basic_auth(&self.login.user, Some(self.login.password.expose()))
            .timeout(ANSWER_TIMEOUT);
        // The URL of the library's own messages is left out: ours is shown.
        let unreachable = |error: reqwest::Error| self.unreachable(&error.without_url());
        let mut response = request.send().await.map_err(unreachable)?;
        let (status, mut body) = (response.status(), Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(CheckFinding::failed(
                    KEY,
                    format!(
                        "{} answers with more than {MAX_ANSWER_BYTES} bytes",
                        self.url
                    ),
                    PORT_REMEDY,
                ));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }

    fn unreachable(&self, error: &reqwest::Error) -> CheckFinding {
        let mut causes = vec![error.to_string()];
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        causes.dedup();
        CheckFinding::failed(
            KEY,
            format!("{} cannot be asked: {}", self.url, causes.join(": ")),
            PORT_REMEDY,
        )
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> CheckFinding {
        let user = &self.login.user;
        let reason = serde_json::from_slice::<Value>(body)
            .ok()
            .and_then(|answer| Some(answer.get("reason")?.as_str()?.to_owned()));
        let reason: String = reason
            .map(|reason| {
                format!(
                    " ({})",
                    reason
                        .chars()
                        .take(MAX_REASON_CHARACTERS)
                        .collect::<String>()
                )
            })
            .unwrap_or_default();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => CheckFinding::failed(
                KEY,
                format!("{} refuses user {user}: {status}{reason}", self.url),
                format!(
                    "give it the tag (`rabbitmqctl set_user_tags {user} management`), or name another user and its password in {KEY}"
                ),
            ),
            _ if status.is_redirection() => CheckFinding::failed(
                KEY,
                format!("{} answers {status}: it redirects", self.url),
                "name the address it redirects to",
            ),
            _ => CheckFinding::failed(
                KEY,
                format!(
                    "{} does not answer as the management API does: {status}{reason}",
                    self.url
                ),
                PORT_REMEDY,
            ),
        }
    }
}

impl From<QueueAnswer> for ExistingQueue {
    fn from(answer: QueueAnswer) -> Self {
        let mut arguments = table(&answer.arguments);
        if let Some(kind) = answer.kind {
            // Declared without it, a queue has the type that is the virtual host's default.
            let kind = kind
                .trim_start_matches("rabbit_")
                .trim_end_matches("_queue")
                .to_owned();
            arguments
                .entry("x-queue-type".to_owned())
                .or_insert(Argument::Text(kind));
        }
        let policies = [
            ("policy", answer.policy),
            ("operator policy", answer.operator_policy),
        ];
        let names = policies.into_iter().filter_map(|(kind, name)| {
            Some(format!("{kind} {}", name.filter(|name| !name.is_empty())?))
        });
        Self {
            durable: answer.durable,
            auto_delete: answer.auto_delete,
            exclusive: answer.exclusive,
            arguments,
            policy: table(&answer.effective_policy_definition),
            policy_names: names.collect::<Vec<_>>().join(" and "),
        }
    }
}

/// The entries of a table; the API shows an empty one as a list.
fn table(value: &Value) -> BTreeMap<String, Argument> {
    let argument = |value: &Value| match value {
        Value::String(text) => Argument::Text(text.clone()),
        Value::Bool(flag) => Argument::Flag(*flag),
        value => value
            .as_i64()
            .map_or_else(|| Argument::Text(value.to_string()), Argument::Number),
    };
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), argument(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_has_arguments_and_what_policies_make_of_them() {
        let answer = |answer: Value| {
            ExistingQueue::from(serde_json::from_value::<QueueAnswer>(answer).unwrap())
        };
        let plain = answer(
            json!({"type": "quorum", "durable": true, "auto_delete": false, "exclusive": false,
            "arguments": {"x-delivery-limit": 20, "x-single-active-consumer": true, "x-overflow": "reject-publish", "x-odd": [1]},
            "policy": null, "operator_policy": null, "effective_policy_definition": [], "messages": 5}),
        );
        assert_eq!((plain.policy.len(), plain.policy_names.as_str()), (0, ""));
        let argument = |name: &str| plain.arguments.get(name).cloned();
        assert_eq!(argument("x-delivery-limit"), Some(Argument::Number(20)));
        assert_eq!(
            argument("x-single-active-consumer"),
            Some(Argument::Flag(true))
        );
        assert_eq!(
            argument("x-queue-type"),
            Some(Argument::Text("quorum".to_owned()))
        );
        assert_eq!(argument("x-odd"), Some(Argument::Text("[1]".to_owned())));
        let changed = answer(
            json!({"type": "rabbit_classic_queue", "durable": true, "auto_delete": true, "policy": "p", "operator_policy": "o",
            "effective_policy_definition": {"expires": 1000}}),
        );
        assert_eq!(changed.policy_names, "policy p and operator policy o");
        assert_eq!(changed.policy.get("expires"), Some(&Argument::Number(1000)));
        assert_eq!(
            changed.arguments.get("x-queue-type"),
            Some(&Argument::Text("classic".to_owned()))
        );
    }
}
