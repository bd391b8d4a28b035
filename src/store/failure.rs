//! From what the SDK reports to one flat code: the store's own error code, or what happened on the
//! wire.

use super::credentials::CredentialFlaw;
use crate::domain::failure::{Failure, Stage};
use crate::network::connection_cause;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use std::error::Error;

/// How S3 names the bucket's region where a request came to another one.
const REGION_HEADER: &str = "x-amz-bucket-region";
const DELETE_MARKER_HEADER: &str = "x-amz-delete-marker";
const MAX_REGION_BYTES: usize = 32;

/// S3's own codes for outages.
const UNWELL: [&str; 3] = ["InternalError", "ServiceUnavailable", "SlowDown"];

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
pub(super) fn of<E>(error: SdkError<E>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
    SdkError<E>: RequestId,
{
    let request_id = error.request_id().map(Box::from);
    let mut failure = match &error {
        SdkError::ServiceError(refused) => {
            let status = refused.raw().status().as_u16();
            let code = refused
                .err()
                .code()
                .map_or_else(|| nameless(status), str::to_owned);
            let headers = refused.raw().headers();
            let is_marker = headers.get(DELETE_MARKER_HEADER) == Some("true");
            // A store without the XML body says it by the status alone; the SDK then names the
            // operation's own error.
            let code = match code.as_str() {
                "" | "NotFound" if status == 405 && is_marker => "MethodNotAllowed".to_owned(),
                "" | "NotFound" => nameless(status),
                // Each store has its own names for a redirect that is not followed, and for too
                // many requests.
                other if (300..400).contains(&status) && other != "PermanentRedirect" => {
                    format!("http.{status}")
                }
                other if status == 429 && !UNWELL.contains(&other) => format!("http.{status}"),
                // Every store has its own names for being unwell; the policy knows the class.
                other if status >= 500 && !UNWELL.contains(&other) => format!("http.{status}"),
                _ => code,
            };
            // The store's own words may name accounts and keys.
            let mut message = match status {
                407 => "the proxy on the way to the store asks for a user and a password: put them into the URL of [http] proxy".to_owned(),
                _ => format!("the store answered {status} {code}"),
            };
            let region = headers
                .get(REGION_HEADER)
                .or_else(|| region_of(refused.raw().body().bytes().unwrap_or_default()));
            if let Some(region) = region.filter(|region| is_region(region) && !is_unwell(status)) {
                message = format!("{message}; it says that the bucket's region is {region}");
            }
            Failure {
                http_status: Some(status),
                ..Failure::new(Stage::Storage, code, message)
            }
        }
        SdkError::TimeoutError(_) => unanswered(),
        SdkError::DispatchFailure(dispatch) if dispatch.is_timeout() => unanswered(),
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_)
            if is_about_credentials(&error) =>
        {
            let flaw = credential_flaw(&error).map(ToString::to_string);
            let none = || {
                "no credentials for the store: set storage.access_key_id, or provide the AWS chain"
                    .to_owned()
            };
            Failure::new(Stage::Storage, "NoCredentials", flaw.unwrap_or_else(none))
        }
        SdkError::DispatchFailure(_) => {
            let cause = connection_cause(&error)
                .map(|cause| format!(": {cause}"))
                .unwrap_or_default();
            Failure::new(
                Stage::Storage,
                "connect",
                format!("the store could not be reached{cause}"),
            )
        }
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            Failure {
                http_status: Some(status),
                ..Failure::new(
                    Stage::Storage,
                    format!("http.{status}"),
                    "the store's answer is unreadable",
                )
            }
        }
        _ => Failure::new(
            Stage::Storage,
            "request",
            "the request to the store could not be built: bucket or key is unusable",
        ),
    };
    failure.request_id = request_id;
    failure
}

pub(super) fn truncated() -> Failure {
    Failure::new(
        Stage::Storage,
        "truncated",
        "the object ended before its declared length",
    )
}

pub(super) fn unanswered() -> Failure {
    Failure::new(
        Stage::Storage,
        "timeout",
        "the store did not answer within storage.timeout",
    )
}

/// The region in the error document: `<Region>eu-west-1</Region>`.
fn region_of(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<Region>")?;
    rest.split_once("</Region>").map(|(region, _)| region)
}

fn is_region(text: &str) -> bool {
    (1..=MAX_REGION_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_unwell(status: u16) -> bool {
    status >= 500 || status == 404
}

fn nameless(status: u16) -> String {
    match status {
        404 => "404".into(),
        403 => "AccessDenied".into(),
        status => format!("http.{status}"),
    }
}

fn credential_flaw<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CredentialFlaw> {
    let mut source: Option<&'a (dyn Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(flaw) = error.downcast_ref() {
            return Some(flaw);
        }
        source = error.source();
    }
    None
}

fn is_about_credentials(error: &(dyn Error + 'static)) -> bool {
    let mut source = Some(error);
    while let Some(error) = source {
        if error
            .to_string()
            .to_ascii_lowercase()
            .contains("credential")
        {
            return true;
        }
        source = error.source();
    }
    false
}
