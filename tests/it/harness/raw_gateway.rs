//! A provider's server that answers every call with the same bytes, whatever they are, and ends the
//! connection in its own way.

use super::tls::Tls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// How a connection ends behind the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Close,
    /// While the client still reads: unread bytes make the kernel send a reset.
    Reset,
    /// Neither another byte nor an end.
    Silence,
}

pub(crate) struct RawGateway {
    pub(crate) url: String,
    calls: Arc<AtomicU64>,
}

impl RawGateway {
    /// Every connection takes one call.
    pub(crate) fn start(answer: Vec<u8>, ending: Ending) -> Self {
        Self::serve("http", move |mut stream| {
            let whole = ending != Ending::Reset;
            read_request(&mut stream, whole)?;
            stream.write_all(&answer)?;
            match ending {
                Ending::Close => stream.shutdown(Shutdown::Both),
                Ending::Reset => Ok(()),
                // Until the client hangs up.
                Ending::Silence => stream.read(&mut [0]).map(drop),
            }
        })
    }

    /// As [`RawGateway::start`], over TLS, without the alert that ends it (`close_notify`).
    pub(crate) fn start_tls(answer: Vec<u8>, tls: &Tls) -> Self {
        let certificates = vec![CertificateDer::from_pem_file(tls.file("server.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(tls.file("server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = Arc::new(
            builder
                .with_no_client_auth()
                .with_single_cert(certificates, key)
                .unwrap(),
        );
        Self::serve("https", move |stream| {
            let connection =
                ServerConnection::new(Arc::clone(&config)).map_err(std::io::Error::other)?;
            let mut stream = StreamOwned::new(connection, stream);
            read_request(&mut stream, true)?;
            stream.write_all(&answer)?;
            stream.flush()?;
            stream.sock.shutdown(Shutdown::Both)
        })
    }

    fn serve(
        scheme: &str,
        answer: impl Fn(TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!(
            "{scheme}://127.0.0.1:{}/api",
            listener.local_addr().unwrap().port()
        );
        let calls = Arc::<AtomicU64>::default();
        let (counted, answer) = (Arc::clone(&calls), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (counted, answer) = (Arc::clone(&counted), Arc::clone(&answer));
                thread::spawn(move || {
                    counted.fetch_add(1, Ordering::Relaxed);
                    // A client that hangs up has its reasons.
                    let _ = answer(stream);
                });
            }
        });
        Self { url, calls }
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

/// Head and body, or all of it but the last byte.
fn read_request(stream: &mut impl Read, whole: bool) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .expect("a length");
    let length: u64 = length.trim().parse().expect("a number");
    let left = if whole { length } else { length - 1 };
    std::io::copy(&mut stream.take(left), &mut std::io::sink()).map(drop)
}
