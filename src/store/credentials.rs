//! Credentials of the AWS chain, checked before they are used: the SDK makes headers of them and
//! panics if it cannot.

use crate::settings::text::header_flaw;
use aws_credential_types::provider::future;
use aws_sdk_s3::config::{Credentials, ProvideCredentials, SharedCredentialsProvider};
use std::fmt;

#[derive(Debug)]
pub(super) struct CheckedCredentials(pub(super) SharedCredentialsProvider);

impl ProvideCredentials for CheckedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let credentials = self.0.provide_credentials().await?;
            match flaw(&credentials) {
                Some(flaw) => Err(
                    aws_credential_types::provider::error::CredentialsError::invalid_configuration(
                        flaw,
                    ),
                ),
                None => Ok(credentials),
            }
        })
    }
}

/// A problem with credentials of the AWS chain, without any part of them.
#[derive(Debug)]
pub(super) struct CredentialFlaw {
    name: &'static str,
    flaw: &'static str,
}

impl fmt::Display for CredentialFlaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the {} that the AWS credential chain found {}",
            self.name, self.flaw
        )
    }
}

impl std::error::Error for CredentialFlaw {}

fn flaw(credentials: &Credentials) -> Option<CredentialFlaw> {
    [
        ("access key id", credentials.access_key_id()),
        ("secret access key", credentials.secret_access_key()),
        (
            "session token",
            credentials.session_token().unwrap_or_default(),
        ),
    ]
    .into_iter()
    .find_map(|(name, value)| {
        Some(CredentialFlaw {
            name,
            flaw: header_flaw(value)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_that_no_header_can_carry_is_named_and_not_shown() {
        for (id, secret, token, says) in [
            (
                "hush\n",
                "secret",
                None,
                Some(
                    "the access key id that the AWS credential chain found ends with a line break",
                ),
            ),
            (
                "id",
                "hush ",
                None,
                Some(
                    "the secret access key that the AWS credential chain found begins or ends with a blank",
                ),
            ),
            (
                "id",
                "secret",
                Some("hush\r\n"),
                Some(
                    "the session token that the AWS credential chain found ends with a line break",
                ),
            ),
            ("id", "secret", Some("token"), None),
            ("id", "secret", None, None),
        ] {
            let found = flaw(&Credentials::new(
                id,
                secret,
                token.map(str::to_owned),
                None,
                "test",
            ));
            let told = found.map(|flaw| flaw.to_string());
            assert!(
                told.is_some() == says.is_some()
                    && told
                        .iter()
                        .zip(says)
                        .all(|(told, says)| told.starts_with(says)),
                "{told:?}"
            );
        }
    }
}
