//! A broker's URL as it may be shown: never with its password.

use crate::config::text::is_loopback;
use url::Url;

/// `scheme://host:port/vhost`, without user, password and query; a fixed text for what is not a broker's URL.
///
/// A password with an unescaped `/`, `?` or `#` moves its rest into the path, so a URL with an `@` behind its host is not taken apart.
pub fn redacted(url: &str) -> String {
    match parsed(url) {
        Ok(url) if url.scheme() == "memory" => "memory://".to_owned(),
        Ok(url) => {
            let default_port = if url.scheme() == "amqps" { 5671 } else { 5672 };
            let vhost = if url.path().is_empty() { "/%2f" } else { url.path() };
            format!("{}://{}:{}{vhost}", url.scheme(), url.host_str().unwrap_or("localhost"), url.port().unwrap_or(default_port))
        }
        Err(_) => "(unreadable URL)".to_owned(),
    }
}

/// What is wrong with a URL that no broker can be reached by, in words that hold nothing of it.
pub(super) fn flaw(url: &str) -> Option<&'static str> {
    parsed(url).err()
}

/// Whether what is sent there can be read on the way.
pub(super) fn is_plaintext(url: &str) -> bool {
    parsed(url).is_ok_and(|url| url.scheme() == "amqp" && !is_loopback(&url))
}

/// As [`flaw`], for the management API's.
pub(super) fn management_flaw(url: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(url) else {
        return Some("is not a URL; a special character in user or password must be percent-encoded");
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Some("must begin with http:// or https://");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Some("names no host");
    }
    if url.path().contains('@') || url.query().is_some() || url.fragment().is_some() {
        return Some("has an @, ? or # behind its host; a special character in user or password must be percent-encoded");
    }
    None
}

fn parsed(url: &str) -> Result<Url, &'static str> {
    if url == "memory://" {
        return Url::parse(url).map_err(|_| "is not a URL");
    }
    let parsed = Url::parse(url).map_err(|_| "is not a URL; a special character in user or password must be percent-encoded")?;
    if !matches!(parsed.scheme(), "amqp" | "amqps") {
        return Err("must begin with amqp:// or amqps://, or be exactly memory://");
    }
    if parsed.host_str().is_none_or(str::is_empty) {
        return Err("names no host");
    }
    let behind_the_host = [Some(parsed.path()), parsed.query(), parsed.fragment()];
    if behind_the_host.into_iter().flatten().any(|part| part.contains('@')) {
        return Err("has an @ behind its host; a special character in user, password or vhost must be percent-encoded");
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_with_host_port_and_vhost_only() {
        for (url, shown) in [
            ("amqp://guest:secret@127.0.0.1:5672/%2f", "amqp://127.0.0.1:5672/%2f"),
            ("amqp://guest:secret@rabbit", "amqp://rabbit:5672/%2f"),
            ("amqps://user:se%2fcret@rabbit.example/claims?heartbeat=5", "amqps://rabbit.example:5671/claims"),
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
}
