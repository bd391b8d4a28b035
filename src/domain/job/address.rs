//! The address of an image that a job brings: one that both providers take as it is.

use url::Url;

/// The longest URL of an image that a provider fetches: recognition's documented limit.
pub const MAX_URL_BYTES: usize = 1024;
/// Characters that no URL may contain (RFC 3986), and that the parser keeps as browsers do. It
/// keeps brackets as well: they are valid in a host, and providers accept them elsewhere.
const UNESCAPED: [(char, &str); 6] = [
    ('\\', "%5C"),
    ('^', "%5E"),
    ('`', "%60"),
    ('{', "%7B"),
    ('|', "%7C"),
    ('}', "%7D"),
];

/// Percent-encoded as the providers ask: parsing does so with blanks and everything beyond ASCII.
/// What is encoded already stays; a percent sign that encodes nothing stands for itself, as
/// browsers send it and servers read it.
pub(super) fn read(text: &str) -> Result<Url, &'static str> {
    let parsed = Url::parse(text).map_err(|_| "image.url is not a URL")?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none_or(str::is_empty) {
        return Err("image.url is neither http:// nor https://");
    }
    let escaped = UNESCAPED.iter().fold(
        with_percents_escaped(parsed.as_str()),
        |url, (char, code)| url.replace(*char, code),
    );
    if escaped.len() > MAX_URL_BYTES {
        return Err("image.url is longer than 1024 bytes once percent-encoded");
    }
    Url::parse(&escaped).map_err(|_| "image.url is not a URL")
}

/// Those that two hexadecimal digits do not follow.
fn with_percents_escaped(url: &str) -> String {
    let mut parts = url.split('%');
    let mut escaped = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let encodes = part
            .as_bytes()
            .get(..2)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        escaped.push_str(if encodes { "%" } else { "%25" });
        escaped.push_str(part);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_no_url_has_are_encoded_once() {
        for (text, expected) in [
            (
                "https://h/票据 1.jpg?a=1",
                "https://h/%E7%A5%A8%E6%8D%AE%201.jpg?a=1",
            ),
            (
                "https://h/a|b^c`d{e}.jpg?q=a|{b}\\c",
                "https://h/a%7Cb%5Ec%60d%7Be%7D.jpg?q=a%7C%7Bb%7D%5Cc",
            ),
            (
                "https://h/a%20b.jpg?X-Amz-Signature=a%2Bb&c=d+e",
                "https://h/a%20b.jpg?X-Amz-Signature=a%2Bb&c=d+e",
            ),
            ("https://[::1]:9000/a.jpg", "https://[::1]:9000/a.jpg"),
            (
                "https://h/100%.jpg?share=5%&a=%zz%2",
                "https://h/100%25.jpg?share=5%25&a=%25zz%252",
            ),
            ("https://h/%%20%票", "https://h/%25%20%25%E7%A5%A8"),
        ] {
            assert_eq!(read(text).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn the_length_counts_as_it_is_sent() {
        let path = |chars: usize| format!("https://h/{}", "a".repeat(chars));
        assert!(read(&path(MAX_URL_BYTES - 10)).is_ok());
        assert!(read(&path(MAX_URL_BYTES - 9)).is_err());
        assert!(read(&format!("https://h/{}", "票".repeat(200))).is_err());
        assert!(read(&format!("https://h/{}", "%".repeat(400))).is_err());
    }
}
