//! The certificates and keys for a broker, read for every attempt: they are renewed while the
//! worker runs.

use crate::broker::config::Config;
use crate::broker::error::BrokerError;
use crate::settings::tls::roots_of;
use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;

/// # Errors
/// [`BrokerError::Misconfigured`] with the key of the file that cannot be used. The library would
/// ignore some of these files silently.
pub(super) async fn read_tls_files(config: &Config) -> Result<OwnedTLSConfig, BrokerError> {
    let mut roots = String::new();
    for (key, file) in [
        ("broker.ca_file", &config.ca_file),
        ("tls.ca_file", &config.shared_ca_file),
    ] {
        if !file.as_os_str().is_empty() {
            roots.push_str(
                &roots_of(file)
                    .map_err(|problem| misconfigured(key, problem))?
                    .pem,
            );
            roots.push('\n');
        }
    }
    let certificate = read("broker.client_cert_file", &config.client_cert_file).await?;
    let key = read("broker.client_key_file", &config.client_key_file).await?;
    if let Some(pem) = &certificate {
        let is_readable = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .is_ok_and(|certificates| !certificates.is_empty());
        if !is_readable {
            return Err(misconfigured(
                "broker.client_cert_file",
                "holds no certificate in PEM".to_owned(),
            ));
        }
    }
    if key
        .as_ref()
        .is_some_and(|pem| PrivateKeyDer::from_pem_slice(pem).is_err())
    {
        return Err(misconfigured(
            "broker.client_key_file",
            "holds no private key in PEM that can be read without a password".to_owned(),
        ));
    }
    Ok(OwnedTLSConfig {
        identity: certificate
            .zip(key)
            .map(|(pem, key)| OwnedIdentity::PKCS8 { pem, key }),
        cert_chain: (!roots.is_empty()).then_some(roots),
    })
}

async fn read(key: &'static str, file: &Path) -> Result<Option<Vec<u8>>, BrokerError> {
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    tokio::fs::read(file)
        .await
        .map(Some)
        .map_err(|error| misconfigured(key, format!("{} cannot be read: {error}", file.display())))
}

fn misconfigured(key: &'static str, problem: String) -> BrokerError {
    BrokerError::Misconfigured { key, problem }
}
