//! Accounts that are tried: called once with settings that may not be the worker's, and with the answer
//! left as it came.

use super::Provider;
use super::deepfinch::{self, DeepFinch};
use super::http::{CONNECT_TIMEOUT, http_client};
use super::huawei::{self, Huawei};
use super::wire::AnswerTap;
use crate::domain::invoice::{Invoice, Verified};
use crate::policy::Policy;
use crate::settings::Network;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use reqwest::Client;
use std::sync::Arc;

/// Opens accounts that share one HTTP client.
pub struct TrialAccounts {
    http: Client,
    timezone: TimeZone,
    policy: Arc<Policy>,
}

/// An account on trial.
pub struct TrialAccount<A> {
    pub provider: Box<dyn Provider<Answer = A>>,
    /// Holds its last answer.
    pub tap: AnswerTap,
}

impl TrialAccounts {
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn new(network: &Network, timezone: TimeZone, policy: Arc<Policy>) -> anyhow::Result<Self> {
        Ok(Self {
            http: http_client(CONNECT_TIMEOUT, network)?,
            timezone,
            policy,
        })
    }

    /// An account that signs as of so much later than now; earlier where it is negative.
    ///
    /// # Errors
    /// Says which value of the section cannot be used.
    pub fn recognition(
        &self,
        config: &huawei::Config,
        clock_offset: SignedDuration,
    ) -> anyhow::Result<TrialAccount<Invoice>> {
        let tap = AnswerTap::default();
        let huawei = Huawei::new(config, self.http.clone(), self.timezone.clone())?;
        Ok(TrialAccount {
            provider: Box::new(huawei.on_trial(clock_offset, tap.clone())),
            tap,
        })
    }

    /// # Errors
    /// Says which value of the section cannot be used.
    pub fn verification(
        &self,
        config: &deepfinch::Config,
    ) -> anyhow::Result<TrialAccount<Verified>> {
        let tap = AnswerTap::default();
        let words = Arc::clone(self.policy.registry_words());
        let deepfinch = DeepFinch::new(config, self.http.clone(), self.timezone.clone(), words)?;
        Ok(TrialAccount {
            provider: Box::new(deepfinch.on_trial(tap.clone())),
            tap,
        })
    }
}
