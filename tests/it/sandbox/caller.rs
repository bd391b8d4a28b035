//! A caller of both APIs, written from the documents alone.

use hmac::{Hmac, KeyInit, Mac};
use invoice_worker::dev::sandbox::{
    Fault, Sample, Sandbox, SandboxOptions, SandboxScenario, samples,
};
use invoice_worker::dev::sandbox::{SandboxRecognition, SandboxVerification};
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// No rate limit, so that only the tests about it meet it.
pub(super) async fn sandbox(faults: Vec<Fault>) -> Sandbox {
    let scenario = SandboxScenario {
        recognition: SandboxRecognition {
            rate_per_second: 0,
            ..SandboxRecognition::default()
        },
        verification: SandboxVerification {
            rate_per_second: 0,
            ..SandboxVerification::default()
        },
        faults,
        ..SandboxScenario::default()
    };
    start(scenario).await
}

pub(super) async fn start(scenario: SandboxScenario) -> Sandbox {
    Sandbox::start(SandboxOptions {
        scenario,
        ..SandboxOptions::default()
    })
    .await
    .unwrap()
}

pub(super) fn sample(name: &str) -> &'static Sample {
    samples::named(name).unwrap()
}

/// What a provider is to answer about it.
pub(super) fn answers(sample: &Sample) -> Value {
    serde_json::from_str(sample.answers_json).unwrap()
}

pub(super) fn base64_form(bytes: &[u8]) -> String {
    let encoded = base64_simd::STANDARD.encode_to_string(bytes);
    format!(
        "base64={}",
        encoded
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D")
    )
}

/// Status and document.
pub(super) type Answered = (u16, Value);

pub(super) async fn recognise(sandbox: &Sandbox, body: String) -> Answered {
    document(
        signed(sandbox, body, Timestamp::now(), false)
            .send()
            .await
            .unwrap(),
    )
    .await
}

pub(super) async fn recognise_sample(sandbox: &Sandbox, name: &str) -> Answered {
    recognise(sandbox, base64_form(sample(name).bytes)).await
}

/// Signed by hand, at a time of the caller's choice.
pub(super) fn signed(
    sandbox: &Sandbox,
    body: String,
    at: Timestamp,
    unsigned_payload: bool,
) -> reqwest::RequestBuilder {
    let url: url::Url = sandbox.recognition_url().parse().unwrap();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let date = at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let kind = "application/x-www-form-urlencoded";
    let (payload, extra_header, extra_name) = if unsigned_payload {
        (
            "UNSIGNED-PAYLOAD".to_owned(),
            "x-sdk-content-sha256:UNSIGNED-PAYLOAD\n",
            "x-sdk-content-sha256;",
        )
    } else {
        (hex::encode(Sha256::digest(&body)), "", "")
    };
    let names = format!("content-type;host;{extra_name}x-sdk-date");
    let canonical = format!(
        "POST\n{}/\n\ncontent-type:{kind}\nhost:{host}\n{extra_header}x-sdk-date:{date}\n\n{names}\n{payload}",
        url.path()
    );
    let text = format!(
        "SDK-HMAC-SHA256\n{date}\n{}",
        hex::encode(Sha256::digest(canonical))
    );
    let credentials = sandbox.credentials();
    let mut mac = Hmac::<Sha256>::new_from_slice(credentials.app_secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let mut headers = HeaderMap::new();
    headers.insert("content-type", kind.parse().unwrap());
    headers.insert("x-sdk-date", date.parse().unwrap());
    if unsigned_payload {
        headers.insert("x-sdk-content-sha256", "UNSIGNED-PAYLOAD".parse().unwrap());
    }
    let authorization = format!(
        "SDK-HMAC-SHA256 Access={}, SignedHeaders={names}, Signature={signature}",
        credentials.app_key
    );
    headers.insert("authorization", authorization.parse().unwrap());
    client().post(url).headers(headers).body(body)
}

pub(super) async fn verify(sandbox: &Sandbox, form: Form) -> Answered {
    let credentials = sandbox.credentials();
    let request = client()
        .post(sandbox.verification_url())
        .header("X-DF-API-ID", credentials.api_id)
        .header("X-DF-API-SECRET", credentials.api_secret)
        .multipart(form);
    document(request.send().await.unwrap()).await
}

pub(super) fn file(bytes: impl Into<std::borrow::Cow<'static, [u8]>>) -> Form {
    Form::new().part("file", Part::bytes(bytes).file_name("invoice"))
}

pub(super) async fn verify_sample(sandbox: &Sandbox, name: &str) -> Answered {
    verify(sandbox, file(sample(name).bytes)).await
}

pub(super) async fn document(response: reqwest::Response) -> Answered {
    let status = response.status().as_u16();
    let bytes = response.bytes().await.unwrap();
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    )
}

pub(super) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A picture of nothing.
pub(super) fn blank(width: u32, height: u32, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_luma8(width, height)
        .write_to(&mut bytes, format)
        .unwrap();
    bytes.into_inner()
}
