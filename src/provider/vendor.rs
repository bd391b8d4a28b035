//! What a vendor's folder gives to the rest of the program: a name, a code table, and how an account
//! is opened.

use super::request::Provider;
use super::settings::CallLimits;
use super::wire::redaction::Redaction;
use super::wire::{AnswerContext, Wire};
use crate::domain::account::{AccountName, VendorName};
use crate::domain::invoice::{Invoice, Verified};
use crate::domain::registry_words::RegistryWords;
use crate::domain::stage::Stage;
use crate::settings::tariff::{Currency, Tariff};
use anyhow::Context;
use jiff::tz::TimeZone;
use reqwest::Client;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// A vendor, as its folder declares it. It answers one of the two questions, or both.
#[derive(Clone, Copy, Debug)]
pub struct Vendor {
    pub name: VendorName,
    /// What its codes mean, in the form of `config/error-codes.toml`. `None` where its rules are in
    /// that file.
    pub codes: Option<&'static str>,
    pub recognition: Option<Open<Invoice>>,
    pub verification: Option<Open<Verified>>,
}

/// Opens an account: nothing is connected yet.
///
/// # Errors
/// Says which value of the section cannot be used; the configuration was validated before.
pub type Open<A> = fn(&Opening<'_>) -> anyhow::Result<Opened<A>>;

/// One account as it is configured.
#[derive(Clone, Copy)]
pub struct AccountSettings<'a> {
    pub name: AccountName,
    pub vendor: VendorName,
    /// In the form that the vendor's folder gives it.
    section: &'a (dyn Any + Sync),
}

/// The values that an account is opened with.
pub struct Opening<'a> {
    pub(super) settings: AccountSettings<'a>,
    pub(super) stage: Stage,
    pub http: Client,
    /// The time zone whose days are meant where an answer names a time.
    pub timezone: TimeZone,
    /// The meanings of the registry's words about a bill.
    pub registry_words: Arc<RegistryWords>,
}

/// An account that can be called.
pub struct Opened<A> {
    pub provider: Box<dyn Provider<Answer = A>>,
    pub limits: CallLimits,
    /// Empty: what a call costs is not known.
    pub tariff: Tariff,
    pub currency: Currency,
}

impl<A> Opened<A> {
    pub fn new(provider: impl Provider<Answer = A> + 'static, limits: CallLimits) -> Self {
        Self {
            provider: Box::new(provider),
            limits,
            tariff: Tariff::default(),
            currency: Currency::default(),
        }
    }

    /// The same account, with what its calls cost.
    #[must_use]
    pub fn priced(self, tariff: Tariff, currency: Currency) -> Self {
        Self {
            tariff,
            currency,
            ..self
        }
    }
}

impl<'a> AccountSettings<'a> {
    pub fn new<C: Any + Sync>(name: AccountName, vendor: VendorName, section: &'a C) -> Self {
        Self {
            name,
            vendor,
            section,
        }
    }
}

impl<'a> Opening<'a> {
    /// The account's side of its connections; a message in an answer is cleaned by `redaction`, and
    /// an answer comes whole within `timeout`.
    pub fn wire(&self, timeout: Duration, redaction: Redaction) -> Wire {
        let context = AnswerContext {
            redaction,
            timezone: self.timezone.clone(),
            registry_words: Arc::clone(&self.registry_words),
        };
        Wire::new(self.stage, self.http.clone(), timeout, context)
    }

    /// The account's section of the configuration.
    ///
    /// # Errors
    /// It is another vendor's.
    pub fn section<C: Any>(&self) -> anyhow::Result<&'a C> {
        let section: &dyn Any = self.settings.section;
        section
            .downcast_ref()
            .context("the section is not one of this vendor's")
    }
}
