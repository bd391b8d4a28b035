//! Who connects to a broker, and to which virtual host: as its URL says.

use super::config::Config;
use crate::config::secret::Secret;
use url::Url;

/// Of one URL. What it leaves out is as RabbitMQ's clients have it: `guest`, and the virtual host `/`.
#[derive(Clone, Debug, PartialEq)]
pub struct Login {
    pub user: String,
    pub password: Secret,
    pub vhost: String,
}

impl Login {
    /// None for a URL that cannot be read.
    pub fn of(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let (user, password) = match (url.username(), url.password()) {
            ("", None) => ("guest".to_owned(), "guest".to_owned()),
            (user, password) => (decoded(user)?, decoded(password.unwrap_or_default())?),
        };
        let vhost = match url.path() {
            "" => "/".to_owned(),
            path => decoded(path.trim_start_matches('/'))?,
        };
        Some(Self { user, password: Secret::new(&password), vhost })
    }
}

impl Config {
    /// The login of the first URL.
    pub fn login(&self) -> Option<Login> {
        Login::of(self.urls.first()?.expose())
    }

    pub fn vhost(&self) -> Option<String> {
        self.login().map(|login| login.vhost)
    }
}

/// Undoes percent-encoding; none where that leaves no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        match (first, behind) {
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.extend(hex::decode([*high, *low]).ok()?);
                rest = behind;
            }
            _ => bytes.push(first),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_who_connects_and_to_which_virtual_host() {
        for (url, user, password, vhost) in [
            ("amqp://host", "guest", "guest", "/"),
            ("amqp://host/%2f", "guest", "guest", "/"),
            ("amqp://u:p@host:5672/claims", "u", "p", "claims"),
            ("amqps://the%20worker:s%2fe%3Acret@host/a%2Fb?heartbeat=5", "the worker", "s/e:cret", "a/b"),
            ("amqp://u@host/", "u", "", ""),
            ("amqp://%E4%B8%AD:%25@host", "中", "%", "/"),
        ] {
            let login = Login::of(url).unwrap();
            assert_eq!((login.user.as_str(), login.password.expose(), login.vhost.as_str()), (user, password, vhost), "{url}");
        }
        assert_eq!(Login::of("amqp://%ff:x@host"), None);
        assert_eq!(Login::of("host"), None);
    }
}
