//! What both providers have in common on the wire: one request, one answer, and the name of what happened in between.
//!
//! Nothing is followed, repeated or sent through a proxy here: a redirect would hand credentials to another host, and a repeated
//! request may be paid for twice.

pub(crate) mod extra;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod json;
pub(crate) mod redaction;

use super::Reply;
use crate::domain::failure::{Failure, Stage};
use anyhow::Context;
use jiff::Timestamp;
use redaction::Redaction;
use reqwest::header::{DATE, HeaderMap, HeaderValue, InvalidHeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response};
use std::error::Error;
use std::time::Duration;

/// The longest documented answer (a bill with hundreds of details) is far below 1 MiB.
const MAX_ANSWER_BYTES: usize = 8 << 20;
/// A provider cannot ask us to stay away for longer.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);
/// Gateways close idle connections after a minute. One that is closed under a request leaves open whether it was executed, and paid for.
const IDLE_TIMEOUT: Duration = Duration::from_secs(25);
/// Connecting that takes longer is told as `connect`, as long as it is shorter than the call's own timeout.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The client that both providers share. The environment's proxies are ignored: the account's credentials go to the provider only.
pub fn http_client(connect_timeout: Duration) -> anyhow::Result<Client> {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(concat!("invoice-worker/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("the HTTP client cannot be built (are CA certificates installed?)")
}

/// A credential's header: never printed by the HTTP libraries, never indexed by HTTP/2.
pub(crate) fn sensitive(value: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}

/// One provider's side of the connection.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) stage: Stage,
    pub(crate) http: Client,
    /// From the first byte of the request to the last of the answer.
    pub(crate) timeout: Duration,
    pub(crate) redaction: Redaction,
}

/// How a provider reads status and body; the messages it makes are cleaned by the redaction.
pub(crate) type Read<A> = fn(u16, &[u8], &Redaction) -> Result<Reply<A>, Failure>;

impl Wire {
    /// Sends the request once. Whatever comes of it is an answer or a failure with one of the policy's code names.
    pub(crate) async fn call<A>(&self, request: RequestBuilder, read: Read<A>) -> Result<Reply<A>, Failure> {
        let exchange = async {
            let response = request.send().await.map_err(|error| self.broken(&error))?;
            let status = response.status().as_u16();
            let headers = AnswerHeaders::of(response.headers(), Timestamp::now());
            let outcome = match self.body(response).await? {
                Some(body) => read(status, &body, &self.redaction),
                None => Err(undocumented(self.stage, status, "the answer is longer than 8 MiB")),
            };
            headers.complete(outcome)
        };
        tokio::time::timeout(self.timeout, exchange)
            .await
            .unwrap_or_else(|_| Err(Failure::new(self.stage, "timeout", format!("no whole answer within {:?}", self.timeout))))
    }

    /// `None`: too long.
    async fn body(&self, mut response: Response) -> Result<Option<Vec<u8>>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Ok(None);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Some(body))
    }

    /// Without a whole answer. Only where no connection was made is it certain that nothing was executed.
    fn broken(&self, error: &reqwest::Error) -> Failure {
        let code = if error.is_connect() || error.is_builder() { "connect" } else { "timeout" };
        Failure::new(self.stage, code, self.redaction.clean(&root_cause(error)))
    }
}

/// An answer without a readable documented body.
pub(crate) fn undocumented(stage: Stage, status: u16, message: &str) -> Failure {
    let code = if (200..300).contains(&status) { "malformed".to_owned() } else { format!("http.{status}") };
    Failure { http_status: Some(status), ..Failure::new(stage, code, message) }
}

/// The innermost error: the outer ones repeat the URL.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// What the answer's headers add to its body.
struct AnswerHeaders {
    request_id: Option<String>,
    retry_after: Option<Duration>,
    server_time: Option<Timestamp>,
}

impl AnswerHeaders {
    fn of(headers: &HeaderMap, now: Timestamp) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let server_time = text(DATE.as_str()).and_then(http_date);
        Self {
            request_id: text("x-request-id").and_then(redaction::request_id),
            retry_after: text(RETRY_AFTER.as_str()).and_then(|value| retry_after(value, server_time.unwrap_or(now))),
            server_time,
        }
    }

    fn complete<A>(self, outcome: Result<Reply<A>, Failure>) -> Result<Reply<A>, Failure> {
        match outcome {
            Ok(reply) => Ok(Reply { request_id: reply.request_id.or(self.request_id), ..reply }),
            Err(failure) => Err(Failure {
                request_id: failure.request_id.or(self.request_id),
                retry_after: self.retry_after,
                server_time: self.server_time,
                ..failure
            }),
        }
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// Seconds, or a date that is compared with the server's own clock.
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let wait = if let Ok(seconds) = value.trim().parse() {
        Duration::from_secs(seconds)
    } else {
        Duration::try_from(http_date(value)?.duration_since(now)).unwrap_or_default()
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests;
