//! The vendors that this program knows, by name. A new one is a line in [`Vendors::builtin`].

use super::account::Account;
use super::accounts::Accounts;
use super::vendor::{AccountSettings, Open, Opening, Vendor};
use super::{deepfinch, huawei};
use crate::domain::account::AccountId;
use crate::domain::invoice::{Invoice, Verified};
use crate::domain::stage::Stage;
use crate::policy::Policy;
use crate::retry::Retrier;
use anyhow::{Context, bail};
use reqwest::Client;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Vendors(Vec<Vendor>);

impl Vendors {
    pub fn builtin() -> Self {
        Self(vec![huawei::VENDOR, deepfinch::VENDOR])
    }

    /// These vendors, and one more.
    #[must_use]
    pub fn with(mut self, vendor: Vendor) -> Self {
        self.0.push(vendor);
        self
    }

    /// The policy, and what the codes of these vendors mean.
    ///
    /// # Errors
    /// Names the vendor whose code table is wrong, and the line.
    pub fn add_codes_to(&self, policy: Policy) -> anyhow::Result<Policy> {
        let mut tables = self
            .0
            .iter()
            .filter_map(|vendor| Some((vendor.name, vendor.codes?)));
        tables.try_fold(policy, |policy, (name, codes)| {
            Ok(policy.with_vendor(name, codes)?)
        })
    }

    /// Opens the accounts that read images.
    ///
    /// # Errors
    /// There is none; or one cannot be opened, with its name.
    pub fn recognition(
        &self,
        accounts: &[AccountSettings<'_>],
        http: &Client,
        retrier: &Retrier,
    ) -> anyhow::Result<Accounts<Invoice>> {
        let open = |vendor: &Vendor| vendor.recognition;
        self.open(Stage::Recognition, open, accounts, http, retrier)
    }

    /// Opens the accounts that ask the fiscal registry.
    ///
    /// # Errors
    /// There is none; or one cannot be opened, with its name.
    pub fn verification(
        &self,
        accounts: &[AccountSettings<'_>],
        http: &Client,
        retrier: &Retrier,
    ) -> anyhow::Result<Accounts<Verified>> {
        let open = |vendor: &Vendor| vendor.verification;
        self.open(Stage::Verification, open, accounts, http, retrier)
    }

    fn open<A>(
        &self,
        stage: Stage,
        open: fn(&Vendor) -> Option<Open<A>>,
        accounts: &[AccountSettings<'_>],
        http: &Client,
        retrier: &Retrier,
    ) -> anyhow::Result<Accounts<A>> {
        let accounts = accounts.iter().map(|settings| {
            let AccountSettings { name, vendor, .. } = *settings;
            let mut known = self.0.iter().filter(|known| known.name == vendor);
            let Some(open) = known.find_map(open) else {
                bail!("[{name}]: no vendor {vendor} is known that answers {stage}");
            };
            let opened = open(&Opening {
                settings: *settings,
                stage,
                http: http.clone(),
                timezone: retrier.timezone.clone(),
                registry_words: Arc::clone(retrier.policy.registry_words()),
            });
            let id = AccountId {
                name,
                stage,
                vendor,
            };
            let opened = opened.with_context(|| format!("[{name}]"))?;
            Ok(Account::new(id, opened, retrier.clone()))
        });
        Accounts::new(accounts.collect::<anyhow::Result<_>>()?)
            .with_context(|| format!("no account answers {stage}"))
    }
}
