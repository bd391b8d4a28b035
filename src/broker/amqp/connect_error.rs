//! The causes of failed connections, each with the key or port to check. Never holds a password.

use crate::broker::error::BoxError;
use crate::network::connection_cause;
use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use rustls::AlertDescription::{
    AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked,
    CertificateUnknown, UnknownCA, UnsupportedCertificate,
};
use rustls::{CertificateError, Error as TlsError};
use std::io;

/// The cause in plain words where it is known, else the library's own error.
pub(super) fn connect_error(error: lapin::Error, is_tls: bool) -> BoxError {
    let cause = match error.kind() {
        ErrorKind::IOError(error) => io_cause(error, is_tls),
        ErrorKind::ParsingError(_) | ErrorKind::InvalidProtocolVersion(_) if !is_tls => Some(
            "it answers something that is not AMQP 0-9-1: is it the TLS port (then write amqps://), or another service?".to_owned(),
        ),
        _ => None,
    };
    cause.map_or_else(|| error.into(), BoxError::from)
}

fn io_cause(error: &io::Error, is_tls: bool) -> Option<String> {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, UnexpectedEof};
    let tls_error = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<TlsError>());
    let cause = match (tls_error, error.kind()) {
        (Some(TlsError::InvalidCertificate(CertificateError::UnknownIssuer)), _) => {
            "its certificate is signed by an authority that is not known here (UnknownIssuer): set broker.ca_file or tls.ca_file"
        }
        (Some(TlsError::InvalidMessage(_)), _) => {
            "it does not speak TLS: is it the plain port? TLS is usually on 5671"
        }
        (
            Some(TlsError::AlertReceived(
                alert @ (CertificateRequired
                | BadCertificate
                | UnknownCA
                | CertificateUnknown
                | CertificateExpired
                | CertificateRevoked
                | UnsupportedCertificate
                | AccessDenied),
            )),
            _,
        ) => {
            return Some(format!(
                "it refuses our certificate ({alert:?}): check broker.client_cert_file and broker.client_key_file"
            ));
        }
        (None, UnexpectedEof | ConnectionAborted | ConnectionReset) if is_tls => {
            "it closed the connection during the TLS handshake: does it ask for a certificate (broker.client_cert_file)?"
        }
        (None, UnexpectedEof | ConnectionAborted | ConnectionReset) => {
            "it closed the connection before it let us in: is it the TLS port (then write amqps://)?"
        }
        _ => return connection_cause(error),
    };
    Some(cause.to_owned())
}

/// Whether the broker refused the login: wrong credentials, a login mechanism that it does not
/// offer, or a virtual host that does not exist or is closed to this user.
pub(super) fn is_refusal(error: &lapin::Error) -> bool {
    match error.kind() {
        ErrorKind::ProtocolError(error) => matches!(
            error.kind(),
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED | AMQPSoftError::NOTFOUND)
                | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED | AMQPHardError::COMMANDINVALID)
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::InvalidMessage;

    #[test]
    fn each_cause_is_shown_with_what_to_do() {
        let tls = |error: TlsError| io::Error::new(io::ErrorKind::InvalidData, error);
        let certificate = |error| tls(TlsError::InvalidCertificate(error));
        for (is_tls, error, says) in [
            (
                true,
                certificate(CertificateError::UnknownIssuer),
                "set broker.ca_file or tls.ca_file",
            ),
            (true, certificate(CertificateError::Expired), "has expired"),
            (
                true,
                certificate(CertificateError::NotValidYet),
                "not valid yet",
            ),
            (
                true,
                certificate(CertificateError::NotValidForName),
                "is for another name",
            ),
            (true, certificate(CertificateError::Revoked), "is revoked"),
            (
                true,
                tls(InvalidMessage::InvalidContentType.into()),
                "does not speak TLS: is it the plain port? TLS is usually on 5671",
            ),
            (
                true,
                tls(TlsError::AlertReceived(CertificateRequired)),
                "broker.client_cert_file",
            ),
            (
                true,
                io::ErrorKind::UnexpectedEof.into(),
                "does it ask for a certificate",
            ),
            (
                false,
                io::ErrorKind::ConnectionAborted.into(),
                "then write amqps://",
            ),
            (
                false,
                io::ErrorKind::ConnectionRefused.into(),
                "nothing listens there",
            ),
            (true, io::ErrorKind::TimedOut.into(), "does not answer"),
        ] {
            let cause = io_cause(&error, is_tls);
            assert!(
                cause.as_ref().is_some_and(|cause| cause.contains(says)),
                "{error:?}: {cause:?}"
            );
        }
        assert_eq!(io_cause(&io::ErrorKind::Other.into(), true), None);
    }
}
