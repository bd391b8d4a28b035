//! What the providers' documents, and S3's, say about each code: HTTP status, wording, and whether
//! such an answer is paid for.

use crate::domain::failure::{Billed, Stage};

/// A code, the HTTP status it travels with and its wording.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub code: &'static str,
    pub http_status: u16,
    pub message: &'static str,
}

/// The API gateway in front of recognition. Statuses differ between deployments; these are the
/// usual ones.
pub fn gateway(code: &str) -> Option<&'static Known> {
    GATEWAY.iter().find(|known| known.code == code)
}

/// Verification's `status`.
pub fn status(name: &str) -> Option<&'static Known> {
    STATUSES.iter().find(|known| known.code == name)
}

/// S3's error codes, as far as a reader and writer of objects meets them.
pub fn storage(code: &str) -> Option<&'static Known> {
    STORAGE.iter().find(|known| known.code == code)
}

/// Recognition's `msg` for a `code`.
pub fn recognition_message(code: u16) -> &'static str {
    RECOGNITION
        .iter()
        .find(|(known, _)| *known == code)
        .map_or("其他错误", |(_, message)| message)
}

/// Verification's `reason` for an `error_code`.
pub fn verification_reason(code: u16) -> &'static str {
    VERIFY_FAILED
        .iter()
        .find(|(known, _)| *known == code)
        .map_or("undocumented", |(_, reason)| reason)
}

/// Whether an answer is paid for, by its name and HTTP status.
pub fn billed(stage: Stage, answer: &str, http_status: u16) -> Billed {
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
        Stage::Verification if answer.starts_with("http.") || status(answer).is_some() => {
            Billed::No
        }
        Stage::Verification => Billed::Unknown,
        Stage::Storage | Stage::Job | Stage::Image | Stage::Worker => Billed::No,
    }
}

const RECOGNITION: [(u16, &str); 5] = [
    (200, "成功"),
    (400, "参数错误"),
    (500, "服务商维护，请稍候再试"),
    (501, "官方数据源维护，请稍候再试"),
    (999, "其他，以实际返回为准"),
];

const fn known(code: &'static str, http_status: u16, message: &'static str) -> Known {
    Known {
        code,
        http_status,
        message,
    }
}

const GATEWAY: [Known; 43] = [
    known(
        "APIG.0101",
        404,
        "The API does not exist or has not been published in the environment",
    ),
    known("APIG.0103", 404, "The backend does not exist"),
    known("APIG.0104", 404, "The plug-ins do not exist"),
    known("APIG.0105", 404, "The backend configurations do not exist"),
    known("APIG.0106", 400, "Orchestration error"),
    known("APIG.0201", 400, "Bad request"),
    known("APIG.0202", 502, "Backend unavailable"),
    known("APIG.0203", 504, "Backend timeout"),
    known("APIG.0204", 400, "SSL protocol is not supported: TLSv1.1"),
    known("APIG.0301", 401, "Incorrect IAM authentication information"),
    known(
        "APIG.0302",
        403,
        "The IAM user is not authorized to access the API",
    ),
    known(
        "APIG.0303",
        401,
        "Incorrect app authentication information: signature verification failed",
    ),
    known(
        "APIG.0304",
        403,
        "The app is not authorized to access the API",
    ),
    known("APIG.0305", 401, "Incorrect authentication information"),
    known("APIG.0306", 403, "API access denied"),
    known("APIG.0307", 401, "The token must be updated"),
    known(
        "APIG.0308",
        429,
        "The throttling threshold has been reached: policy API over ratelimit,limit:10,time:1 second",
    ),
    known("APIG.0310", 403, "The project is unavailable"),
    known(
        "APIG.0311",
        401,
        "Incorrect debugging authentication information",
    ),
    known("APIG.0401", 403, "Unknown client IP address"),
    known(
        "APIG.0402",
        403,
        "The IP address is not authorized to access the API",
    ),
    known(
        "APIG.0404",
        403,
        "Access to the backend IP address has been denied",
    ),
    known("APIG.0501", 405, "The app quota has been used up"),
    known("APIG.0502", 405, "The app has been frozen"),
    known("APIG.0601", 500, "Internal server error"),
    known("APIG.0602", 400, "Bad request"),
    known("APIG.0605", 500, "Domain name resolution failed"),
    known("APIG.0606", 500, "Failed to load the API configurations"),
    known(
        "APIG.0607",
        400,
        "The following protocol is supported: https",
    ),
    known("APIG.0608", 500, "Failed to obtain the admin token"),
    known("APIG.0609", 500, "The VPC backend does not exist"),
    known("APIG.0610", 502, "No backend available"),
    known("APIG.0611", 500, "The backend port does not exist"),
    known("APIG.0612", 500, "An API cannot call itself"),
    known("APIG.0613", 503, "The IAM service is currently unavailable"),
    known("APIG.0705", 500, "Backend signature calculation failed"),
    known(
        "APIG.0802",
        403,
        "The IAM user is forbidden in the currently selected region",
    ),
    known("APIG.1009", 400, "AppKey or AppSecret is invalid"),
    // The shared gateway spells some of them so.
    known(
        "APIGW.0101",
        404,
        "The API does not exist or has not been published in the environment",
    ),
    known("APIGW.0201", 502, "Backend unavailable"),
    known(
        "APIGW.0301",
        401,
        "Incorrect IAM authentication information",
    ),
    known(
        "APIGW.0303",
        401,
        "Incorrect app authentication information: signature verification failed",
    ),
    known(
        "APIGW.0308",
        429,
        "The throttling threshold has been reached: policy API over ratelimit,limit:10,time:1 second",
    ),
];

const STATUSES: [Known; 11] = [
    known("INVALID_ARGUMENT", 400, "invalid argument"),
    known("DETETION_FAILED", 400, "detection failed"),
    known("DETECTION_FAILED", 400, "detection failed"),
    known("DOWNLOAD_ERROR", 400, "failed to download the image"),
    known("UNAUTHORIZED", 401, "unauthorized"),
    known("KEY_EXPIRED", 401, "the key has expired"),
    known("NO_PERMISSION", 403, "no permission to call this interface"),
    known("OUT_OF_QUOTA", 403, "the quota is used up"),
    known("RATE_LIMIT_EXCEEDED", 403, "rate limit exceeded"),
    known("NOT_FOUND", 404, "not found"),
    known("INTERNAL_ERROR", 500, "internal error"),
];

const VERIFY_FAILED: [(u16, &str); 25] = [
    (100, "network error"),
    (198, "result parse failed"),
    (300, "invoice not exist"),
    (301, "note_no is required"),
    (302, "check_code is required"),
    (303, "note_code is required"),
    (304, "billing_date is required"),
    (305, "total_cost is required"),
    (306, "billing_date error"),
    (307, "total_cost error"),
    (308, "check_code error"),
    (309, "note_code error"),
    (310, "note_no error"),
    (311, "bill query exception"),
    (312, "e-invoice verify request params format error"),
    (313, "e-invoice verify rate limit count"),
    (314, "financial system error"),
    (315, "e-invoice no circulation"),
    (316, "province system maintain"),
    (317, "access data source time out"),
    (318, "auth failed"),
    (319, "area not support"),
    (320, "invalid bill"),
    (321, "unknown error"),
    (325, "billing_date format error"),
];

const STORAGE: [Known; 13] = [
    known("AccessDenied", 403, "Access Denied"),
    known("ExpiredToken", 400, "The provided token has expired."),
    known(
        "InternalError",
        500,
        "We encountered an internal error. Please try again.",
    ),
    known(
        "InvalidAccessKeyId",
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    known("NoSuchBucket", 404, "The specified bucket does not exist"),
    known("NoSuchKey", 404, "The specified key does not exist."),
    known(
        "NoSuchVersion",
        404,
        "The specified version does not exist.",
    ),
    known(
        "PreconditionFailed",
        412,
        "At least one of the pre-conditions you specified did not hold",
    ),
    known(
        "ConditionalRequestConflict",
        409,
        "A conflicting conditional operation is currently in progress against this resource.",
    ),
    known(
        "RequestTimeTooSkewed",
        403,
        "The difference between the request time and the current time is too large.",
    ),
    known(
        "ServiceUnavailable",
        503,
        "Service is unable to handle request.",
    ),
    known(
        "SignatureDoesNotMatch",
        403,
        "The request signature we calculated does not match the signature you provided.",
    ),
    known("SlowDown", 503, "Please reduce your request rate."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_paid_for_is_told_by_the_name() {
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
