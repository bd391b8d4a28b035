use super::*;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
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
    canonical_request_sha256: String,
    string_to_sign: String,
    payload_hash: String,
    authorization: String,
}

fn vectors() -> Vec<Vector> {
    let text = include_str!("../../../tests/data/providers/huawei_sign_vectors.json");
    serde_json::from_str::<Vectors>(text).unwrap().vectors
}

impl Vector {
    fn signed(&self) -> (CanonicalRequest, BTreeMap<&'static str, String>) {
        let payload = if self.payload_hash == UNSIGNED {
            Payload::Unsigned
        } else {
            Payload::of(self.body.as_bytes())
        };
        let added = ["x-sdk-date", "x-sdk-content-sha256"];
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .filter(|(name, _)| !added.contains(&name.to_ascii_lowercase().as_str()))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let url = Url::parse(&self.url).unwrap();
        let request = Unsigned {
            method: &self.method,
            url: &url,
            headers: &headers,
            payload,
        };
        let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &self.x_sdk_date).unwrap();
        let at = at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        let signer = Signer::new(Secret::new(&self.key), Secret::new(&self.secret));
        let headers = signer
            .sign(&request, at, SignedDuration::ZERO)
            .into_iter()
            .collect();
        (CanonicalRequest::new(&request, &self.x_sdk_date), headers)
    }
}

#[test]
fn every_known_answer_is_reproduced_step_by_step() {
    assert_eq!(vectors().len(), 6);
    for vector in vectors() {
        let (canonical, headers) = vector.signed();
        assert_eq!(canonical.text, vector.canonical_request, "{}", vector.id);
        assert_eq!(
            hex::encode(Sha256::digest(&canonical.text)),
            vector.canonical_request_sha256,
            "{}",
            vector.id
        );
        assert_eq!(
            string_to_sign(&canonical.text, &vector.x_sdk_date),
            vector.string_to_sign,
            "{}",
            vector.id
        );
        assert_eq!(headers["x-sdk-date"], vector.x_sdk_date, "{}", vector.id);
        assert_eq!(
            headers["authorization"], vector.authorization,
            "{}",
            vector.id
        );
    }
}

#[test]
fn an_unsigned_payload_is_announced_in_a_header_that_is_signed() {
    let vectors = vectors();
    let vector = vectors
        .iter()
        .find(|vector| vector.payload_hash == UNSIGNED)
        .unwrap();
    let (canonical, headers) = vector.signed();
    assert_eq!(headers["x-sdk-content-sha256"], UNSIGNED);
    assert!(canonical.signed_headers.contains("x-sdk-content-sha256"));
}

#[test]
fn the_gateways_clock_is_what_is_signed() {
    let signer = Signer::new(Secret::new("key"), Secret::new("secret"));
    let url = Url::parse("https://gateway.example/ocr").unwrap();
    let request = Unsigned {
        method: "POST",
        url: &url,
        headers: &[],
        payload: Payload::Unsigned,
    };
    let now: Timestamp = "2026-02-15T03:15:00Z".parse().unwrap();
    for (offset, expected) in [
        (0, "20260215T031500Z"),
        (1_200, "20260215T033500Z"),
        (-1_200, "20260215T025500Z"),
    ] {
        let headers = signer.sign(&request, now, SignedDuration::from_secs(offset));
        assert_eq!(headers[0], ("x-sdk-date", expected.to_owned()));
    }
}

#[test]
fn paths_are_decoded_before_they_are_encoded_once() {
    for (url, expected) in [
        ("https://h", "/"),
        ("https://h/a/b/", "/a/b/"),
        ("https://h/a%20b", "/a%20b/"),
        ("https://h/a%2fb", "/a/b/"),
        ("https://h/100%", "/100%25/"),
        ("https://h/识别", "/%E8%AF%86%E5%88%AB/"),
        ("https://h/a+b!", "/a%2Bb%21/"),
    ] {
        assert_eq!(canonical_path(&Url::parse(url).unwrap()), expected, "{url}");
    }
}

#[test]
fn a_signer_prints_neither_key_nor_secret() {
    let signer = Signer::new(Secret::new("visible-key"), Secret::new("visible-secret"));
    assert!(!format!("{signer:?}").contains("visible"));
}
