//! `[tls]`: certificate authorities beside those of the operating system, for every peer.

use super::file::read_file;
use super::problem::Problems;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Root certificates in PEM, one or more. Empty: only those of the operating system.
    pub ca_file: PathBuf,
}

impl Tls {
    pub fn validate(&self, problems: &mut Problems) {
        if let Err(problem) = self.roots() {
            problems.add("tls.ca_file", problem);
        }
    }

    /// The certificates of `ca_file`, each of which can be a root; none where no file is named.
    ///
    /// # Errors
    /// Says why the file cannot be used, and names it.
    pub fn roots(&self) -> Result<Roots, String> {
        if self.ca_file.as_os_str().is_empty() {
            Ok(Roots::default())
        } else {
            roots_of(&self.ca_file)
        }
    }
}

/// Certificates that were looked at: each can be a root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    pub certificates: Vec<CertificateDer<'static>>,
    /// The same as they are written in the file.
    pub pem: String,
}

/// The root certificates of a PEM file.
///
/// # Errors
/// The file cannot be read, holds no certificate, or one that cannot be a root. A library that is
/// handed such a certificate later may panic or leave it out.
pub fn roots_of(file: &Path) -> Result<Roots, String> {
    let text = read_file(file)?;
    let shown = file.display();
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("{shown}: is not a PEM file of certificates: {error}"))?;
    if certificates.is_empty() {
        return Err(format!(
            "{shown}: holds no certificate; it has to be PEM text with -----BEGIN CERTIFICATE-----"
        ));
    }
    for (index, certificate) in certificates.iter().enumerate() {
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|error| {
                format!(
                    "{shown}: certificate {} cannot be a root certificate: {error}",
                    index + 1
                )
            })?;
    }
    Ok(Roots {
        certificates,
        pem: text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root of a test authority that was made once with openssl; it does not matter that it
    /// expires.
    const ROOT: &str = include_str!("../../tests/data/tls/root.pem");

    fn roots(text: &str) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, text).unwrap();
        Tls { ca_file }
            .roots()
            .map(|roots| roots.certificates.len())
    }

    #[test]
    fn every_certificate_of_the_file_is_a_root() {
        assert_eq!(Tls::default().roots(), Ok(Roots::default()));
        assert_eq!(roots(ROOT), Ok(1));
        assert_eq!(roots(&format!("# two of them\n{ROOT}\n{ROOT}")), Ok(2));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_reported_with_its_reason() {
        let not_a_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (text, says) in [
            ("", "ca.pem: holds no certificate"),
            ("certificates", "ca.pem: holds no certificate"),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "ca.pem: holds no certificate",
            ),
            (
                not_a_certificate,
                "ca.pem: certificate 1 cannot be a root certificate",
            ),
            (
                &format!("{ROOT}{not_a_certificate}"),
                "ca.pem: certificate 2 cannot be a root certificate",
            ),
            (
                "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
                "ca.pem: is not a PEM file of certificates",
            ),
        ] {
            let told = roots(text).unwrap_err();
            assert!(told.contains(says), "{text:?}: {told}");
        }
        let missing = Tls {
            ca_file: "/nowhere/ca.pem".into(),
        }
        .roots()
        .unwrap_err();
        assert!(
            missing.starts_with("/nowhere/ca.pem: cannot be read"),
            "{missing}"
        );
    }
}
