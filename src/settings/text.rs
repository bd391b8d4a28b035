//! The check of configured texts that end in a header, a URL or a signature.
//!
//! Libraries that are handed anything else panic, drop parts of it or sign something other than
//! what they send.

use url::{Host, Url};

/// The problem with the text of any key: a surrounding line break or blank is a mistake, and so is
/// any control character.
pub fn flaw(text: &str) -> Option<&'static str> {
    let is_line_break = |character: char| matches!(character, '\n' | '\r');
    if text.starts_with('\u{feff}') {
        Some("begins with a byte order mark; save it as UTF-8 without one")
    } else if text.ends_with(is_line_break) {
        Some("ends with a line break (was it made with `echo`? `printf %s` adds none)")
    } else if text.starts_with(is_line_break) {
        Some("begins with a line break")
    } else if text.contains(is_line_break) {
        Some("has a line break in it")
    } else if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        Some("begins or ends with a blank")
    } else if text.contains(char::is_control) {
        Some("has a control character in it")
    } else {
        None
    }
}

/// The counterpart of [`flaw`] for a text in a header or a signature: printable ASCII without
/// blanks.
pub fn header_flaw(text: &str) -> Option<&'static str> {
    flaw(text).or_else(|| {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        (!printable)
            .then_some("has blanks or characters beyond ASCII; was more than the value copied?")
    })
}

/// Whether the URL's host is this machine: `localhost`, 127.0.0.0/8 or `::1`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // Schemes that the URL standard does not know have their addresses read as names.
        Some(Host::Domain(name)) => {
            name.eq_ignore_ascii_case("localhost")
                || name
                    .parse::<std::net::Ipv4Addr>()
                    .is_ok_and(|address| address.is_loopback())
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_was_not_meant_so_is_reported() {
        for (text, any, header) in [
            ("", None, None),
            ("us-east-1", None, None),
            ("/run/my secrets/密钥", None, Some("beyond ASCII")),
            ("two words", None, Some("has blanks")),
            (
                "AKIA\n",
                Some("ends with a line break"),
                Some("ends with a line break"),
            ),
            (
                "AKIA\r\n",
                Some("ends with a line break"),
                Some("ends with a line break"),
            ),
            (
                "\nAKIA",
                Some("begins with a line break"),
                Some("begins with a line break"),
            ),
            (
                "AK\nIA",
                Some("has a line break in it"),
                Some("has a line break in it"),
            ),
            (" AKIA", Some("a blank"), Some("a blank")),
            ("AKIA\t", Some("a blank"), Some("a blank")),
            ("AKIA\u{a0}", Some("a blank"), Some("a blank")),
            (
                "AK\u{0}IA",
                Some("a control character"),
                Some("a control character"),
            ),
            (
                "AK\u{7f}IA",
                Some("a control character"),
                Some("a control character"),
            ),
            (
                "\u{feff}AKIA",
                Some("a byte order mark"),
                Some("a byte order mark"),
            ),
            ("AKIA\u{200b}", None, Some("beyond ASCII")),
        ] {
            for (found, expected) in [(flaw(text), any), (header_flaw(text), header)] {
                assert_eq!(found.is_some(), expected.is_some(), "{text:?}: {found:?}");
                assert!(
                    found
                        .unwrap_or_default()
                        .contains(expected.unwrap_or_default()),
                    "{text:?}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn only_addresses_of_this_machine_are_loopback() {
        for (url, expected) in [
            ("http://localhost:9000", true),
            ("http://127.0.0.1", true),
            ("http://127.8.8.8", true),
            ("http://[::1]:1", true),
            ("amqp://127.0.0.1:5672/%2f", true),
            ("amqp://user:word@localhost", true),
            ("amqp://[::1]", true),
            ("amqp://rabbit", false),
            ("amqp://128.0.0.1", false),
            ("http://localhost.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("http://0.0.0.0", false),
            ("http://[::ffff:10.0.0.1]", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
