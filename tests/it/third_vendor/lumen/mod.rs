//! Lumen: a vendor that exists in these tests alone. Its API reads an image that is posted as it
//! is; each call is signed with a time and an HMAC.

mod answer;
mod config;

pub(crate) use config::Config;

use anyhow::Context;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use hmac::{Hmac, KeyInit, Mac};
use invoice_worker::clock::skew::ClockReading;
use invoice_worker::domain::account::VendorName;
use invoice_worker::domain::failure::Failure;
use invoice_worker::domain::invoice::Invoice;
use invoice_worker::provider::wire::redaction::Redaction;
use invoice_worker::provider::wire::{Wire, sensitive};
use invoice_worker::provider::{Opened, Opening, Provider, Reply, Request, Shown, Vendor};
use invoice_worker::settings::secret::Secret;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use sha2::Sha256;
use url::Url;

pub(crate) const VENDOR: Vendor = Vendor {
    name: VendorName::new("lumen"),
    codes: Some(include_str!("codes.toml")),
    recognition: Some(open),
    verification: None,
};

/// One account at Lumen.
struct Lumen {
    wire: Wire,
    url: Url,
    key_id: HeaderValue,
    key: Secret,
}

fn open(opening: &Opening<'_>) -> anyhow::Result<Opened<Invoice>> {
    let config: &Config = opening.section()?;
    let lumen = Lumen {
        wire: opening.wire(
            config.timeout.duration(),
            Redaction::of([&config.key_id, &config.key]),
        ),
        url: config.url.parse().context("url is not a URL")?,
        key_id: sensitive(config.key_id.expose()).context("key_id cannot be a header")?,
        key: config.key.clone(),
    };
    Ok(Opened::new(lumen, config.limits()))
}

/// The hexadecimal HMAC over the time in seconds, a line break, and the body.
pub(crate) fn signature(key: &str, time: &str, body: &[u8]) -> String {
    // Never an error: a key may have any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(time.as_bytes());
    mac.update(b"\n");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

impl Provider for Lumen {
    type Answer = Invoice;

    fn clock_reading(&self) -> Option<ClockReading> {
        self.wire.server_clock.reading()
    }

    fn call<'a>(
        &'a self,
        _request: &'a Request,
        shown: Shown<'a>,
    ) -> BoxFuture<'a, Result<Reply<Invoice>, Failure>> {
        Box::pin(async {
            let (media_type, body) = match shown {
                Shown::Picture(picture) => (picture.format.media_type(), picture.bytes.clone()),
                Shown::Url(url) => ("text/uri-list", Bytes::from(url.into_owned())),
            };
            let time = Timestamp::now().as_second().to_string();
            let request = self
                .wire
                .http
                .post(self.url.clone())
                .header(CONTENT_TYPE, media_type)
                .header("lumen-key", &self.key_id)
                .header("lumen-sign", signature(self.key.expose(), &time, &body))
                .header("lumen-time", time)
                .body(body);
            self.wire.call(request, answer::read).await
        })
    }
}
