//! The receiving side of the gateway's SDK-HMAC-SHA256: builds again what was signed, and compares.
//!
//! Written from the signing guide on purpose, without a line of `provider::signature`: two readings
//! of one guide check each other.

use axum::http::{HeaderMap, Method};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use url::form_urlencoded;

/// How far the caller's clock may be from ours, either way, in the guide.
pub(super) const MAX_SKEW_SECONDS: i64 = 15 * 60;
const SCHEME: &str = "SDK-HMAC-SHA256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// A request as it arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignedRequest<'a> {
    pub(super) method: &'a Method,
    /// Still encoded.
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// Worded as the gateway words it: what was signed is echoed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureRefused {
    #[error("Incorrect IAM authentication information: x-auth-token not found")]
    NotSigned,
    #[error("Incorrect app authentication information: {0}")]
    Malformed(&'static str),
    #[error("Incorrect app authentication information: app not found, appkey {0}")]
    UnknownKey(String),
    #[error(
        "Incorrect app authentication information: signature expired, signature time:{signed},server time:{now}"
    )]
    Expired { signed: String, now: String },
    #[error(
        "Incorrect app authentication information: signature verification failed, canonicalRequest:{0}"
    )]
    Differs(String),
}

/// Checks that `app_secret` signed exactly this request, at most so many seconds before or after
/// `now`.
pub(super) fn verify_within(
    tolerance: i64,
    request: &SignedRequest<'_>,
    app_key: &str,
    app_secret: &str,
    now: Timestamp,
) -> Result<(), SignatureRefused> {
    let authorization =
        header(request.headers, "authorization").ok_or(SignatureRefused::NotSigned)?;
    let claimed = Authorization::parse(&authorization)?;
    if claimed.access != app_key {
        return Err(SignatureRefused::UnknownKey(claimed.access.to_owned()));
    }
    let date = header(request.headers, "x-sdk-date")
        .ok_or(SignatureRefused::Malformed("x-sdk-date not found"))?;
    let signed = timestamp(&date).ok_or(SignatureRefused::Malformed(
        "x-sdk-date is not in the form YYYYMMDDTHHMMSSZ",
    ))?;
    if (now.as_second() - signed.as_second()).abs() > tolerance {
        return Err(SignatureRefused::Expired {
            signed: date,
            now: now.strftime("%Y%m%dT%H%M%SZ").to_string(),
        });
    }
    let canonical = canonical_request(request, &claimed.signed_headers)?;
    let text = format!(
        "{SCHEME}\n{date}\n{}",
        hex::encode(Sha256::digest(&canonical))
    );
    let expected = hex::decode(claimed.signature)
        .map_err(|_| SignatureRefused::Malformed("the signature is not hexadecimal"))?;
    let differs = |_| SignatureRefused::Differs(canonical.replace('\n', "|"));
    let mut mac = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes())
        .map_err(|_| SignatureRefused::Malformed("no secret"))?;
    mac.update(text.as_bytes());
    mac.verify_slice(&expected).map_err(differs)
}

struct Authorization<'a> {
    access: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(text: &'a str) -> Result<Self, SignatureRefused> {
        let parameters = text
            .strip_prefix(SCHEME)
            .ok_or(SignatureRefused::NotSigned)?;
        let parameter = |name| {
            let found = parameters
                .split(',')
                .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
            found.ok_or(SignatureRefused::Malformed(
                "authorization format incorrect",
            ))
        };
        let signed_headers: Vec<&str> = parameter("SignedHeaders")?.split(';').collect();
        if !signed_headers.is_sorted()
            || !["host", "x-sdk-date"]
                .iter()
                .all(|name| signed_headers.contains(name))
        {
            return Err(SignatureRefused::Malformed(
                "signed headers are sorted and contain host and x-sdk-date",
            ));
        }
        Ok(Self {
            access: parameter("Access")?,
            signed_headers,
            signature: parameter("Signature")?,
        })
    }
}

fn canonical_request(
    request: &SignedRequest<'_>,
    signed_headers: &[&str],
) -> Result<String, SignatureRefused> {
    let mut canonical = format!(
        "{}\n{}\n{}\n",
        request.method,
        canonical_path(request.path),
        canonical_query(request.query)
    );
    for name in signed_headers {
        let value = header(request.headers, name)
            .ok_or(SignatureRefused::Malformed("a signed header is missing"))?;
        let _ = writeln!(canonical, "{name}:{}", value.trim());
    }
    let body = hex::encode(Sha256::digest(request.body));
    let payload = match header(request.headers, "x-sdk-content-sha256") {
        None => body,
        Some(_) if !signed_headers.contains(&"x-sdk-content-sha256") => {
            return Err(SignatureRefused::Malformed(
                "x-sdk-content-sha256 is not signed",
            ));
        }
        Some(sent) if sent == UNSIGNED || sent == body => sent,
        Some(_) => {
            return Err(SignatureRefused::Malformed(
                "x-sdk-content-sha256 is not that of the body",
            ));
        }
    };
    let _ = write!(canonical, "\n{}\n{payload}", signed_headers.join(";"));
    Ok(canonical)
}

/// Each segment decoded and encoded once; always with a `/` at the end.
fn canonical_path(path: &str) -> String {
    let mut canonical: String = path
        .split('/')
        .map(|segment| encode(&decode(segment)))
        .collect::<Vec<_>>()
        .join("/");
    if !canonical.ends_with('/') {
        canonical.push('/');
    }
    canonical
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    pairs.sort();
    let encoded = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name.as_bytes()), encode(value.as_bytes())));
    encoded.collect::<Vec<_>>().join("&")
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(*byte));
            }
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

/// `%2F` and the like; what is no escape stays as it is.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = if *first == b'%' {
            tail.get(..2).and_then(|digits| hex::decode(digits).ok())
        } else {
            None
        };
        rest = if escaped.is_some() { &tail[2..] } else { tail };
        bytes.extend(escaped.unwrap_or_else(|| vec![*first]));
    }
    bytes
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn timestamp(date: &str) -> Option<Timestamp> {
    let civil = DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    Some(TimeZone::UTC.to_zoned(civil).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};
    use std::collections::BTreeMap;

    #[derive(serde::Deserialize)]
    struct Vectors {
        vectors: Vec<Vector>,
    }

    #[derive(serde::Deserialize)]
    struct Vector {
        id: String,
        method: String,
        url: String,
        headers: BTreeMap<String, String>,
        body: String,
        key: String,
        secret: String,
        x_sdk_date: String,
        canonical_request: String,
        authorization: String,
    }

    fn vectors() -> Vec<Vector> {
        let text = include_str!("../../../tests/data/providers/huawei_sign_vectors.json");
        serde_json::from_str::<Vectors>(text).unwrap().vectors
    }

    fn headers(vector: &Vector) -> HeaderMap {
        let url = url::Url::parse(&vector.url).unwrap();
        let host = url
            .port()
            .map_or(url.host_str().unwrap().to_owned(), |port| {
                format!("{}:{port}", url.host_str().unwrap())
            });
        let mut all = vector.headers.clone();
        all.extend([
            ("host".to_owned(), host),
            ("authorization".to_owned(), vector.authorization.clone()),
        ]);
        all.iter()
            .map(|(name, value)| {
                (
                    name.parse::<HeaderName>().unwrap(),
                    HeaderValue::from_bytes(value.as_bytes()).unwrap(),
                )
            })
            .collect()
    }

    fn checked(
        vector: &Vector,
        headers: &HeaderMap,
        body: &[u8],
        seconds_late: i64,
    ) -> Result<(), SignatureRefused> {
        let (rest, query) = vector.url.split_once('?').unwrap_or((&vector.url, ""));
        let path = rest
            .splitn(4, '/')
            .nth(3)
            .map_or("/".to_owned(), |path| format!("/{path}"));
        let method = vector.method.parse().unwrap();
        let now =
            timestamp(&vector.x_sdk_date).unwrap() + jiff::SignedDuration::from_secs(seconds_late);
        verify_within(
            MAX_SKEW_SECONDS,
            &SignedRequest {
                method: &method,
                path: &path,
                query,
                headers,
                body,
            },
            &vector.key,
            &vector.secret,
            now,
        )
    }

    #[test]
    fn every_known_answer_is_accepted() {
        for vector in vectors() {
            assert_eq!(
                checked(&vector, &headers(&vector), vector.body.as_bytes(), 0),
                Ok(()),
                "{}",
                vector.id
            );
        }
    }

    #[test]
    fn a_changed_body_is_refused_and_what_was_signed_is_echoed() {
        let vector = vectors()
            .into_iter()
            .find(|vector| vector.id.starts_with("v1"))
            .unwrap();
        let Err(SignatureRefused::Differs(canonical)) =
            checked(&vector, &headers(&vector), b"base64=AAAA", 0)
        else {
            panic!("accepted")
        };
        assert_eq!(canonical.split('|').next_back().map(str::len), Some(64));
        assert!(
            vector
                .canonical_request
                .replace('\n', "|")
                .starts_with(&canonical[..canonical.len() - 64])
        );
    }

    #[test]
    fn a_clock_fifteen_minutes_off_is_still_accepted_and_not_a_second_more() {
        let vector = vectors().into_iter().next().unwrap();
        for (late, accepted) in [(900, true), (-900, true), (901, false), (-901, false)] {
            let answer = checked(&vector, &headers(&vector), b"", late);
            assert_eq!(answer.is_ok(), accepted, "{late}");
            assert!(accepted || answer.unwrap_err().to_string().contains("expired"));
        }
    }

    #[test]
    fn a_request_that_is_unsigned_or_signed_with_another_key_is_refused() {
        let vector = vectors().into_iter().next().unwrap();
        let with = |authorization: &str| {
            let mut changed = headers(&vector);
            changed.insert("authorization", authorization.parse().unwrap());
            checked(&vector, &changed, b"", 0).unwrap_err()
        };
        assert_eq!(with("Basic abc"), SignatureRefused::NotSigned);
        assert!(matches!(
            with("SDK-HMAC-SHA256 Access=a"),
            SignatureRefused::Malformed(_)
        ));
        assert!(matches!(
            with(&vector.authorization.replace("Access=Q", "Access=R")),
            SignatureRefused::UnknownKey(_)
        ));
        assert!(matches!(
            with(&vector.authorization.replace("host;", "")),
            SignatureRefused::Malformed(_)
        ));
        let mut undated = headers(&vector);
        undated.insert("x-sdk-date", "yesterday".parse().unwrap());
        assert!(matches!(
            checked(&vector, &undated, b"", 0),
            Err(SignatureRefused::Malformed(_))
        ));
        let other = if vector.authorization.ends_with('0') {
            "1"
        } else {
            "0"
        };
        assert!(matches!(
            with(&format!(
                "{}{other}",
                &vector.authorization[..vector.authorization.len() - 1]
            )),
            SignatureRefused::Differs(_)
        ));
    }

    #[test]
    fn escapes_are_decoded_and_stray_percent_signs_kept() {
        for (text, bytes) in [
            ("%2F%e6", &[0x2f, 0xe6][..]),
            ("100%", b"100%"),
            ("%zz%4", b"%zz%4"),
            ("a+b", b"a+b"),
        ] {
            assert_eq!(decode(text), bytes, "{text}");
        }
    }
}
