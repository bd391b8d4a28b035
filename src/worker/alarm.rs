//! One error line for what every job meets: wrong keys, an account that ran out. Without this, a thousand jobs would tell it once each.

use crate::domain::failure::Stage;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const AGAIN_AFTER: Duration = Duration::from_mins(5);

/// What was told, and when. Only codes that the policy names come here, so it stays small.
#[derive(Debug, Default)]
pub struct Alarm(Mutex<HashMap<(Stage, String), Instant>>);

impl Alarm {
    pub(super) fn raise(&self, stage: Stage, code: &str, reason: &str) {
        let now = Instant::now();
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = told.insert((stage, code.to_owned()), now);
        match last {
            Some(last) if now - last < AGAIN_AFTER => {
                told.insert((stage, code.to_owned()), last);
            }
            _ => tracing::error!(%stage, code, reason, mend = mend(stage), "no job gets past this; those that meet it wait, uncharged"),
        }
    }
}

fn mend(stage: Stage) -> &'static str {
    match stage {
        Stage::Recognition => "correct recognition.url, app_key and app_secret (or app_code), or see to the account at the marketplace",
        Stage::Verification => "correct verification.url, api_id and api_secret, or see to the account at the provider",
        Stage::Storage => "correct [storage]: bucket, region, endpoint_url and credentials",
        Stage::Job | Stage::Image | Stage::Worker => "see the log",
    }
}
