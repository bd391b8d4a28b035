//! A broker's URL, read by us: the library that would read it drops IPv6 literals, invents
//! passwords and ignores what it does not know.
//!
//! Whatever is not understood is refused, in words that hold nothing of user or password. What is
//! shown of a URL never has its password.

use crate::settings::secret::Secret;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;
use url::Url;

/// A short string of AMQP.
const LONGEST_VHOST: usize = 255;
/// A dead peer is noticed within two of these; without any, never.
const HEARTBEAT_SECONDS: RangeInclusive<u16> = 1..=3600;
/// What the library takes as the least.
const FRAME_MAX: RangeInclusive<u32> = 8192..=u32::MAX;
/// A worker has some channels of its own beside those it publishes on.
const CHANNEL_MAX: RangeInclusive<u16> = 8..=u16::MAX;
const CONNECTION_TIMEOUT_MS: RangeInclusive<u64> = 1..=60_000;

pub(super) const MEMORY: &str = "memory://";

pub(super) struct BrokerUrl {
    pub(super) is_tls: bool,
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) login: Option<Login>,
    pub(super) vhost: String,
    /// As it was written.
    encoded_vhost: String,
    pub(super) parameters: UrlParameters,
}

pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: Secret,
}

/// Behind the question mark. What is not named is left to the broker, or has our own default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct UrlParameters {
    pub(super) heartbeat_seconds: Option<u16>,
    pub(super) frame_max: Option<u32>,
    pub(super) channel_max: Option<u16>,
    pub(super) connection_timeout: Option<Duration>,
    pub(super) mechanism: Option<LoginMechanism>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoginMechanism {
    Plain,
    AmqPlain,
    /// By the client's certificate.
    External,
}

/// `scheme://host:port/vhost`, without user, password and query; a fixed text for what is not a
/// broker's URL.
///
/// A password with an unescaped `/`, `?` or `#` moves its rest into the path, so a URL with an `@`
/// behind its host is not taken apart.
pub fn redacted(url: &str) -> String {
    if url == MEMORY {
        return MEMORY.to_owned();
    }
    BrokerUrl::parse(url).map_or_else(|_| "(unreadable URL)".to_owned(), |url| url.shown())
}

/// What is wrong with a URL that no broker can be reached by, in words that hold nothing of it.
pub(super) fn flaw(url: &str) -> Option<String> {
    if url == MEMORY {
        None
    } else {
        BrokerUrl::parse(url).err()
    }
}

/// Whether what is sent there can be read on the way.
pub(super) fn is_plaintext(url: &str) -> bool {
    BrokerUrl::parse(url).is_ok_and(|url| !url.is_tls && !url.is_loopback())
}

/// As [`flaw`], for the management API's.
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
            Some((login, address)) => (login_of(login)?, address),
            None => (None, authority),
        };
        let (host, port) = address_of(address)?;
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

/// None where the URL names no user.
fn login_of(text: &str) -> Result<Option<Login>, String> {
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
    Ok(Some(Login {
        user,
        password: Secret::new(&password),
    }))
}

fn address_of(text: &str) -> Result<(String, Option<u16>), String> {
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

impl UrlParameters {
    fn parse(query: &str) -> Result<Self, String> {
        let mut parameters = Self::default();
        let mut seen = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let (name, value) = decoded(name)
                .zip(decoded(value))
                .ok_or("has a parameter that is not UTF-8")?;
            if seen.contains(&name) {
                return Err(format!("has the parameter {} twice", shown(&name)));
            }
            match name.as_str() {
                "heartbeat" => {
                    parameters.heartbeat_seconds = Some(number(&name, &value, &HEARTBEAT_SECONDS)?);
                }
                "frame_max" => parameters.frame_max = Some(number(&name, &value, &FRAME_MAX)?),
                "channel_max" => {
                    parameters.channel_max = Some(number(&name, &value, &CHANNEL_MAX)?);
                }
                "connection_timeout" => {
                    parameters.connection_timeout = Some(Duration::from_millis(number(
                        &name,
                        &value,
                        &CONNECTION_TIMEOUT_MS,
                    )?));
                }
                "auth_mechanism" => parameters.mechanism = Some(LoginMechanism::parse(&value)?),
                "cacertfile" => {
                    return Err(
                        "has the parameter cacertfile; set broker.ca_file instead".to_owned()
                    );
                }
                "certfile" => {
                    return Err(
                        "has the parameter certfile; set broker.client_cert_file instead"
                            .to_owned(),
                    );
                }
                "keyfile" => {
                    return Err(
                        "has the parameter keyfile; set broker.client_key_file instead".to_owned(),
                    );
                }
                _ => {
                    let known =
                        "heartbeat, frame_max, channel_max, connection_timeout and auth_mechanism";
                    return Err(format!(
                        "has the parameter {}, which is not known; known are {known}",
                        shown(&name)
                    ));
                }
            }
            seen.push(name);
        }
        Ok(parameters)
    }
}

impl LoginMechanism {
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "plain" => Ok(Self::Plain),
            "amqplain" => Ok(Self::AmqPlain),
            "external" => Ok(Self::External),
            _ => Err("has an auth_mechanism other than plain, amqplain or external".to_owned()),
        }
    }
}

fn number<T: FromStr + PartialOrd + std::fmt::Display>(
    name: &str,
    text: &str,
    allowed: &RangeInclusive<T>,
) -> Result<T, String> {
    text.parse()
        .ok()
        .filter(|number| allowed.contains(number))
        .ok_or_else(|| {
            let (least, most) = (allowed.start(), allowed.end());
            format!("has a {name} that is no whole number from {least} to {most}")
        })
}

/// What may be a piece of a password is not repeated.
fn shown(name: &str) -> &str {
    let is_name = name.len() <= 40
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_name { name } else { "(not shown)" }
}

/// Percent-decoded; none where that is not UTF-8. A percent sign that begins no code stands for
/// itself.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let code = (byte == b'%')
            .then(|| behind.get(..2))
            .flatten()
            .and_then(|digits| hex::decode(digits).ok());
        if let Some(code) = code {
            bytes.extend_from_slice(&code);
            rest = &behind[2..];
        } else {
            bytes.push(byte);
            rest = behind;
        }
    }
    String::from_utf8(bytes).ok()
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
    fn parameters_are_honoured() {
        let url = "amqp://h?heartbeat=5&frame_max=8192&channel_max=100&connection_timeout=3000&auth_mechanism=EXTERNAL";
        let expected = UrlParameters {
            heartbeat_seconds: Some(5),
            frame_max: Some(8192),
            channel_max: Some(100),
            connection_timeout: Some(Duration::from_secs(3)),
            mechanism: Some(LoginMechanism::External),
        };
        assert_eq!(
            BrokerUrl::parse(url).map(|url| url.parameters),
            Ok(expected)
        );
    }

    #[test]
    fn what_is_not_understood_is_refused_without_a_word_of_it() {
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
}
