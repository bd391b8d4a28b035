//! The URL of a broker. The AMQP library's own parser drops IPv6 literals, invents passwords and
//! ignores parameters that it does not know, so URLs are parsed here.
//!
//! A URL that is not understood is refused, and no error repeats its user or password. A URL is
//! shown without both.

use super::url_parameters::{UrlParameters, decoded};
use crate::settings::secret::Secret;
use std::net::{IpAddr, Ipv6Addr};
use url::Url;

/// AMQP sends the virtual host as a short string.
const LONGEST_VHOST: usize = 255;
/// RabbitMQ's default user and password, which it accepts from loopback only.
const DEFAULT_USER: &str = "guest";

pub(super) const MEMORY: &str = "memory://";

pub(super) struct BrokerUrl {
    pub(super) is_tls: bool,
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// `None` where the URL names no user.
    pub(super) login: Option<BrokerLogin>,
    pub(super) vhost: String,
    /// The virtual host as the URL spells it.
    encoded_vhost: String,
    pub(super) parameters: UrlParameters,
}

/// A user and its password.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerLogin {
    pub user: String,
    pub password: Secret,
}

impl BrokerLogin {
    fn new(user: String, password: &str) -> Self {
        Self {
            user,
            password: Secret::new(password),
        }
    }

    /// The login in a URL of the management API; `None` where it names no user, or one that is not
    /// UTF-8.
    pub fn from_management_url(url: &Url) -> Option<Self> {
        let is_named = !url.username().is_empty() || url.password().is_some();
        let user = decoded(url.username())?;
        let password = decoded(url.password().unwrap_or_default())?;
        is_named.then(|| Self::new(user, &password))
    }
}

impl Default for BrokerLogin {
    fn default() -> Self {
        Self::new(DEFAULT_USER.to_owned(), DEFAULT_USER)
    }
}

/// The URL as `scheme://host:port/vhost`, without user, password and query; a fixed text if it is
/// not the URL of a broker.
///
/// A password with an unescaped `/`, `?` or `#` would end in the path, so a URL with an `@` behind
/// its host is not shown either.
pub fn redacted(url: &str) -> String {
    if url == MEMORY {
        return MEMORY.to_owned();
    }
    BrokerUrl::parse(url).map_or_else(|_| "(unreadable URL)".to_owned(), |url| url.shown())
}

/// The reason why no broker can be reached by this URL. It repeats nothing of the URL.
pub(super) fn flaw(url: &str) -> Option<String> {
    if url == MEMORY {
        None
    } else {
        BrokerUrl::parse(url).err()
    }
}

/// Whether the connection leaves this machine without TLS.
pub(super) fn is_plaintext(url: &str) -> bool {
    BrokerUrl::parse(url).is_ok_and(|url| !url.is_tls && !url.is_loopback())
}

/// The counterpart of [`flaw`] for the URL of the management API.
pub(super) fn management_flaw(url: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(url) else {
        return Some(
            "is not a URL; a special character in user or password must be percent-encoded",
        );
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Some("must begin with http:// or https://");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Some("names no host");
    }
    if url.path().contains('@') || url.query().is_some() || url.fragment().is_some() {
        return Some(
            "has an @, ? or # behind its host; a special character in user or password must be percent-encoded",
        );
    }
    None
}

impl BrokerUrl {
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        if url.contains(|character: char| character.is_whitespace() || character.is_control()) {
            return Err(
                "has a blank or a control character in it; it must be percent-encoded".to_owned(),
            );
        }
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(
                "is not a URL; it must begin with amqp:// or amqps://, or be exactly memory://"
                    .to_owned(),
            );
        };
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "amqp" => false,
            "amqps" => true,
            _ => {
                return Err(
                    "must begin with amqp:// or amqps://, or be exactly memory://".to_owned(),
                );
            }
        };
        let (authority, behind) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if behind.contains('@') {
            return Err("has an @ behind its host; a special character in user, password or vhost must be percent-encoded".to_owned());
        }
        if behind.contains('#') {
            return Err("has a # behind its host; in a vhost it must be written %23".to_owned());
        }
        let (path, query) = behind.split_once('?').unwrap_or((behind, ""));
        let (login, address) = match authority.rsplit_once('@') {
            Some((login, address)) => (read_login(login)?, address),
            None => (None, authority),
        };
        let (host, port) = read_address(address)?;
        let encoded_vhost = path.strip_prefix('/').unwrap_or("%2f").to_owned();
        let vhost = decoded(&encoded_vhost).ok_or("has a vhost that is not UTF-8")?;
        if vhost.is_empty() {
            return Err(
                "names the empty virtual host, because it ends in /; the default one is /%2f"
                    .to_owned(),
            );
        }
        if vhost.len() > LONGEST_VHOST {
            return Err("has a vhost longer than 255 bytes".to_owned());
        }
        let port = port.unwrap_or(if is_tls { 5671 } else { 5672 });
        Ok(Self {
            is_tls,
            host,
            port,
            login,
            vhost,
            encoded_vhost,
            parameters: UrlParameters::parse(query)?,
        })
    }

    pub(super) fn shown(&self) -> String {
        let scheme = if self.is_tls { "amqps" } else { "amqp" };
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        format!("{scheme}://{host}:{}/{}", self.port, self.encoded_vhost)
    }

    fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self
                .host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

/// `None` where the URL names no user.
fn read_login(text: &str) -> Result<Option<BrokerLogin>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let Some((user, password)) = text.split_once(':') else {
        return Err(
            "names a user without a password; write user:password@, or user:@ for an empty one"
                .to_owned(),
        );
    };
    if user.is_empty() {
        return Err("names a password without a user".to_owned());
    }
    let user = decoded(user).ok_or("has a user that is not UTF-8")?;
    let password = decoded(password).ok_or("has a password that is not UTF-8")?;
    Ok(Some(BrokerLogin::new(user, &password)))
}

/// Host and port.
fn read_address(text: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = if let Some(text) = text.strip_prefix('[') {
        let (host, port) = text
            .split_once(']')
            .ok_or("has an IPv6 address without its closing bracket")?;
        if host.parse::<Ipv6Addr>().is_err() {
            return Err("has something in brackets that is no IPv6 address".to_owned());
        }
        (host.to_owned(), port)
    } else {
        let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
        if port.matches(':').count() > 1 {
            return Err(
                "has an IPv6 address outside of brackets; write amqp://[2001:db8::7]:5672"
                    .to_owned(),
            );
        }
        (decoded(host).ok_or("has a host that is not UTF-8")?, port)
    };
    if host.is_empty() {
        return Err("names no host".to_owned());
    }
    match port {
        "" => Ok((host, None)),
        port => match port
            .strip_prefix(':')
            .and_then(|port| port.parse().ok())
            .filter(|port| *port > 0)
        {
            Some(port) => Ok((host, Some(port))),
            None => Err("has a port that is no number from 1 to 65535".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests;
