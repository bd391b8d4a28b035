//! The API gateway's app signature, SDK-HMAC-SHA256: a pure function of the request and the time of
//! sending.
//!
//! The gateway refuses what was signed more than 15 minutes ago by its own clock, so every attempt
//! is signed anew.

use crate::settings::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt::Write;
use url::Url;

const ALGORITHM: &str = "SDK-HMAC-SHA256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// An application's key pair.
#[derive(Clone, Debug)]
pub struct Signer {
    key: Secret,
    secret: Secret,
}

/// The request as it goes over the wire. `host` and the headers that the signature itself adds are
/// not listed in `headers`.
#[derive(Clone, Debug)]
pub struct Unsigned<'a> {
    pub method: &'a str,
    pub url: &'a Url,
    pub headers: &'a [(&'a str, &'a str)],
    pub payload: Payload,
}

/// The signature's statement about the body.
#[derive(Clone, Debug)]
pub enum Payload {
    /// SHA-256 of the exact bytes sent, in hex.
    Hashed(String),
    Unsigned,
}

impl Payload {
    pub fn of(body: &[u8]) -> Self {
        Self::Hashed(hex::encode(Sha256::digest(body)))
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Hashed(hash) => hash,
            Self::Unsigned => UNSIGNED,
        }
    }
}

impl Signer {
    pub fn new(key: Secret, secret: Secret) -> Self {
        Self { key, secret }
    }

    /// The headers to add. `clock_offset` is what the gateway's clock is ahead of ours.
    pub fn sign(
        &self,
        request: &Unsigned<'_>,
        now: Timestamp,
        clock_offset: SignedDuration,
    ) -> Vec<(&'static str, String)> {
        let at = now.checked_add(clock_offset).unwrap_or(now);
        let date = at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let canonical = CanonicalRequest::new(request, &date);
        let signature = self.hmac(&string_to_sign(&canonical.text, &date));
        let key = self.key.expose();
        let authorization = format!(
            "{ALGORITHM} Access={key}, SignedHeaders={}, Signature={signature}",
            canonical.signed_headers
        );
        let mut headers = vec![("x-sdk-date", date), ("authorization", authorization)];
        if matches!(request.payload, Payload::Unsigned) {
            headers.push(("x-sdk-content-sha256", UNSIGNED.to_owned()));
        }
        headers
    }

    fn hmac(&self, text: &str) -> String {
        // HMAC takes keys of any length, so this default is never reached.
        Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes())
            .map(|mut mac| {
                mac.update(text.as_bytes());
                hex::encode(mac.finalize().into_bytes())
            })
            .unwrap_or_default()
    }
}

struct CanonicalRequest {
    text: String,
    signed_headers: String,
}

impl CanonicalRequest {
    fn new(request: &Unsigned<'_>, date: &str) -> Self {
        let host = host(request.url);
        let mut headers = vec![
            ("host".to_owned(), host.as_str()),
            ("x-sdk-date".to_owned(), date),
        ];
        if matches!(request.payload, Payload::Unsigned) {
            headers.push(("x-sdk-content-sha256".to_owned(), UNSIGNED));
        }
        headers.extend(
            request
                .headers
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim())),
        );
        headers.sort();
        let signed_headers = headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(";");
        let mut header_lines = String::new();
        for (name, value) in &headers {
            let _ = writeln!(header_lines, "{name}:{value}");
        }
        let text = [
            request.method,
            &canonical_path(request.url),
            &canonical_query(request.url),
            &header_lines,
            &signed_headers,
            request.payload.as_str(),
        ]
        .join("\n");
        Self {
            text,
            signed_headers,
        }
    }
}

fn string_to_sign(canonical_request: &str, date: &str) -> String {
    format!(
        "{ALGORITHM}\n{date}\n{}",
        hex::encode(Sha256::digest(canonical_request))
    )
}

/// The host as the HTTP client writes it: a port only where it is not the scheme's own.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Decoded, then encoded once; it ends in `/` whatever is on the wire.
fn canonical_path(url: &Url) -> String {
    let mut path = String::new();
    for (index, segment) in percent_decode(url.path())
        .split(|byte| *byte == b'/')
        .enumerate()
    {
        if index > 0 {
            path.push('/');
        }
        percent_encode(segment, &mut path);
    }
    if !path.ends_with('/') {
        path.push('/');
    }
    path
}

/// Sorted by decoded name, then value; an empty value keeps its `=`.
fn canonical_query(url: &Url) -> String {
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = url.query_pairs().collect();
    pairs.sort();
    let mut query = String::new();
    for (name, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        percent_encode(name.as_bytes(), &mut query);
        query.push('=');
        percent_encode(value.as_bytes(), &mut query);
    }
    query
}

fn percent_decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let escaped = if *byte == b'%' {
            tail.get(..2).and_then(|digits| hex::decode(digits).ok())
        } else {
            None
        };
        if let Some(bytes) = escaped {
            decoded.extend(bytes);
            rest = &tail[2..];
        } else {
            decoded.push(*byte);
            rest = tail;
        }
    }
    decoded
}

fn percent_encode(bytes: &[u8], out: &mut String) {
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests;
