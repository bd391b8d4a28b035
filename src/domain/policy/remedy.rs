//! What ends a pause sooner: advice for whoever is on call.

use super::{Stage, Streak};

/// Why the stage is paused decides what to do about it.
pub fn remedy(stage: Stage, streak: Option<Streak>) -> &'static str {
    match (streak, stage) {
        (Some(Streak::Outage), _) => "see whether the network or the other side is down; nothing has to be restarted afterwards",
        (Some(Streak::Refused), _) => "find out what changed in the request or in the API; a person at the provider can tell",
        (Some(Streak::Forbidden), _) => {
            "give the worker's credentials the right to read the bucket, and to list it: then a missing key is told as missing"
        }
        (Some(Streak::Identity), _) => "ask the provider whether the account's identity is still accepted",
        (None, Stage::Recognition) => {
            "see to the account at the marketplace, or correct recognition.url, app_key and app_secret (or app_code) and restart"
        }
        (None, Stage::Verification) => "see to the account at the provider, or correct verification.url, api_id and api_secret and restart",
        (None, Stage::Storage | Stage::Job | Stage::Image | Stage::Worker) => {
            "correct [storage] (bucket, region, endpoint_url, credentials) or the machine's clock, and restart"
        }
    }
}
