//! The SDK's way to the store, by `[http]` and `[tls]`. Its own default client knows neither
//! proxies nor other authorities.

use crate::settings::Network;
use crate::settings::secret::Secret;
use aws_sdk_s3::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};

/// `proxy` is that of the scheme of the requests that are to be made.
pub(super) fn http_client(
    network: &Network,
    proxy: Option<&Secret>,
) -> anyhow::Result<SharedHttpClient> {
    let mut trusted = TrustStore::default();
    if !network.roots.pem.is_empty() {
        trusted.add_pem_certificate(network.roots.pem.as_bytes());
    }
    let context = TlsContext::builder().with_trust_store(trusted).build()?;
    let proxy = match proxy {
        // The library's own message may repeat the URL, which may carry a password.
        Some(url) => ProxyConfig::all(url.expose())
            .map_err(|_| anyhow::anyhow!("the URL of the proxy cannot be used for the store"))?
            .no_proxy(&network.proxies.direct),
        None => ProxyConfig::disabled(),
    };
    Ok(
        Builder::new().build_with_connector_fn(move |settings, components| {
            let mut connector = Connector::builder()
                .tls_provider(Provider::rustls(CryptoMode::AwsLc))
                .tls_context(context.clone())
                .proxy_config(proxy.clone());
            connector.set_connector_settings(settings.cloned());
            connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
            connector.build()
        }),
    )
}
