//! Why a connection could not be made, in words that say what to do. For every peer that is reached
//! over TCP and TLS.
//!
//! Libraries wrap the cause several times and tell only that they could not connect.

use rustls::{CertificateError, Error as TlsError};
use std::error::Error;
use std::io::{self, ErrorKind};

/// The cause within an error of a library that failed to connect; `None` where there is none that
/// is known here. It completes a sentence about the peer: "…: its certificate has expired".
pub fn connection_cause(error: &(dyn Error + 'static)) -> Option<String> {
    let chain = chain(error);
    let proxy = chain
        .iter()
        .find_map(|error| proxy_cause(&error.to_string()));
    let tls = || {
        chain
            .iter()
            .find_map(|error| error.downcast_ref::<TlsError>())
            .map(tls_cause)
    };
    let name = || {
        chain
            .iter()
            .find_map(|error| name_cause(&error.to_string()))
    };
    let protocol = || {
        chain
            .iter()
            .find_map(|error| protocol_cause(&error.to_string()))
    };
    let socket = || {
        chain
            .iter()
            .rev()
            .find_map(|error| socket_cause(error.downcast_ref::<io::Error>()?.kind()))
    };
    match proxy {
        Some(ProxyCause::Known(cause)) => Some(cause.to_owned()),
        // The way to the proxy is broken, and not the one behind it.
        Some(ProxyCause::Elsewhere) => {
            let cause = name()
                .or_else(|| socket().map(str::to_owned))
                .unwrap_or_else(|| "it cannot be reached".to_owned());
            Some(format!("through the proxy: {cause}"))
        }
        None => tls()
            .or_else(name)
            .or_else(|| protocol().or_else(socket).map(str::to_owned)),
    }
}

/// The error and all that it was made of. What an I/O error wraps is not its source.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut chain: Vec<&'a (dyn Error + 'static)> = Vec::new();
    let mut next = Some(error);
    // Bounded: an error may be its own source.
    while let Some(error) = next.filter(|_| chain.len() < 32) {
        chain.push(error);
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = wrapped
            .map(|wrapped| wrapped as &(dyn Error + 'static))
            .or_else(|| error.source());
    }
    chain
}

/// The cause that a library names for a failure at a proxy.
enum ProxyCause {
    Known(&'static str),
    /// The cause is in another error of the chain.
    Elsewhere,
}

fn proxy_cause(text: &str) -> Option<ProxyCause> {
    let tunnel = text
        .strip_prefix("tunnel error: ")
        .or_else(|| text.strip_prefix("proxy "))?;
    Some(match tunnel {
        "proxy authorization required" | "authorization required" => ProxyCause::Known(
            "the proxy asks for a user and a password: put them into the URL of [http] proxy",
        ),
        "unsuccessful" => ProxyCause::Known(
            "the proxy refuses to connect to it: ask who runs the proxy, or set [http] proxy or NO_PROXY",
        ),
        "unexpected end of file" | "proxy response headers too long" => {
            ProxyCause::Known("what [http] proxy names is no HTTP proxy")
        }
        _ => ProxyCause::Elsewhere,
    })
}

fn tls_cause(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(certificate) => certificate_cause(certificate),
        TlsError::InvalidMessage(_) => {
            "it does not speak TLS there: is it the port for connections without TLS?".to_owned()
        }
        TlsError::AlertReceived(alert) => format!("it refused the TLS handshake ({alert:?})"),
        TlsError::PeerIncompatible(why) => {
            format!("it has no version or cipher of TLS in common with us ({why:?})")
        }
        other => format!("the TLS handshake failed ({other})"),
    }
}

fn certificate_cause(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "its certificate is signed by an authority that is not known here (UnknownIssuer): set [tls] ca_file to that authority's \
             certificate"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired (Expired); if it has not, this machine's clock is ahead".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet (NotValidYet); if it is, this machine's clock is behind".to_owned()
        }
        CertificateError::NotValidForName => "its certificate is for another name (NotValidForName)".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            // A stranger's certificate may name thousands.
            let names: String = presented.iter().take(5).cloned().collect::<Vec<_>>().join(", ").chars().take(200).collect();
            format!("its certificate is not for {} but for {names} (NotValidForName)", expected.to_str())
        }
        CertificateError::Revoked => "its certificate is revoked".to_owned(),
        CertificateError::BadEncoding | CertificateError::BadSignature => format!("its certificate is broken ({error:?})"),
        other => {
            let shown: String = format!("{other:?}").chars().take(100).collect();
            format!("its certificate is refused ({shown})")
        }
    }
}

fn name_cause(text: &str) -> Option<String> {
    let why = text.strip_prefix("failed to lookup address information: ")?;
    Some(format!(
        "its name cannot be resolved ({})",
        why.chars().take(100).collect::<String>()
    ))
}

/// The cause where the answer is not HTTP: a TLS server answers a plain request
/// with an alert.
fn protocol_cause(text: &str) -> Option<&'static str> {
    let is_no_http = [
        "invalid HTTP version parsed",
        "invalid HTTP status-code parsed",
        "invalid HTTP header parsed",
    ]
    .contains(&text);
    is_no_http.then_some("it does not speak HTTP there: is it the port for TLS (https://)?")
}

fn socket_cause(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::ConnectionRefused => "nothing listens there (connection refused)",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "no network leads there",
        ErrorKind::NetworkDown => "the network is down",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            "it closed the connection"
        }
        ErrorKind::UnexpectedEof => "it closed the connection during the handshake",
        ErrorKind::TimedOut => "it does not answer",
        ErrorKind::PermissionDenied => "this machine does not allow the connection",
        ErrorKind::AddrNotAvailable => "this machine has no address or port left to connect from",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{AlertDescription, InvalidMessage};

    #[derive(Debug)]
    struct Outer(Box<dyn Error + Send + Sync>);

    impl std::fmt::Display for Outer {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("client error (Connect)")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.0)
        }
    }

    fn told(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Option<String> {
        connection_cause(&Outer(cause.into()))
    }

    #[test]
    fn the_cause_is_found_however_often_it_is_wrapped() {
        for (error, says) in [
            (
                TlsError::InvalidCertificate(CertificateError::UnknownIssuer),
                "set [tls] ca_file",
            ),
            (
                TlsError::InvalidCertificate(CertificateError::Expired),
                "has expired",
            ),
            (
                TlsError::InvalidCertificate(CertificateError::NotValidYet),
                "not valid yet",
            ),
            (
                TlsError::InvalidCertificate(CertificateError::NotValidForName),
                "for another name",
            ),
            (
                TlsError::InvalidCertificate(CertificateError::Revoked),
                "is revoked",
            ),
            (
                TlsError::InvalidMessage(InvalidMessage::InvalidContentType),
                "does not speak TLS there",
            ),
            (
                TlsError::AlertReceived(AlertDescription::CertificateRequired),
                "refused the TLS handshake (CertificateRequired)",
            ),
            (TlsError::HandshakeNotComplete, "the TLS handshake failed"),
        ] {
            let wrapped = io::Error::other(io::Error::new(ErrorKind::InvalidData, error));
            let cause = told(wrapped).unwrap();
            assert!(cause.contains(says), "{cause}");
        }
        for (kind, says) in [
            (ErrorKind::ConnectionRefused, "connection refused"),
            (ErrorKind::ConnectionReset, "closed the connection"),
            (ErrorKind::UnexpectedEof, "during the handshake"),
            (ErrorKind::TimedOut, "does not answer"),
        ] {
            assert!(
                told(io::Error::from(kind)).unwrap().contains(says),
                "{kind}"
            );
        }
    }

    #[test]
    fn a_cause_without_a_type_is_read_from_its_text() {
        for (text, says) in [
            (
                "failed to lookup address information: Name or service not known",
                "cannot be resolved (Name or service not known)",
            ),
            ("invalid HTTP version parsed", "does not speak HTTP there"),
            (
                "tunnel error: proxy authorization required",
                "asks for a user and a password",
            ),
            (
                "tunnel error: unsuccessful",
                "the proxy refuses to connect to it",
            ),
            (
                "tunnel error: failed to create underlying connection",
                "through the proxy: it cannot be reached",
            ),
        ] {
            let cause = told(text).unwrap();
            assert!(cause.contains(says), "{cause}");
        }
        assert_eq!(told("anything else"), None);
    }
}
