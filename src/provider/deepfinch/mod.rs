//! Verification: the picture of an electronic invoice in, what the fiscal registry holds about it
//! out. DeepFinch.

mod answer;
mod config;
mod form;
mod invoice;
mod reference;
mod registry;
mod status;
#[cfg(test)]
mod tests;

pub(super) use reference::reference;

pub use answer::read_answer;
pub use config::Config;

use super::vendor::{Opened, Opening, Vendor};
use super::wire::redaction::Redaction;
use super::wire::{AnswerContext, AnswerTap, Wire, sensitive};
use super::{Provider, Reply, Request, Shown};
use crate::clock::skew::ClockReading;
use crate::domain::account::VendorName;
use crate::domain::failure::{Failure, Stage};
use crate::domain::invoice::Verified;
use crate::domain::registry_words::RegistryWords;
use anyhow::Context;
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use reqwest::Client;
use reqwest::header::HeaderValue;
use std::sync::Arc;
use url::Url;

const STAGE: Stage = Stage::Verification;
const API_ID: &str = "x-df-api-id";
const API_SECRET: &str = "x-df-api-secret";

/// DeepFinch's verification of electronic medical invoices.
pub const VENDOR: Vendor = Vendor {
    name: VendorName::DEEPFINCH,
    codes: None,
    recognition: None,
    verification: Some(DeepFinch::open),
};

/// One account at the verification API.
#[derive(Debug)]
pub struct DeepFinch {
    wire: Wire,
    url: Url,
    api_id: HeaderValue,
    api_secret: HeaderValue,
    auto_rotate: bool,
}

impl DeepFinch {
    fn open(opening: &Opening<'_>) -> anyhow::Result<Opened<Verified>> {
        let config: &Config = opening.section()?;
        let deepfinch = Self::new(
            config,
            opening.http.clone(),
            opening.timezone.clone(),
            Arc::clone(&opening.registry_words),
        )?;
        let opened = Opened::new(deepfinch, config.limits());
        Ok(opened.priced(config.price.clone(), config.currency.clone()))
    }

    /// `timezone` is whose days its dates are, and `registry_words` are what its states say.
    pub fn new(
        config: &Config,
        http: Client,
        timezone: TimeZone,
        registry_words: Arc<RegistryWords>,
    ) -> anyhow::Result<Self> {
        let redaction = Redaction::of([&config.api_id, &config.api_secret]);
        let context = AnswerContext {
            redaction,
            timezone,
            registry_words,
        };
        Ok(Self {
            wire: Wire::new(STAGE, http, config.timeout.duration(), context),
            url: config.url.parse().context("url is not a URL")?,
            api_id: sensitive(config.api_id.expose()).context("api_id cannot be a header")?,
            api_secret: sensitive(config.api_secret.expose())
                .context("api_secret cannot be a header")?,
            auto_rotate: config.auto_rotate,
        })
    }

    /// The same account, whose answers are also left as they came.
    #[must_use]
    pub(super) fn on_trial(self, tap: AnswerTap) -> Self {
        Self {
            wire: self.wire.tapped(tap),
            ..self
        }
    }
}

impl Provider for DeepFinch {
    type Answer = Verified;

    fn clock_reading(&self) -> Option<ClockReading> {
        self.wire.server_clock.reading()
    }

    fn call<'a>(
        &'a self,
        request: &'a Request,
        shown: Shown<'a>,
    ) -> BoxFuture<'a, Result<Reply<Verified>, Failure>> {
        Box::pin(async {
            let form =
                form::form(shown, request.auto_rotate || self.auto_rotate).map_err(|_| {
                    Failure::new(STAGE, "connect", "not sent: the form could not be built")
                })?;
            let request = self
                .wire
                .http
                .post(self.url.clone())
                .header(API_ID, &self.api_id)
                .header(API_SECRET, &self.api_secret);
            self.wire.call(request.multipart(form), answer::read).await
        })
    }
}
