//! Certificates of an authority that exists for one run only.

use super::rabbitmq::free_port;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An authority, and a certificate each for server and client, in PEM files.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) port: u16,
    folder: PathBuf,
}

/// `$1` is whose certificate it is.
const SIGNED: &str = r#"
openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >"$1.ext"
openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile "$1.ext" -out "$1.pem"
"#;

const AUTHORITY: &str = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem";

impl Tls {
    pub(crate) fn new(folder: &Path) -> Self {
        for (script, name) in [(AUTHORITY, "ca"), (SIGNED, "server"), (SIGNED, "client")] {
            let made = Command::new("sh").args(["-ec", script, "sh", name]).current_dir(folder).output().unwrap();
            assert!(made.status.success(), "apt-get install openssl? {}", String::from_utf8_lossy(&made.stderr));
        }
        Self { port: free_port(), folder: folder.to_owned() }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Lines of rabbitmq.conf that let in nobody without a certificate of this authority; the certificate may also be the login. The
    /// server may see the folder under another name.
    pub(super) fn server_config(&self, folder: &Path) -> String {
        let (port, folder) = (self.port, folder.display());
        format!(
            "listeners.ssl.1 = 127.0.0.1:{port}\nssl_options.cacertfile = {folder}/ca.pem\nssl_options.certfile = {folder}/server.pem\n\
             ssl_options.keyfile = {folder}/server.key\nssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n\
             auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = AMQPLAIN\nauth_mechanisms.3 = EXTERNAL\nssl_cert_login_from = common_name\n"
        )
    }
}
