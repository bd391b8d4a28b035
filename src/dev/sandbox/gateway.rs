//! The API gateway in front of recognition: lets nothing through that is not addressed, signed and
//! within the rate.

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use bytes::BytesMut;
use futures_util::StreamExt;
use jiff::Timestamp;
use serde::Serialize;

use super::app::App;
use super::reply::{self, Reply};
use super::scenario::codes;
use super::signature::{self, Received, Refused};
use crate::domain::failure::Stage;

pub(super) const PATH: &str = "/ocr/medical-invoice";
/// What the gateway takes at all; the provider behind it takes less.
const MAX_BODY_BYTES: usize = 12 << 20;

#[derive(Serialize)]
struct Refusal<'a> {
    error_code: &'a str,
    error_msg: &'a str,
    request_id: &'a str,
}

/// The body of a request that may pass.
pub(super) async fn pass(app: &App, parts: &Parts, body: Body) -> Result<Bytes, Reply> {
    let Some(body) = read(body).await else {
        return Err(refuse(
            app,
            "APIG.0201",
            Some(413),
            Some("Request entity too large"),
        ));
    };
    authenticate(app, parts, &body).map_err(|refused| {
        let code = if refused == Refused::NotSigned {
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
    app: &App,
    code: &str,
    http_status: Option<u16>,
    message: Option<&str>,
) -> Reply {
    let known = codes::gateway(code);
    let http_status = http_status
        .or(known.map(|known| known.http_status))
        .unwrap_or(400);
    let error_msg = message
        .or(known.map(|known| known.message))
        .unwrap_or("undocumented");
    let request_id = &app.request_id()[..32];
    Reply::json(
        code,
        http_status,
        &Refusal {
            error_code: code,
            error_msg,
            request_id,
        },
    )
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

fn authenticate(app: &App, parts: &Parts, body: &[u8]) -> Result<(), Refused> {
    if let Some(code) = app_code(&parts.headers) {
        let right = code == app.recognition.app_code.expose().as_bytes();
        return if right {
            Ok(())
        } else {
            Err(Refused::Malformed("appcode not found"))
        };
    }
    let received = Received {
        method: &parts.method,
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body,
    };
    signature::verify(
        &received,
        &app.recognition.app_key,
        app.recognition.app_secret.expose(),
        Timestamp::now(),
    )
}

fn app_code(headers: &HeaderMap) -> Option<&[u8]> {
    headers
        .get("x-apig-appcode")
        .map(axum::http::HeaderValue::as_bytes)
}
