//! Certificates of an authority that exists for one run only.

use super::rabbitmq::free_port;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// An authority, and a certificate each for server and client, in PEM files.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) port: u16,
    folder: PathBuf,
}

/// `$1` is whose certificate it is.
const SIGNED: &str = r#"
openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
printf 'subjectAltName=DNS:localhost,DNS:gateway.example,DNS:store.example,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >"$1.ext"
openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile "$1.ext" -out "$1.pem"
"#;

const AUTHORITY: &str = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem";

impl Tls {
    pub(crate) fn new(folder: &Path) -> Self {
        for (script, name) in [(AUTHORITY, "ca"), (SIGNED, "server"), (SIGNED, "client")] {
            let made = Command::new("sh")
                .args(["-ec", script, "sh", name])
                .current_dir(folder)
                .output()
                .unwrap();
            assert!(
                made.status.success(),
                "apt-get install openssl? {}",
                String::from_utf8_lossy(&made.stderr)
            );
        }
        Self {
            port: free_port(),
            folder: folder.to_owned(),
        }
    }

    /// Speaks TLS on a port of its own and hands on in clear to `target`, for as long as the test's
    /// runtime lives.
    pub(crate) async fn in_front_of(&self, target: SocketAddr) -> SocketAddr {
        let chain = CertificateDer::pem_file_iter(self.file("server.pem"))
            .unwrap()
            .collect::<Result<Vec<_>, _>>()
            .unwrap();
        let key = PrivateKeyDer::from_pem_file(self.file("server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(
            config
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .unwrap(),
        ));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that does not trust the certificate is some tests' subject.
                    let Ok(mut inside) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut outside = TcpStream::connect(target).await.unwrap();
                    let _ = copy_bidirectional(&mut inside, &mut outside).await;
                });
            }
        });
        address
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Lines of rabbitmq.conf that let in nobody without a certificate of this authority; the
    /// certificate may also be the login. The server may see the folder under another name.
    pub(super) fn server_config(&self, folder: &Path) -> String {
        let (port, folder) = (self.port, folder.display());
        format!(
            "listeners.ssl.1 = 127.0.0.1:{port}\nssl_options.cacertfile = {folder}/ca.pem\nssl_options.certfile = {folder}/server.pem\n\
             ssl_options.keyfile = {folder}/server.key\nssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n\
             auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = AMQPLAIN\nauth_mechanisms.3 = EXTERNAL\nssl_cert_login_from = common_name\n"
        )
    }
}
