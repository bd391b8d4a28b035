//! The HTTP client that both providers share, and whether a provider can be reached with it.

use super::wire::cause;
use crate::settings::Network;
use crate::settings::secret::Secret;
use anyhow::Context;
use jiff::Timestamp;
use reqwest::tls::TlsInfo;
use reqwest::{Certificate, Client, ClientBuilder, NoProxy, Proxy};
use std::time::Duration;
use url::Url;
use x509_parser::parse_x509_certificate;

/// Gateways close idle connections after a minute. One that is closed under a request leaves open
/// whether it was executed, and paid for.
const IDLE_TIMEOUT: Duration = Duration::from_secs(25);
/// Connecting that takes longer is told as `connect`, as long as it is shorter than the call's own
/// timeout.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub fn http_client(connect_timeout: Duration, network: &Network) -> anyhow::Result<Client> {
    builder(connect_timeout, network)?
        .build()
        .context("the HTTP client cannot be built (are CA certificates installed?)")
}

/// A peer that was asked, and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Until when its certificate is valid, where the connection has one.
    pub certificate_until: Option<Timestamp>,
}

/// Asks the host of an API for its front page, on the same way as a call: no path of the API, no
/// credentials, so that nothing is billed.
///
/// # Errors
/// Says why there was no answer, with the cause.
pub async fn reach(url: &str, network: &Network) -> Result<Reached, String> {
    let mut front: Url = url.parse().map_err(|_| "it is no URL".to_owned())?;
    front.set_path("/");
    front.set_query(None);
    let client = builder(CONNECT_TIMEOUT, network)
        .and_then(|builder| Ok(builder.tls_info(true).timeout(CONNECT_TIMEOUT).build()?));
    let client = client.map_err(|error| format!("{error:#}"))?;
    let answer = client.head(front).send().await.map_err(|error| {
        if error.is_timeout() {
            format!("it does not answer within {CONNECT_TIMEOUT:?}")
        } else {
            cause(&error)
        }
    })?;
    if answer.status() == 407 {
        return Err(
            "the proxy asks for a user and a password: put them into the URL of [http] proxy"
                .to_owned(),
        );
    }
    let certificate = answer
        .extensions()
        .get::<TlsInfo>()
        .and_then(TlsInfo::peer_certificate);
    Ok(Reached {
        certificate_until: certificate.and_then(valid_until),
    })
}

fn valid_until(certificate: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

fn builder(connect_timeout: Duration, network: &Network) -> anyhow::Result<ClientBuilder> {
    let certificates = network
        .roots
        .certificates
        .iter()
        .map(|root| Certificate::from_der(root));
    let certificates = certificates
        .collect::<Result<Vec<_>, _>>()
        .context("tls.ca_file")?;
    // Without any other proxy than these: the environment was read with the rest of the
    // configuration.
    let mut builder = Client::builder().no_proxy();
    let routes = &network.proxies;
    for (route, is_https) in [(&routes.http, false), (&routes.https, true)] {
        let Some(url) = route.as_ref().map(Secret::expose) else {
            continue;
        };
        let proxy = if is_https {
            Proxy::https(url)
        } else {
            Proxy::http(url)
        };
        // The library's own message may repeat the URL, which may carry a password.
        let proxy = proxy.map_err(|_| {
            anyhow::anyhow!("the URL of the proxy cannot be used for the providers")
        })?;
        builder = builder.proxy(proxy.no_proxy(NoProxy::from_string(&routes.direct)));
    }
    Ok(builder
        .tls_certs_merge(certificates)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(concat!("invoice-worker/", env!("CARGO_PKG_VERSION"))))
}
