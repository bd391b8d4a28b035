//! Removes credentials, addresses, signed strings and long numbers from messages of the providers
//! before they reach logs and results.

use crate::settings::secret::Secret;

/// Longer words are taken for signatures, hashes or keys.
const MAX_TOKEN_BYTES: usize = 40;
/// Numbers of at least this length are removed: note, card and identity numbers are no shorter, and
/// error codes, statuses and limits are.
const NUMBER_DIGITS: usize = 6;
const MAX_REQUEST_ID_BYTES: usize = 128;
const MAX_NAME_BYTES: usize = 64;
const REDACTED: &str = "…";

/// The credentials of one provider, which no message may repeat.
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    words: Vec<Secret>,
}

impl Redaction {
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut words: Vec<Secret> = secrets
            .into_iter()
            .filter(|secret| !secret.is_empty())
            .cloned()
            .collect();
        // The longest come first, because one credential may be part of another.
        words.sort_by_key(|word| std::cmp::Reverse(word.expose().len()));
        Self { words }
    }

    pub fn clean(&self, message: &str) -> String {
        let mut message: String = message
            .chars()
            .map(|char| if char.is_control() { ' ' } else { char })
            .collect();
        for word in &self.words {
            message = message.replace(word.expose(), REDACTED);
        }
        let mut cleaned = String::with_capacity(message.len());
        let mut rest = message.as_str();
        while !rest.is_empty() {
            let token = &rest[..rest.bytes().take_while(|byte| is_token(*byte)).count()];
            push_token(token, &mut cleaned);
            rest = &rest[token.len()..];
            let between = rest
                .find(|char: char| u8::try_from(char).is_ok_and(is_token))
                .unwrap_or(rest.len());
            cleaned.push_str(&rest[..between]);
            rest = &rest[between..];
        }
        cleaned.trim().to_owned()
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b',' | b';' | b'(' | b')')
}

fn push_token(token: &str, out: &mut String) {
    if token.contains("://") || token.len() > MAX_TOKEN_BYTES {
        out.push_str(REDACTED);
        return;
    }
    let mut rest = token;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(if digits >= NUMBER_DIGITS {
            REDACTED
        } else {
            &rest[..digits]
        });
        rest = &rest[digits..];
        let words = rest
            .bytes()
            .take_while(|byte| !byte.is_ascii_digit())
            .count();
        out.push_str(&rest[..words]);
        rest = &rest[words..];
    }
}

/// Returns a provider's own name for its answer if it can be one: not a number, not a name of ours,
/// and not text that would need quoting.
pub fn answer_name(name: &str) -> Option<&str> {
    let shaped = name.len() <= MAX_NAME_BYTES
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    let ours = matches!(name, "connect" | "timeout" | "malformed") || name.starts_with("http.");
    let named = name.bytes().any(|byte| byte.is_ascii_alphabetic());
    (shaped && named && !ours).then_some(name)
}

/// Returns a request id if it is printable and short, because results and logs repeat it.
pub fn request_id(text: &str) -> Option<String> {
    let fit = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b':' | b'/' | b'=')
    };
    (!text.is_empty() && text.len() <= MAX_REQUEST_ID_BYTES && text.bytes().all(fit))
        .then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_keep_their_words_and_lose_what_is_secret_or_personal() {
        let redaction = Redaction::of([
            &Secret::new("appkey12"),
            &Secret::new("appkey12-long"),
            &Secret::new(""),
        ]);
        for (message, expected) in [
            ("note_no is required", "note_no is required"),
            ("服务商维护，请稍候再试", "服务商维护，请稍候再试"),
            (
                "key appkey12 and appkey12-long refused",
                "key … and … refused",
            ),
            (
                "cannot fetch https://bucket.example/a.jpg?X-Amz-Signature=00ff now",
                "cannot fetch … now",
            ),
            ("发票号码0103152099不存在", "发票号码…不存在"),
            ("limit:10,time:1 day", "limit:10,time:1 day"),
            ("line\r\none\u{1b}[31m", "line  one [31m"),
            (
                "X-Amz-Signature=0123456789abcdefghijklmnopqrstuvwxyz0123456789",
                "…",
            ),
        ] {
            assert_eq!(redaction.clean(message), expected);
        }
    }

    #[test]
    fn names_of_answers_are_never_numbers_nor_ours() {
        for name in ["OK", "DETETION_FAILED", "OUT_OF_QUOTA", "a.b-c"] {
            assert_eq!(answer_name(name), Some(name));
        }
        for name in [
            "",
            "317",
            "timeout",
            "http.502",
            "connect",
            "malformed",
            "with space",
            "中文",
            "a\nb",
            "...",
            &"A".repeat(65),
        ] {
            assert_eq!(answer_name(name), None, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn no_message_repeats_a_credential_or_a_control_character(before in ".{0,40}", after in ".{0,40}") {
            let redaction = Redaction::of([&Secret::new("s3cr3t-value")]);
            let cleaned = redaction.clean(&format!("{before}s3cr3t-value{after}"));
            prop_assert!(!cleaned.contains("s3cr3t-value"));
            prop_assert!(!cleaned.contains(char::is_control));
        }
    }
}
