//! The API gateway in front of recognition: lets nothing through that is not addressed, signed and
//! within the rate.

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use bytes::BytesMut;
use futures_util::StreamExt;
use jiff::Timestamp;
use serde::Serialize;

use super::app::SandboxApp;
use super::codes;
use super::deviation::{Deviation, SHORT_SKEW_SECONDS};
use super::reply::{self, SandboxReply};
use super::signature::{self, SignatureRefused, SignedRequest};
use crate::domain::failure::Stage;
use crate::settings::secret::Secret;

pub(super) const PATH: &str = "/ocr/medical-invoice";
/// The largest body that the gateway takes; the provider behind it takes less.
const MAX_BODY_BYTES: usize = 12 << 20;

#[derive(Serialize)]
struct GatewayRefusal<'a> {
    error_code: &'a str,
    error_msg: &'a str,
    request_id: &'a str,
}

/// The body of a request that may pass.
pub(super) async fn pass(
    app: &SandboxApp,
    parts: &Parts,
    body: Body,
) -> Result<Bytes, SandboxReply> {
    let Some(body) = read(body).await else {
        return Err(refuse(
            app,
            "APIG.0201",
            Some(413),
            Some("Request entity too large"),
        ));
    };
    authenticate(app, parts, &body).map_err(|refused| {
        let code = if refused == SignatureRefused::NotSigned {
            "APIG.0301"
        } else {
            "APIG.0303"
        };
        refuse(app, code, None, Some(&refused.to_string()))
    })?;
    if app.admit(Stage::Recognition) {
        Ok(body)
    } else {
        Err(refuse(app, "APIG.0308", None, None))
    }
}

/// Status and message are the documented ones where none is given.
pub(super) fn refuse(
    app: &SandboxApp,
    code: &str,
    http_status: Option<u16>,
    message: Option<&str>,
) -> SandboxReply {
    let known = codes::documented(Stage::Recognition, code);
    let http_status = http_status
        .or(known.map(|known| known.http_status))
        .unwrap_or(400);
    let error_msg = message
        .or(known.map(|known| known.message))
        .unwrap_or("undocumented");
    let request_id = &app.request_id()[..32];
    SandboxReply::json(
        code,
        http_status,
        &GatewayRefusal {
            error_code: code,
            error_msg,
            request_id,
        },
    )
    .identified(request_id)
}

/// `None` for a body that is too large, or that breaks off.
async fn read(body: Body) -> Option<Bytes> {
    let mut stream = body.into_data_stream();
    let mut kept = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        kept.extend_from_slice(&chunk.ok()?);
        if kept.len() > MAX_BODY_BYTES {
            reply::drain(Body::from_stream(stream)).await;
            return None;
        }
    }
    Some(kept.freeze())
}

fn authenticate(app: &SandboxApp, parts: &Parts, body: &[u8]) -> Result<(), SignatureRefused> {
    let unsigned = parts.headers.get("x-sdk-content-sha256");
    if unsigned.is_some_and(|said| said == "UNSIGNED-PAYLOAD")
        && app.deviations.has(Deviation::UnsignedPayloadRefused)
    {
        return Err(SignatureRefused::Malformed("the body is not signed"));
    }
    if let Some(code) = app_code(&parts.headers) {
        if app.deviations.has(Deviation::AppCodeRefused) {
            return Err(SignatureRefused::Malformed("appcode not allowed"));
        }
        let account = &app.recognition;
        let is_right = [&account.app_code, &account.previous_app_code]
            .into_iter()
            .any(|right| !right.is_empty() && code == right.expose().as_bytes());
        return if is_right {
            Ok(())
        } else {
            Err(SignatureRefused::Malformed("appcode not found"))
        };
    }
    let received = SignedRequest {
        method: &parts.method,
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body,
    };
    let account = &app.recognition;
    let tolerance = if app.deviations.has(Deviation::ShortClockTolerance) {
        SHORT_SKEW_SECONDS
    } else {
        signature::MAX_SKEW_SECONDS
    };
    let verify = |key: &str, secret: &Secret| {
        let now = Timestamp::now();
        signature::verify_within(tolerance, &received, key, secret.expose(), now)
    };
    let previous_key = Some(&account.previous_app_key).filter(|key| !key.is_empty());
    verify(&account.app_key, &account.app_secret).or_else(|refused| {
        if account.previous_app_secret.is_empty() {
            return Err(refused);
        }
        let previous_key = previous_key.unwrap_or(&account.app_key);
        verify(previous_key, &account.previous_app_secret).map_err(|_| refused)
    })
}

fn app_code(headers: &HeaderMap) -> Option<&[u8]> {
    headers
        .get("x-apig-appcode")
        .map(axum::http::HeaderValue::as_bytes)
}
