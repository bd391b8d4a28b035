//! Why a connection did not come about, in words that name the mend. Never holds a password.

use crate::broker::error::Cause;
use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use rustls::{AlertDescription, CertificateError};
use std::io;

/// What was dialled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialled<'a> {
    pub(super) host: &'a str,
    pub(super) is_tls: bool,
}

impl Dialled<'_> {
    pub(super) fn unresolved(self, error: &io::Error) -> Cause {
        format!("the name {} cannot be resolved: {error}", self.host).into()
    }

    pub(super) fn cause(self, error: lapin::Error) -> Cause {
        let told = match error.kind() {
            ErrorKind::IOError(error) => self.of_io(error),
            ErrorKind::ParsingError(_) | ErrorKind::InvalidProtocolVersion(_) if !self.is_tls => Some(
                "it answers something that is not AMQP 0-9-1: is it the TLS port (then write amqps://), or another service?".to_owned(),
            ),
            _ => None,
        };
        told.map_or_else(|| error.into(), Cause::from)
    }

    fn of_io(self, error: &io::Error) -> Option<String> {
        if let Some(error) = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            return Some(self.of_tls(error));
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Some(format!("nothing listens there: {error}")),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset if self.is_tls => Some(
                "it closed the connection during the TLS handshake: does it ask for a certificate (broker.client_cert_file)?".to_owned(),
            ),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => {
                Some("it closed the connection before it let us in: is it the TLS port (then write amqps://)?".to_owned())
            }
            _ => None,
        }
    }

    fn of_tls(self, error: &rustls::Error) -> String {
        match error {
            rustls::Error::InvalidCertificate(error) => self.of_certificate(error),
            rustls::Error::InvalidMessage(_) => {
                "it does not speak TLS: is it the plain port? TLS is usually on 5671".to_owned()
            }
            rustls::Error::AlertReceived(
                alert @ (AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnknownCA
                | AlertDescription::CertificateUnknown
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateRevoked
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::AccessDenied),
            ) => format!(
                "it refuses our certificate ({alert:?}): check broker.client_cert_file and broker.client_key_file"
            ),
            other => format!("TLS failed: {other}"),
        }
    }

    fn of_certificate(self, error: &CertificateError) -> String {
        match error {
            CertificateError::UnknownIssuer => {
                "its certificate is signed by an authority that is not known here (UnknownIssuer): set broker.ca_file or tls.ca_file"
                    .to_owned()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!("its certificate has expired: {error}"),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                format!("its certificate is not valid yet: {error}")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("its certificate is not made out for {}: {error}", self.host)
            }
            other => format!("its certificate is refused: {other}"),
        }
    }
}

/// Wrong credentials, a login that it does not offer, or a virtual host that is missing or closed
/// to this user.
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
    fn each_cause_names_its_mend() {
        let tls = |error: rustls::Error| io::Error::new(io::ErrorKind::InvalidData, error);
        let certificate = |error| tls(rustls::Error::InvalidCertificate(error));
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
                "not made out for rabbit",
            ),
            (true, certificate(CertificateError::Revoked), "is refused"),
            (
                true,
                tls(InvalidMessage::InvalidContentType.into()),
                "does not speak TLS: is it the plain port? TLS is usually on 5671",
            ),
            (
                true,
                tls(rustls::Error::AlertReceived(
                    AlertDescription::CertificateRequired,
                )),
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
        ] {
            let told = Dialled {
                host: "rabbit",
                is_tls,
            }
            .of_io(&error);
            assert!(
                told.as_ref().is_some_and(|told| told.contains(says)),
                "{error:?}: {told:?}"
            );
        }
        assert_eq!(
            Dialled {
                host: "rabbit",
                is_tls: true
            }
            .of_io(&io::ErrorKind::TimedOut.into()),
            None
        );
    }
}
