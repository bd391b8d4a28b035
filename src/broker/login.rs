//! Who connects to a broker, and to which virtual host: as its URL says.

use super::address::{BrokerUrl, decoded};
use super::config::Config;
use crate::settings::secret::Secret;
use url::Url;

const DEFAULT: &str = "guest";

/// What a URL leaves out is as RabbitMQ's clients have it: `guest`.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerLogin {
    pub user: String,
    pub password: Secret,
}

impl BrokerLogin {
    fn of_broker(url: &BrokerUrl) -> Self {
        match &url.login {
            Some(login) => Self {
                user: login.user.clone(),
                password: login.password.clone(),
            },
            None => Self {
                user: DEFAULT.to_owned(),
                password: Secret::new(DEFAULT),
            },
        }
    }

    /// As a URL of the management API says; none where it names no user, or is not text.
    pub fn of_http(url: &Url) -> Option<Self> {
        let named = !url.username().is_empty() || url.password().is_some();
        let (user, password) = (
            decoded(url.username())?,
            decoded(url.password().unwrap_or_default())?,
        );
        named.then(|| Self {
            user,
            password: Secret::new(&password),
        })
    }
}

impl Config {
    /// The login of the first URL.
    pub fn login(&self) -> Option<BrokerLogin> {
        self.first_url().map(|url| BrokerLogin::of_broker(&url))
    }

    /// The virtual host of the first URL.
    pub fn vhost(&self) -> Option<String> {
        self.first_url().map(|url| url.vhost)
    }

    fn first_url(&self) -> Option<BrokerUrl> {
        BrokerUrl::parse(self.urls.first()?.expose()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_who_connects_and_to_which_virtual_host() {
        for (url, user, password, vhost) in [
            ("amqp://host", "guest", "guest", "/"),
            ("amqp://u:p@host:5672/claims", "u", "p", "claims"),
            (
                "amqps://the%20worker:s%2fe%3Acret@host/a%2Fb?heartbeat=5",
                "the worker",
                "s/e:cret",
                "a/b",
            ),
        ] {
            let config = Config {
                urls: vec![Secret::new(url)],
                ..Config::default()
            };
            let login = config.login().unwrap();
            assert_eq!(
                (login.user.as_str(), login.password.expose()),
                (user, password),
                "{url}"
            );
            assert_eq!(config.vhost().as_deref(), Some(vhost), "{url}");
        }
    }

    #[test]
    fn a_url_of_the_management_api_may_name_another_user() {
        let login = |url: &str| BrokerLogin::of_http(&Url::parse(url).unwrap());
        assert_eq!(login("http://host:15672"), None);
        let named = login("https://the%20reader:s%2fecret@host").unwrap();
        assert_eq!(
            (named.user.as_str(), named.password.expose()),
            ("the reader", "s/ecret")
        );
    }
}
