//! Recognition: the picture of an invoice in, its printed fields out. Huawei Cloud marketplace,
//! behind its API gateway.

mod answer;
mod config;
mod form;
mod invoice;
mod reference;
mod sign_payload;
#[cfg(test)]
mod tests;

pub(super) use reference::reference;

pub use answer::read_answer;
pub use config::{Auth, Config};
pub use form::{encoded_len, inline};

use super::signature::{Payload, Signer, Unsigned};
use super::vendor::{Opened, Opening, Vendor};
use super::wire::redaction::Redaction;
use super::wire::{AnswerContext, AnswerTap, Wire, sensitive};
use super::{EncodedBody, Provider, Reply, Request, Shown};
use crate::clock::skew::ClockReading;
use crate::domain::account::VendorName;
use crate::domain::failure::{Failure, Stage};
use crate::domain::invoice::Invoice;
use crate::domain::picture::Picture;
use anyhow::Context;
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicI64, Ordering};
use url::Url;

const STAGE: Stage = Stage::Recognition;
const FORM: &str = "application/x-www-form-urlencoded";
const APP_CODE: HeaderName = HeaderName::from_static("x-apig-appcode");
/// Smaller pictures are encoded and hashed in less than a tenth of a millisecond: no other job on
/// the runtime's threads notices that, and another thread would have to be woken for it.
const ENCODED_IN_PLACE_BYTES: usize = 64 << 10;

/// No clock is wrong by more, and still runs: what says so is not a clock.
const MAX_CLOCK_OFFSET: SignedDuration = SignedDuration::from_hours(366 * 24);

/// The Huawei Cloud marketplace's recognition of medical invoices.
pub const VENDOR: Vendor = Vendor {
    name: VendorName::HUAWEI,
    codes: None,
    recognition: Some(Huawei::open),
    verification: None,
};

/// One account at the recognition API.
#[derive(Debug)]
pub struct Huawei {
    wire: Wire,
    url: Url,
    credentials: Credentials,
    /// Whether a body is hashed for the signature.
    signs_payload: bool,
    /// The seconds by which the gateway's clock is ahead of ours; learned when it refuses a
    /// signature as expired.
    clock_offset_seconds: AtomicI64,
}

#[derive(Debug)]
enum Credentials {
    Signature(Signer),
    AppCode(HeaderValue),
}

impl Huawei {
    fn open(opening: &Opening<'_>) -> anyhow::Result<Opened<Invoice>> {
        let config: &Config = opening.section()?;
        let huawei = Self::new(config, opening.http.clone(), opening.timezone.clone())?;
        let opened = Opened::new(huawei, config.limits());
        Ok(opened.priced(config.price.clone(), config.currency.clone()))
    }

    /// `timezone` is whose days its dates are.
    pub fn new(config: &Config, http: Client, timezone: TimeZone) -> anyhow::Result<Self> {
        let credentials = match config.auth {
            Auth::Signature => Credentials::Signature(Signer::new(
                config.app_key.clone(),
                config.app_secret.clone(),
            )),
            Auth::AppCode => Credentials::AppCode(
                sensitive(config.app_code.expose()).context("app_code cannot be a header")?,
            ),
        };
        let url: Url = config.url.parse().context("url is not a URL")?;
        let signs_payload = config.auth == Auth::Signature && config.sign_payload.signs(&url);
        let redaction = Redaction::of([&config.app_key, &config.app_secret, &config.app_code]);
        let context = AnswerContext {
            redaction,
            timezone,
            ..AnswerContext::default()
        };
        Ok(Self {
            wire: Wire::new(STAGE, http, config.timeout.duration(), context),
            url,
            credentials,
            signs_payload,
            clock_offset_seconds: AtomicI64::new(0),
        })
    }

    /// The same account, signing as of so much later, whose answers are also left as they came.
    #[must_use]
    pub(super) fn on_trial(self, clock_offset: SignedDuration, tap: AnswerTap) -> Self {
        Self {
            wire: self.wire.tapped(tap),
            clock_offset_seconds: AtomicI64::new(clock_offset.as_secs()),
            ..self
        }
    }

    /// Encoded once, however often the call is made.
    async fn body(&self, request: &Request, shown: Shown<'_>) -> Result<EncodedBody, Failure> {
        if let Some(body) = request.encoded() {
            return Ok(body.clone());
        }
        match shown {
            Shown::Url(url) => Ok(around(form::url(&url), self.signs_payload)),
            Shown::Picture(picture) => {
                let body = encode(picture, self.signs_payload).await?;
                Ok(request.keep_encoded(body))
            }
        }
    }

    /// The headers that prove whose account it is, as of `now`.
    fn credentials(
        &self,
        payload: Payload,
        now: Timestamp,
    ) -> Result<HeaderMap, InvalidHeaderValue> {
        let signer = match &self.credentials {
            Credentials::AppCode(code) => {
                return Ok(HeaderMap::from_iter([(APP_CODE, code.clone())]));
            }
            Credentials::Signature(signer) => signer,
        };
        let headers = [("content-type", FORM)];
        let unsigned = Unsigned {
            method: "POST",
            url: &self.url,
            headers: &headers,
            payload,
        };
        let offset = SignedDuration::from_secs(self.clock_offset_seconds.load(Ordering::Relaxed));
        let added = signer.sign(&unsigned, now, offset).into_iter();
        added
            .map(|(name, value)| Ok((HeaderName::from_static(name), sensitive(&value)?)))
            .collect()
    }

    /// So that the next attempt is signed by the gateway's clock, as it said itself or by the
    /// answer's `Date`.
    fn learn_clock(&self, failure: &Failure, now: Timestamp) {
        let Some(server_time) = failure
            .server_time
            .filter(|_| answer::is_expired_signature(failure))
        else {
            return;
        };
        let offset = server_time.duration_since(now);
        if offset.abs() <= MAX_CLOCK_OFFSET {
            self.clock_offset_seconds
                .store(offset.as_secs(), Ordering::Relaxed);
        }
    }
}

impl Provider for Huawei {
    type Answer = Invoice;

    fn clock_reading(&self) -> Option<ClockReading> {
        self.wire.server_clock.reading()
    }

    fn call<'a>(
        &'a self,
        request: &'a Request,
        shown: Shown<'a>,
    ) -> BoxFuture<'a, Result<Reply<Invoice>, Failure>> {
        Box::pin(async {
            let body = self.body(request, shown).await?;
            let credentials = self
                .credentials(
                    body.sha256.map_or(Payload::Unsigned, Payload::Hashed),
                    Timestamp::now(),
                )
                .map_err(|_| {
                    Failure::new(
                        STAGE,
                        "connect",
                        "not sent: app_key cannot be part of a header",
                    )
                })?;
            let request = self
                .wire
                .http
                .post(self.url.clone())
                .header(CONTENT_TYPE, FORM)
                .headers(credentials)
                .body(body.bytes);
            let outcome = self.wire.call(request, answer::read).await;
            outcome.inspect_err(|failure| self.learn_clock(failure, Timestamp::now()))
        })
    }
}

async fn encode(picture: &Picture, signs_payload: bool) -> Result<EncodedBody, Failure> {
    let bytes = picture.bytes.clone();
    let encode = move || around(form::inline(&bytes), signs_payload);
    if picture.bytes.len() <= ENCODED_IN_PLACE_BYTES {
        return Ok(encode());
    }
    let encoded = tokio::task::spawn_blocking(encode).await;
    encoded.map_err(|_| Failure::new(STAGE, "connect", "not sent: the worker is stopping"))
}

/// The form, and what the signature says about it.
fn around(form: Vec<u8>, signs_payload: bool) -> EncodedBody {
    EncodedBody {
        sha256: signs_payload.then(|| hex::encode(Sha256::digest(&form))),
        bytes: form.into(),
    }
}
