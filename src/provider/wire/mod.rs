//! What all vendors have in common on the wire: one request, one answer, and the name of what
//! happened in between.
//!
//! Nothing is followed or repeated here: a redirect would hand credentials to another host, and a
//! repeated request may be paid for twice. A proxy is taken where `[http]` names one.

mod body;
pub mod charset;
mod encoding;
pub mod extra;
#[cfg(test)]
pub(crate) mod fake;
pub mod field;
pub mod json;
mod lenient;
pub mod redaction;
pub(crate) mod reference;
mod tap;

use crate::clock::server_clock::{ServerClock, http_date};
use crate::domain::failure::{Failure, Stage, cut};
use crate::domain::registry_words::RegistryWords;
use crate::network::connection_cause;
use crate::policy::Policy;
use crate::provider::request::Reply;
use body::AnswerBody;
use jiff::Timestamp;
use jiff::tz::{self, TimeZone};
use json::Fields;
use redaction::Redaction;
use reqwest::header::{
    CONTENT_TYPE, DATE, HeaderMap, HeaderValue, InvalidHeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Client, RequestBuilder, Response};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

pub use tap::{AnswerTap, TappedAnswer};

/// After a complete object, the rest of the announced body is awaited for at most this long.
const SILENCE: Duration = Duration::from_secs(1);
/// The longest `Retry-After` that is accepted.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);
/// The bytes of a content type that are kept; longer ones are none.
const MAX_CONTENT_TYPE_BYTES: usize = 80;
/// The bytes of a redirect's address that a message shows.
const MAX_LOCATION_BYTES: usize = 200;

/// Returns the header of a credential, which the HTTP libraries never print and HTTP/2 never
/// indexes.
pub fn sensitive(value: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}

/// One provider's side of the connection.
#[derive(Debug)]
pub struct Wire {
    stage: Stage,
    pub http: Client,
    timeout: Duration,
    context: AnswerContext,
    pub server_clock: ServerClock,
    tap: Option<AnswerTap>,
}

/// The settings for reading an answer.
#[derive(Clone, Debug)]
pub struct AnswerContext {
    /// Removes secrets from messages.
    pub redaction: Redaction,
    /// The time zone whose days are meant by a time with an offset: `policy.timezone`.
    pub timezone: TimeZone,
    pub registry_words: Arc<RegistryWords>,
}

impl Default for AnswerContext {
    /// Returns settings without credentials, with China's time zone and the built-in words.
    fn default() -> Self {
        Self {
            redaction: Redaction::default(),
            timezone: tz::offset(8).to_time_zone(),
            registry_words: Arc::clone(Policy::builtin().registry_words()),
        }
    }
}

/// Reads the status and the object of a provider's answer.
pub type Read<A> = fn(u16, Fields<'_>, &AnswerContext) -> Result<Reply<A>, Failure>;

/// Reads an answer without making a call.
pub fn read_answer<A>(
    stage: Stage,
    status: u16,
    body: &[u8],
    read: Read<A>,
) -> Result<Reply<A>, Failure> {
    let context = AnswerContext::default();
    AnswerBody::of(body)
        .read(|fields| read(status, fields, &context))
        .unwrap_or_else(|problem| Err(undocumented(stage, status, &problem.to_string())))
}

impl Wire {
    /// `timeout` is from the first byte of a request to the last of its answer.
    pub fn new(stage: Stage, http: Client, timeout: Duration, context: AnswerContext) -> Self {
        Self {
            stage,
            http,
            timeout,
            context,
            server_clock: ServerClock::default(),
            tap: None,
        }
    }

    /// The same side, whose answers are also left as they came.
    #[must_use]
    pub fn tapped(self, tap: AnswerTap) -> Self {
        Self {
            tap: Some(tap),
            ..self
        }
    }

    /// Sends the request once. Returns the answer, or a failure with a code that the policy can
    /// name.
    pub async fn call<A>(
        &self,
        request: RequestBuilder,
        read: Read<A>,
    ) -> Result<Reply<A>, Failure> {
        let deadline = Instant::now() + self.timeout;
        let sent = timeout_at(deadline, request.send())
            .await
            .map_err(|_| self.too_late())?;
        let response = sent.map_err(|error| self.broken(&error))?;
        let status = response.status().as_u16();
        let now = Timestamp::now();
        let headers = AnswerHeaders::of(response.headers(), now);
        self.server_clock.learn(headers.server_time, now);
        let mut body = AnswerBody::announced(response.headers());
        let ended = self.receive(response, &mut body, deadline).await;
        if let Some(tap) = &self.tap {
            tap.leave(tapped(status, &headers, &body, now));
        }
        // A complete object counts; a problem of the connection matters only without one.
        let outcome = match (
            body.read(|fields| read(status, fields, &self.context)),
            ended,
        ) {
            (Ok(outcome), _) => outcome,
            (Err(_), Err(failure)) => Err(failure),
            (Err(problem), Ok(())) => Err(undocumented(self.stage, status, &problem.to_string())),
        };
        let outcome =
            outcome.map_err(|failure| redirected(failure, status, headers.location.as_deref()));
        headers.complete(outcome)
    }

    /// Reads the body to its end, or to the end of its object if the server then sends no more.
    ///
    /// # Errors
    /// The body did not arrive completely. The bytes before are in `body`.
    async fn receive(
        &self,
        mut response: Response,
        body: &mut AnswerBody,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let mut looked_at = 0;
        loop {
            let next_look = if body.len() > looked_at {
                deadline.min(Instant::now() + SILENCE)
            } else {
                deadline
            };
            match timeout_at(next_look, response.chunk()).await {
                Ok(Ok(Some(chunk))) if body.push(&chunk) => {}
                Ok(Ok(Some(_))) => {
                    return Err(undocumented(
                        self.stage,
                        response.status().as_u16(),
                        "the answer is longer than 8 MiB",
                    ));
                }
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return Err(self.broken(&error)),
                Err(_) if Instant::now() >= deadline => return Err(self.too_late()),
                Err(_) if body.is_complete() => return Ok(()),
                Err(_) => looked_at = body.len(),
            }
        }
    }

    fn too_late(&self) -> Failure {
        Failure::new(
            self.stage,
            "timeout",
            format!("no whole answer within {:?}", self.timeout),
        )
    }

    /// Returns the failure of a call without a complete answer. Only if no connection was made is
    /// it certain that the call was not executed.
    fn broken(&self, error: &reqwest::Error) -> Failure {
        let code = if error.is_connect() || error.is_builder() {
            "connect"
        } else {
            "timeout"
        };
        Failure::new(
            self.stage,
            code,
            self.context.redaction.clean(&cause(error)),
        )
    }
}

fn tapped(
    http_status: u16,
    headers: &AnswerHeaders,
    body: &AnswerBody,
    received: Timestamp,
) -> TappedAnswer {
    let object = body.read_text(|text, _, is_strict| (text.to_owned(), is_strict));
    let (object, is_strict) = object.ok().unzip();
    TappedAnswer {
        http_status,
        content_type: headers.content_type.clone(),
        server_time: headers.server_time,
        received,
        has_retry_after: headers.retry_after.is_some(),
        bytes: body.len(),
        object,
        is_strict: is_strict.unwrap_or(false),
    }
}

/// Returns the failure of an answer without a readable documented body.
pub fn undocumented(stage: Stage, status: u16, message: &str) -> Failure {
    let code = if (200..300).contains(&status) {
        "malformed".to_owned()
    } else {
        format!("http.{status}")
    };
    Failure {
        http_status: Some(status),
        ..Failure::new(stage, code, message)
    }
}

/// Adds the target of a redirect to the message for the operator, without parts that may be secret.
/// The redirect is not followed, whatever its body says.
fn redirected(failure: Failure, status: u16, location: Option<&str>) -> Failure {
    if !(300..400).contains(&status) {
        return failure;
    }
    let message = match location {
        Some(location) => format!("the API has moved to {location}; redirects are not followed"),
        None => "the API has moved; redirects are not followed".to_owned(),
    };
    undocumented(failure.stage, status, &message)
}

/// Returns scheme, host and path of the address. The rest may carry credentials.
fn shown_location(location: &str) -> Option<String> {
    let mut url = url::Url::parse(location)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))?;
    url.set_query(None);
    url.set_fragment(None);
    url.set_username("")
        .and_then(|()| url.set_password(None))
        .ok()?;
    Some(cut(url.as_str(), MAX_LOCATION_BYTES).to_owned())
}

/// Returns the known cause, or the innermost error: the outer ones repeat the URL.
pub(super) fn cause(error: &reqwest::Error) -> String {
    connection_cause(error).unwrap_or_else(|| {
        let mut cause: &dyn Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        cause.to_string()
    })
}

/// The facts that the answer's headers add to its body.
struct AnswerHeaders {
    request_id: Option<String>,
    content_type: Option<String>,
    retry_after: Option<Duration>,
    server_time: Option<Timestamp>,
    /// The address to which a redirect leads.
    location: Option<String>,
}

impl AnswerHeaders {
    fn of(headers: &HeaderMap, now: Timestamp) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let server_time = text(DATE.as_str()).and_then(http_date);
        Self {
            request_id: text("x-request-id").and_then(redaction::request_id),
            content_type: text(CONTENT_TYPE.as_str())
                .map(|kind| cut(kind, MAX_CONTENT_TYPE_BYTES).to_owned()),
            retry_after: text(RETRY_AFTER.as_str())
                .and_then(|value| retry_after(value, server_time.unwrap_or(now))),
            server_time,
            location: text(LOCATION.as_str()).and_then(shown_location),
        }
    }

    fn complete<A>(self, outcome: Result<Reply<A>, Failure>) -> Result<Reply<A>, Failure> {
        match outcome {
            Ok(reply) => Ok(Reply {
                request_id: reply.request_id.or(self.request_id),
                ..reply
            }),
            Err(failure) => Err(Failure {
                request_id: failure
                    .request_id
                    .or(self.request_id.map(String::into_boxed_str)),
                retry_after: self.retry_after,
                // The gateway's own field takes precedence over a header that a proxy may have set.
                server_time: failure.server_time.or(self.server_time),
                ..failure
            }),
        }
    }
}

/// Parses `Retry-After`: seconds, or a date that is compared with the server's own clock.
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
