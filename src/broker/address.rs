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
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_with_host_port_and_vhost_only() {
        for (url, shown) in [
            (
                "amqp://guest:secret@127.0.0.1:5672/%2f",
                "amqp://127.0.0.1:5672/%2f",
            ),
            ("amqp://guest:secret@rabbit", "amqp://rabbit:5672/%2f"),
            (
                "amqps://user:se%2fcret@rabbit.example/claims?heartbeat=5",
                "amqps://rabbit.example:5671/claims",
            ),
            ("amqp://user:p@secret@rabbit:1234/v", "amqp://rabbit:1234/v"),
            ("amqp://[::1]:5672", "amqp://[::1]:5672/%2f"),
            ("memory://", "memory://"),
            ("amqp://user:12/secret@rabbit/v", "(unreadable URL)"),
            ("amqp://user:12?secret@rabbit/v", "(unreadable URL)"),
            ("amqp://user:12#secret@rabbit/v", "(unreadable URL)"),
            ("amqp://user:se/cret@rabbit/v", "(unreadable URL)"),
            ("secret", "(unreadable URL)"),
            ("http://user:secret@rabbit", "(unreadable URL)"),
            ("amqp://", "(unreadable URL)"),
        ] {
            assert_eq!(redacted(url), shown, "{url}");
        }
    }

    #[test]
    fn every_part_is_read_as_it_is_written() {
        for (url, is_tls, host, port, login, vhost) in [
            ("amqp://localhost", false, "localhost", 5672, None, "/"),
            ("AMQPS://localhost", true, "localhost", 5671, None, "/"),
            (
                "amqp://u:p@[2001:db8::7]",
                false,
                "2001:db8::7",
                5672,
                Some(("u", "p")),
                "/",
            ),
            (
                "amqps://u:p@[2001:db8::7]:1/v",
                true,
                "2001:db8::7",
                1,
                Some(("u", "p")),
                "v",
            ),
            (
                "amqp://@10.0.0.1:7?heartbeat=5",
                false,
                "10.0.0.1",
                7,
                None,
                "/",
            ),
            (
                "amqp://u%61:p%40%3a:x@ho%61st/%2f",
                false,
                "hoast",
                5672,
                Some(("ua", "p@::x")),
                "/",
            ),
            (
                "amqp://u:@h/v%2fw",
                false,
                "h",
                5672,
                Some(("u", "")),
                "v/w",
            ),
            (
                "amqp://u:50%off@h//",
                false,
                "h",
                5672,
                Some(("u", "50%off")),
                "/",
            ),
            (
                "amqp://u:%E5%AF%86@h/../v",
                false,
                "h",
                5672,
                Some(("u", "密")),
                "../v",
            ),
        ] {
            let read = BrokerUrl::parse(url).unwrap_or_else(|flaw| panic!("{url} {flaw}"));
            assert_eq!(
                (
                    read.is_tls,
                    read.host.as_str(),
                    read.port,
                    read.vhost.as_str()
                ),
                (is_tls, host, port, vhost),
                "{url}"
            );
            let read = read
                .login
                .as_ref()
                .map(|login| (login.user.as_str(), login.password.expose()));
            assert_eq!(read, login, "{url}");
        }
    }

    #[test]
    fn a_url_that_is_not_understood_is_refused_and_not_repeated() {
        for (url, says) in [
            ("secret", "is not a URL"),
            ("http://h", "must begin with amqp://"),
            ("amqp://u:se cret@h", "has a blank"),
            (
                "amqp://u:secret@h/v\n",
                "has a blank or a control character",
            ),
            ("amqp://u:secret@", "names no host"),
            ("amqp://", "names no host"),
            (
                "amqp://u:secret@h/",
                "names the empty virtual host, because it ends in /; the default one is /%2f",
            ),
            (
                "amqp://u:secret@h/?heartbeat=5",
                "names the empty virtual host",
            ),
            ("amqp://u:secret@h/v#w", "has a # behind its host"),
            ("amqp://u:se/cret@h", "has an @ behind its host"),
            ("amqp://secret@h", "names a user without a password"),
            ("amqp://:secret@h", "names a password without a user"),
            ("amqp://u:%ff@h", "has a password that is not UTF-8"),
            ("amqp://%ff:secret@h", "has a user that is not UTF-8"),
            ("amqp://h/%ff", "has a vhost that is not UTF-8"),
            ("amqp://2001:db8::7", "outside of brackets"),
            ("amqp://[2001:db8::7", "without its closing bracket"),
            ("amqp://[rabbit]", "no IPv6 address"),
            ("amqp://[::1]x", "has a port"),
            ("amqp://h:0", "has a port"),
            ("amqp://h:65536", "has a port"),
            (
                "amqp://h?heartbeat=0",
                "has a heartbeat that is no whole number from 1 to 3600",
            ),
            (
                "amqp://h?frame_max=4096",
                "has a frame_max that is no whole number from 8192",
            ),
            ("amqp://h?channel_max=many", "has a channel_max"),
            ("amqp://h?connection_timeout=0", "has a connection_timeout"),
            (
                "amqp://h?auth_mechanism=secret",
                "has an auth_mechanism other than",
            ),
            (
                "amqp://h?heartbeat=5&heartbeat=6",
                "has the parameter heartbeat twice",
            ),
            (
                "amqp://h?verify=verify_peer",
                "has the parameter verify, which is not known",
            ),
            ("amqp://h?Secret-1", "has the parameter (not shown)"),
            ("amqp://h?cacertfile=/secret", "set broker.ca_file instead"),
        ] {
            let flaw = BrokerUrl::parse(url)
                .err()
                .unwrap_or_else(|| panic!("{url} is read"));
            assert!(
                flaw.contains(says) && !flaw.to_lowercase().contains("secret"),
                "{url}: {flaw}"
            );
        }
        assert!(BrokerUrl::parse(&format!("amqp://h/{}", "v".repeat(256))).is_err());
    }

    #[test]
    fn a_url_of_the_management_api_may_name_another_user() {
        let login = |url: &str| BrokerLogin::from_management_url(&Url::parse(url).unwrap());
        assert_eq!(login("http://host:15672"), None);
        let named = login("https://the%20reader:s%2fecret@host").unwrap();
        assert_eq!(
            (named.user.as_str(), named.password.expose()),
            ("the reader", "s/ecret")
        );
    }
}
