//! What ends a pause sooner: advice for the operator who is on call.

use super::{Policy, Stage, Streak, VendorName};
use crate::domain::failure::Failure;

/// Why the stage is paused, and by which answer, decides what to do about it.
pub fn mend(policy: &Policy, failure: &Failure, streak: Option<Streak>) -> String {
    let stage = failure.stage;
    match (streak, stage) {
        (Some(Streak::Unproven | Streak::Network), Stage::Recognition | Stage::Verification) => {
            format!(
                "compare this worker's {stage}.url and network with those of the others; it takes jobs again once one is answered"
            )
        }
        (Some(Streak::Unproven | Streak::Network), _) => {
            "compare this worker's [storage], its rights on the bucket and its network with those of the others; it takes jobs again once an \
             image was read"
                .to_owned()
        }
        (Some(Streak::Checkpoints), _) => {
            "see to checkpoint.bucket (or storage.bucket, where that is empty), the key that encrypts it, and this worker's rights below \
             checkpoint.prefix: s3:GetObject, s3:PutObject and s3:ListBucket; nothing has to be restarted unless the configuration was wrong"
                .to_owned()
        }
        (Some(counted), _) => policy
            .streaks()
            .get(&counted)
            .map(|rule| rule.mend.clone())
            .unwrap_or_default(),
        (None, _) => of_the_rule(policy, failure).unwrap_or_else(|| usual(failure)),
    }
}

fn of_the_rule(policy: &Policy, failure: &Failure) -> Option<String> {
    let rule = policy.rule_about(failure)?;
    rule.first(&failure.code, None, |entry| entry.mend.clone())
}

fn usual(failure: &Failure) -> String {
    let advice = match failure.vendor {
        VendorName::HUAWEI => {
            "see to the account at the marketplace, or correct recognition.url, app_key and app_secret (or app_code) and restart"
        }
        VendorName::DEEPFINCH => {
            "see to the account at the provider, or correct verification.url, api_id and api_secret and restart"
        }
        VendorName::S3 | VendorName::WORKER => {
            "correct [storage] (bucket, region, endpoint_url, path_style, credentials) or the machine's clock, and restart"
        }
        other => {
            let stage = failure.stage;
            return format!(
                "see to the account at {other}, or correct its section of the configuration ({stage}) and restart"
            );
        }
    };
    advice.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_names_what_to_mend() {
        let policy = Policy::builtin();
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
            assert!(
                mend(&policy, &Failure::new(stage, code, ""), None).contains(key),
                "{stage} {code}"
            );
        }
    }
}
