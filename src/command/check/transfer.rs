//! Can a provider fetch an image by its address? That cannot be tried from here. But an address can be
//! signed and measured, reading by version can be tried, and an endpoint on a private network is one
//! that no provider reaches.

use super::finding::CheckFinding;
use super::storage::{NO_ANSWER, PATIENCE, remedy};
use crate::config::Config;
use crate::domain::failure::Failure;
use crate::domain::job::MAX_URL_BYTES;
use crate::pipeline::Pipeline;
use crate::policy::Transfer;
use std::time::Duration;
use tokio::time::timeout;
use url::{Host, Url};

const ADDRESSES: &str = "addresses";
const VERSIONS: &str = "versions";
/// A key and a version of the usual length.
const EXAMPLE_KEY: &str = "claims/2026/11/00000000-0000-0000-0000-000000000000.jpg";
const EXAMPLE_VERSION: &str = "00000000000000000000000000000000";
/// The bucket to sign for where `storage.bucket` is empty.
const EXAMPLE_BUCKET: &str = "a-bucket-of-some-job";
const EXAMPLE_TIME: Duration = Duration::from_secs(90);

/// No findings where images are sent inline.
pub(super) async fn check(config: &Config, pipeline: &Pipeline) -> Vec<CheckFinding> {
    let Some(reach) = reach(config) else {
        return Vec::new();
    };
    vec![
        reach,
        addresses(config, pipeline).await,
        versions(config, pipeline).await,
    ]
}

async fn addresses(config: &Config, pipeline: &Pipeline) -> CheckFinding {
    let bucket = if config.storage.bucket.is_empty() {
        EXAMPLE_BUCKET
    } else {
        &config.storage.bucket
    };
    let signed =
        pipeline
            .loader
            .store
            .presign(bucket, EXAMPLE_KEY, Some(EXAMPLE_VERSION), EXAMPLE_TIME);
    match timeout(PATIENCE, signed).await {
        Ok(Ok(address)) => length(address.len()),
        Ok(Err(failure)) => CheckFinding::failed(
            ADDRESSES,
            format!("none can be signed: {}", described(&failure)),
            remedy(&failure),
        ),
        Err(_) => CheckFinding::failed(
            ADDRESSES,
            "none can be signed: the source of the credentials did not answer",
            "look at the AWS credential chain",
        ),
    }
}

fn length(bytes: usize) -> CheckFinding {
    let text = format!(
        "signed for a key of {} bytes, one has {bytes} bytes; providers take {MAX_URL_BYTES}",
        EXAMPLE_KEY.len()
    );
    if bytes <= MAX_URL_BYTES {
        return CheckFinding::passed(ADDRESSES, text);
    }
    let remedy = "images are sent inline; static credentials in [storage] make addresses shorter than a session token does";
    CheckFinding::warning(ADDRESSES, text, remedy)
}

/// Reads a version of an object that checkpoints left in the bucket of the images.
async fn versions(config: &Config, pipeline: &Pipeline) -> CheckFinding {
    let is_same_bucket =
        config.checkpoint.bucket.is_empty() || config.checkpoint.bucket == config.storage.bucket;
    let untried = || {
        CheckFinding::passed(
            VERSIONS,
            "not tried; where a bucket keeps versions, s3:GetObjectVersion is needed beside s3:GetObject",
        )
    };
    if !is_same_bucket {
        return untried();
    }
    let bucket = &config.storage.bucket;
    match timeout(PATIENCE, pipeline.answers.checkpoints.keep_versions()).await {
        Ok(Ok(None)) => untried(),
        Ok(Ok(Some(true))) => CheckFinding::passed(
            VERSIONS,
            format!("{bucket} keeps them, and one could be read by its id (s3:GetObjectVersion)"),
        ),
        Ok(Ok(Some(false))) => CheckFinding::warning(
            VERSIONS,
            format!("{bucket} keeps none: an address could mean another image when it is fetched"),
            "turn versioning on; until then its images are sent inline",
        ),
        Ok(Err(failure)) if failure.code == "AccessDenied" => CheckFinding::failed(
            VERSIONS,
            format!(
                "none can be read by its id, as addresses name it: {}",
                described(&failure)
            ),
            "grant s3:GetObjectVersion beside s3:GetObject",
        ),
        Ok(Err(failure)) => CheckFinding::failed(VERSIONS, described(&failure), remedy(&failure)),
        Err(_) => CheckFinding::failed(VERSIONS, "the store did not answer", NO_ANSWER),
    }
}

fn described(failure: &Failure) -> String {
    format!("{}: {}", failure.code, failure.message)
}

fn reach(config: &Config) -> Option<CheckFinding> {
    let who = match (config.recognition.transfer, config.verification.transfer) {
        (Transfer::Inline, Transfer::Inline) => return None,
        (Transfer::Url, Transfer::Inline) => "recognition fetches",
        (Transfer::Inline, Transfer::Url) => "verification fetches",
        (Transfer::Url, Transfer::Url) => "recognition and verification fetch",
    };
    let text = format!("{who} the images by url: the store has to be reachable from there");
    Some(if is_private(&config.storage.endpoint_url) {
        let remedy = "give storage.endpoint_url a public address, or use transfer = \"inline\"";
        CheckFinding::warning(
            "transfer",
            format!("{text}, and storage.endpoint_url is an address of this machine or network"),
            remedy,
        )
    } else {
        CheckFinding::passed("transfer", text)
    })
}

/// Endings of names that no public directory has.
const PRIVATE_SUFFIXES: [&str; 4] = [".localhost", ".local", ".internal", ".svc"];

/// True where the endpoint is known on this network only, like a name without a dot.
fn is_private(endpoint: &str) -> bool {
    match Url::parse(endpoint).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => {
            !name.contains('.') || PRIVATE_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
        }
        Some(Host::Ipv4(address)) => {
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
        }
        Some(Host::Ipv6(address)) => {
            address.is_loopback()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_unspecified()
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_providers_would_not_take_is_warned_of() {
        for (bytes, verdict) in [(1_024, "ok"), (1_025, "warning")] {
            let line = length(bytes).render(200);
            assert!(
                line.starts_with(verdict) && line.contains("providers take 1024"),
                "{line}"
            );
        }
    }

    fn rendered(recognition: Transfer, verification: Transfer, endpoint: &str) -> Option<String> {
        let mut config = Config::default();
        config.recognition.transfer = recognition;
        config.verification.transfer = verification;
        endpoint.clone_into(&mut config.storage.endpoint_url);
        reach(&config).map(|finding| finding.render(200))
    }

    #[test]
    fn a_provider_that_fetches_is_named_and_a_private_endpoint_is_warned_of() {
        assert_eq!(
            rendered(Transfer::Inline, Transfer::Inline, "http://127.0.0.1:9000"),
            None
        );
        for (endpoint, verdict) in [
            ("", "ok"),
            ("https://obs.example.com", "ok"),
            ("https://203.0.113.7", "ok"),
            ("http://127.0.0.1:9000", "warning"),
            ("http://[::1]:9000", "warning"),
            ("http://10.1.2.3", "warning"),
            ("http://minio:9000", "warning"),
            ("http://minio.storage.svc.cluster.local:9000", "warning"),
            ("http://0.0.0.0:9000", "warning"),
        ] {
            let line = rendered(Transfer::Url, Transfer::Inline, endpoint).unwrap();
            assert!(
                line.starts_with(verdict) && line.contains("recognition fetches"),
                "{endpoint}: {line}"
            );
        }
    }
}
