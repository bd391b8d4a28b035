//! What ends a pause sooner: advice for whoever is on call.

use super::{Stage, Streak, codes};

/// Why the stage is paused, and by which answer, decides what to do about it.
pub fn remedy(stage: Stage, code: &str, streak: Option<Streak>) -> &'static str {
    match (streak, stage) {
        (Some(Streak::Outage), _) => {
            "see whether this worker's network or the other side is down, or the address is wrong (storage.endpoint_url, recognition.url, \
             verification.url); nothing has to be restarted unless the configuration was wrong"
        }
        (Some(Streak::Unproven | Streak::Network), Stage::Recognition) => {
            "compare this worker's recognition.url and network with those of the others; it takes jobs again once one is answered"
        }
        (Some(Streak::Unproven | Streak::Network), Stage::Verification) => {
            "compare this worker's verification.url and network with those of the others; it takes jobs again once one is answered"
        }
        (Some(Streak::Unproven | Streak::Network), _) => {
            "compare this worker's [storage], its rights on the bucket and its network with those of the others; it takes jobs again once an \
             image was read"
        }
        (Some(Streak::Refused | Streak::Malformed), _) => {
            "find out what changed in the request or in the API; a person at the provider can tell"
        }
        (Some(Streak::Forbidden), _) => {
            "give the worker's credentials the right to read the bucket, and to list it: then a missing key is told as missing"
        }
        (Some(Streak::Unlisted), _) => {
            "look the store's code up in its documentation; where it says something about [storage] (bucket, region, endpoint_url, path_style, \
             credentials) correct that and restart, otherwise give the code a rule of its own in policy.file"
        }
        (Some(Streak::Identity), _) => {
            "ask the provider whether the account's identity is still accepted"
        }
        (None, Stage::Recognition) if is_redirect(code) => {
            "set recognition.url to the API's new address and restart"
        }
        (None, Stage::Verification) if is_redirect(code) => {
            "set verification.url to the API's new address and restart"
        }
        (None, Stage::Recognition) => {
            "see to the account at the marketplace, or correct recognition.url, app_key and app_secret (or app_code) and restart"
        }
        (None, Stage::Verification) => {
            "see to the account at the provider, or correct verification.url, api_id and api_secret and restart"
        }
        (None, Stage::Storage | Stage::Job | Stage::Image | Stage::Worker) => stores(code),
    }
}

fn stores(code: &str) -> &'static str {
    match code {
        "PermanentRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException"
        | "IncorrectEndpoint" => {
            "set storage.region to the region of the bucket (where the store names it, it is in this line), and storage.endpoint_url to that \
             region's address, and restart"
        }
        "SecondLevelDomainForbidden" | "VirtualHostDomainRequired" => {
            "change storage.path_style (this store wants the bucket named the other way) or storage.endpoint_url and restart"
        }
        "NoSuchBucket" => {
            "set storage.bucket to a bucket that exists at storage.endpoint_url, or create it, and restart"
        }
        "RequestTimeTooSkewed" => "set this machine's clock; nothing has to be restarted",
        "ExpiredToken"
        | "InvalidToken"
        | "InvalidTokenId"
        | "TokenRefreshRequired"
        | "InvalidAccessKeyId"
        | "InvalidSecurity"
        | "SignatureDoesNotMatch"
        | "NoCredentials"
        | "http.401" => {
            "correct storage.access_key_id and storage.secret_access_key, or the AWS credential chain where they are empty, and restart"
        }
        "AccountProblem"
        | "AllAccessDisabled"
        | "NotSignedUp"
        | "UserDisable"
        | "UserSuspended"
        | "InArrearOrInsufficientBalance" => {
            "see to the account at the store; nothing has to be restarted afterwards"
        }
        _ if code.starts_with("KMS.") => {
            "see to the key that encrypts the bucket (its state, and this account's right to decrypt with it); nothing has to be restarted \
             afterwards"
        }
        _ if is_redirect(code) => {
            "correct storage.endpoint_url, storage.region or storage.path_style and restart: redirects are not followed"
        }
        _ => {
            "correct [storage] (bucket, region, endpoint_url, path_style, credentials) or the machine's clock, and restart"
        }
    }
}

fn is_redirect(code: &str) -> bool {
    codes::catches("http.3xx", code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_names_what_to_mend() {
        for (stage, code, key) in [
            (Stage::Storage, "PermanentRedirect", "storage.region"),
            (
                Stage::Storage,
                "AuthorizationHeaderMalformed",
                "storage.region",
            ),
            (
                Stage::Storage,
                "SecondLevelDomainForbidden",
                "storage.path_style",
            ),
            (Stage::Storage, "http.307", "storage.endpoint_url"),
            (Stage::Storage, "NoSuchBucket", "storage.bucket"),
            (
                Stage::Storage,
                "SignatureDoesNotMatch",
                "storage.secret_access_key",
            ),
            (Stage::Storage, "KMS.DisabledException", "encrypts"),
            (Stage::Recognition, "http.302", "recognition.url"),
            (Stage::Verification, "http.302", "verification.url"),
        ] {
            assert!(remedy(stage, code, None).contains(key), "{stage} {code}");
        }
    }
}
