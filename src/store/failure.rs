//! From what the SDK reports to one flat code: the store's own error code, or what happened on the wire.

use crate::domain::failure::{Failure, Stage};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use std::error::Error;

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
pub(super) fn of<E>(error: SdkError<E>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
    SdkError<E>: RequestId,
{
    let request_id = error.request_id().map(str::to_owned);
    let mut failure = match &error {
        SdkError::ServiceError(refused) => {
            let status = refused.raw().status().as_u16();
            let code = refused.err().code().map_or_else(|| nameless(status), str::to_owned);
            // A store without the XML body says it by the status alone; the SDK then names the operation's own error.
            let code = match code.as_str() {
                "" | "NotFound" => nameless(status),
                // Every store has its own names for being unwell; the policy knows the class.
                other if status >= 500 && other != "SlowDown" => format!("http.{status}"),
                _ => code,
            };
            // The store's own words may name accounts and keys.
            let message = format!("the store answered {status} {code}");
            Failure { http_status: Some(status), ..Failure::new(Stage::Storage, code, message) }
        }
        SdkError::TimeoutError(_) => unanswered(),
        SdkError::DispatchFailure(dispatch) if dispatch.is_timeout() => unanswered(),
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) if is_about_credentials(&error) => Failure::new(
            Stage::Storage,
            "NoCredentials",
            "no credentials for the store: set storage.access_key_id, or provide the AWS chain",
        ),
        SdkError::DispatchFailure(_) => Failure::new(Stage::Storage, "connect", "the store could not be reached"),
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            Failure {
                http_status: Some(status),
                ..Failure::new(Stage::Storage, format!("http.{status}"), "the store's answer is unreadable")
            }
        }
        _ => Failure::new(Stage::Storage, "request", "the request to the store could not be built: bucket or key is unusable"),
    };
    failure.request_id = request_id;
    failure
}

pub(super) fn truncated() -> Failure {
    Failure::new(Stage::Storage, "truncated", "the object ended before its declared length")
}

pub(super) fn unanswered() -> Failure {
    Failure::new(Stage::Storage, "timeout", "the store did not answer within storage.timeout")
}

fn nameless(status: u16) -> String {
    match status {
        404 => "404".into(),
        403 => "AccessDenied".into(),
        status => format!("http.{status}"),
    }
}

fn is_about_credentials(error: &(dyn Error + 'static)) -> bool {
    let mut source = Some(error);
    while let Some(error) = source {
        if error.to_string().to_ascii_lowercase().contains("credential") {
            return true;
        }
        source = error.source();
    }
    false
}
