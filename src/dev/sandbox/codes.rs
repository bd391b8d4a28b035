//! What the providers' documents, and S3's, say about each code: HTTP status, wording, and whether
//! such an answer is paid for.

use crate::domain::failure::{Billed, Stage};

/// A code's HTTP status and wording.
#[derive(Clone, Copy, Debug)]
pub(super) struct DocumentedCode {
    pub(super) http_status: u16,
    pub(super) message: &'static str,
}

/// The document of this stage about a code: the gateway's in front of recognition (statuses
/// differ between deployments; these are the usual ones), verification's `status`, or S3's as far
/// as a reader and writer of objects meets them.
pub(super) fn documented(stage: Stage, code: &str) -> Option<DocumentedCode> {
    let table = match stage {
        Stage::Recognition => GATEWAY,
        Stage::Verification => STATUSES,
        Stage::Storage => STORAGE,
        Stage::Job | Stage::Image | Stage::Worker => return None,
    };
    let (http_status, message) = wording(table, code)?.split_once(' ')?;
    let http_status = http_status.parse().ok()?;
    Some(DocumentedCode {
        http_status,
        message,
    })
}

/// Recognition's `msg` for a `code`.
pub(super) fn recognition_message(code: u16) -> &'static str {
    wording(RECOGNITION, &code.to_string()).unwrap_or("其他错误")
}

/// Verification's `reason` for an `error_code`.
pub(super) fn verification_reason(code: u16) -> &'static str {
    wording(VERIFY_FAILED, &code.to_string()).unwrap_or("undocumented")
}

/// The rest of the code's line.
fn wording(table: &'static str, code: &str) -> Option<&'static str> {
    let mut lines = table.lines().filter_map(|line| line.split_once(' '));
    lines
        .find(|(known, _)| *known == code)
        .map(|(_, rest)| rest)
}

/// Says whether an answer is paid for, by its name and HTTP status.
pub(super) fn billed(stage: Stage, answer: &str, http_status: u16) -> Billed {
    match stage {
        Stage::Recognition
            if (answer.starts_with("APIG") || answer.starts_with("http."))
                && http_status != 504 =>
        {
            Billed::No
        }
        Stage::Recognition => match answer.parse::<u16>() {
            Ok(502 | 601..=604 | 606 | 607 | 609 | 610) | Err(_) => Billed::Unknown,
            Ok(_) => Billed::Yes,
        },
        Stage::Verification if answer == "OK" || answer.parse::<u16>().is_ok() => Billed::Yes,
        Stage::Verification
            if answer.starts_with("http.") || documented(stage, answer).is_some() =>
        {
            Billed::No
        }
        Stage::Verification => Billed::Unknown,
        Stage::Storage | Stage::Job | Stage::Image | Stage::Worker => Billed::No,
    }
}

const RECOGNITION: &str = "
200 成功
400 参数错误
500 服务商维护，请稍候再试
501 官方数据源维护，请稍候再试
999 其他，以实际返回为准
";

/// The last ones are how the shared gateway spells some of them.
const GATEWAY: &str = "
APIG.0101 404 The API does not exist or has not been published in the environment
APIG.0103 404 The backend does not exist
APIG.0104 404 The plug-ins do not exist
APIG.0105 404 The backend configurations do not exist
APIG.0106 400 Orchestration error
APIG.0201 400 Bad request
APIG.0202 502 Backend unavailable
APIG.0203 504 Backend timeout
APIG.0204 400 SSL protocol is not supported: TLSv1.1
APIG.0301 401 Incorrect IAM authentication information
APIG.0302 403 The IAM user is not authorized to access the API
APIG.0303 401 Incorrect app authentication information: signature verification failed
APIG.0304 403 The app is not authorized to access the API
APIG.0305 401 Incorrect authentication information
APIG.0306 403 API access denied
APIG.0307 401 The token must be updated
APIG.0308 429 The throttling threshold has been reached: policy API over ratelimit,limit:10,time:1 second
APIG.0310 403 The project is unavailable
APIG.0311 401 Incorrect debugging authentication information
APIG.0401 403 Unknown client IP address
APIG.0402 403 The IP address is not authorized to access the API
APIG.0404 403 Access to the backend IP address has been denied
APIG.0501 405 The app quota has been used up
APIG.0502 405 The app has been frozen
APIG.0601 500 Internal server error
APIG.0602 400 Bad request
APIG.0605 500 Domain name resolution failed
APIG.0606 500 Failed to load the API configurations
APIG.0607 400 The following protocol is supported: https
APIG.0608 500 Failed to obtain the admin token
APIG.0609 500 The VPC backend does not exist
APIG.0610 502 No backend available
APIG.0611 500 The backend port does not exist
APIG.0612 500 An API cannot call itself
APIG.0613 503 The IAM service is currently unavailable
APIG.0705 500 Backend signature calculation failed
APIG.0802 403 The IAM user is forbidden in the currently selected region
APIG.1009 400 AppKey or AppSecret is invalid
APIGW.0101 404 The API does not exist or has not been published in the environment
APIGW.0201 502 Backend unavailable
APIGW.0301 401 Incorrect IAM authentication information
APIGW.0303 401 Incorrect app authentication information: signature verification failed
APIGW.0308 429 The throttling threshold has been reached: policy API over ratelimit,limit:10,time:1 second
";

const STATUSES: &str = "
INVALID_ARGUMENT 400 invalid argument
DETETION_FAILED 400 detection failed
DETECTION_FAILED 400 detection failed
DOWNLOAD_ERROR 400 failed to download the image
UNAUTHORIZED 401 unauthorized
KEY_EXPIRED 401 the key has expired
NO_PERMISSION 403 no permission to call this interface
OUT_OF_QUOTA 403 the quota is used up
RATE_LIMIT_EXCEEDED 403 rate limit exceeded
NOT_FOUND 404 not found
INTERNAL_ERROR 500 internal error
";

const VERIFY_FAILED: &str = "
100 network error
198 result parse failed
300 invoice not exist
301 note_no is required
302 check_code is required
303 note_code is required
304 billing_date is required
305 total_cost is required
306 billing_date error
307 total_cost error
308 check_code error
309 note_code error
310 note_no error
311 bill query exception
312 e-invoice verify request params format error
313 e-invoice verify rate limit count
314 financial system error
315 e-invoice no circulation
316 province system maintain
317 access data source time out
318 auth failed
319 area not support
320 invalid bill
321 unknown error
325 billing_date format error
";

const STORAGE: &str = "
AccessDenied 403 Access Denied
ExpiredToken 400 The provided token has expired.
InternalError 500 We encountered an internal error. Please try again.
InvalidAccessKeyId 403 The AWS Access Key Id you provided does not exist in our records.
NoSuchBucket 404 The specified bucket does not exist
NoSuchKey 404 The specified key does not exist.
NoSuchVersion 404 The specified version does not exist.
PreconditionFailed 412 At least one of the pre-conditions you specified did not hold
ConditionalRequestConflict 409 A conflicting conditional operation is currently in progress against this resource.
RequestTimeTooSkewed 403 The difference between the request time and the current time is too large.
ServiceUnavailable 503 Service is unable to handle request.
SignatureDoesNotMatch 403 The request signature we calculated does not match the signature you provided.
SlowDown 503 Please reduce your request rate.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_answer_says_whether_it_is_billed() {
        let table = [
            (Stage::Recognition, "200", 200, Billed::Yes),
            (Stage::Recognition, "500", 200, Billed::Yes),
            (Stage::Recognition, "602", 200, Billed::Unknown),
            (Stage::Recognition, "APIG.0308", 429, Billed::No),
            (Stage::Recognition, "APIG.0201", 504, Billed::Unknown),
            (Stage::Recognition, "http.502", 502, Billed::No),
            (Stage::Recognition, "timeout", 0, Billed::Unknown),
            (Stage::Recognition, "garbage", 200, Billed::Unknown),
            (Stage::Verification, "OK", 200, Billed::Yes),
            (Stage::Verification, "316", 200, Billed::Yes),
            (Stage::Verification, "DETETION_FAILED", 400, Billed::No),
            (Stage::Verification, "http.500", 500, Billed::No),
            (Stage::Verification, "truncated", 200, Billed::Unknown),
            (Stage::Verification, "SOMETHING_NEW", 400, Billed::Unknown),
            (Stage::Storage, "SlowDown", 503, Billed::No),
        ];
        for (stage, answer, http_status, expected) in table {
            assert_eq!(
                billed(stage, answer, http_status),
                expected,
                "{stage} {answer}"
            );
        }
    }
}
