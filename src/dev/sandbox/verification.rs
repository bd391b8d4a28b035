//! The verification API: a picture with a bill's QR code in, what the fiscal registry knows about
//! the bill out.

use axum::body::Bytes;
use axum::extract::{Extension, FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use image::ImageFormat;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;

use super::app::App;
use super::picture::Picture;
use super::reply::{self, HangUp, Reply};
use super::scenario::{Answer, Fault, codes};
use crate::domain::failure::Stage;

pub(super) const PATH: &str = "/ocr/medical/verify_e_invoice";
const FORMATS: [ImageFormat; 2] = [ImageFormat::Jpeg, ImageFormat::Png];
/// A side must be longer than this,
const MIN_SIDE_EXCLUSIVE: u32 = 128;
/// and no longer than this.
const MAX_SIDE: u32 = 6000;
/// Unstated; this is what the sibling APIs say.
const MAX_FILE_BYTES: usize = 5 << 20;
const MAX_TEXT_BYTES: usize = 4 << 10;

#[derive(Serialize)]
struct Document<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<u16>,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    qrcode_scan_result: Option<u8>,
}

/// The parts of a request.
#[derive(Default)]
struct Form {
    file: Option<Bytes>,
    url: Option<String>,
    auto_rotate: bool,
}

/// `POST /ocr/medical/verify_e_invoice`, and everything else asked for beside it.
pub(super) async fn answer(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<HangUp>,
    request: Request,
) -> Response {
    let mut call = app.calls.begin(Stage::Verification);
    let (picture, auto_rotate) = match receive(&app, request).await {
        Ok(received) => received,
        Err(refusal) => return reply::send(refusal, None, call, &connection).await,
    };
    let fault = app
        .picture_fault(Stage::Verification, &picture, auto_rotate, &mut call)
        .await;
    let reply = fault
        .and_then(|fault| scripted(&app, fault, &picture))
        .unwrap_or_else(|| verified(&app, &picture));
    reply::send(reply, fault, call, &connection).await
}

async fn receive(app: &App, request: Request) -> Result<(Picture, bool), Reply> {
    if let Err(status) = pass(app, &request) {
        reply::drain(request.into_body()).await;
        return Err(refuse(app, status, None, None));
    }
    let invalid = |reason: &str| refuse(app, "INVALID_ARGUMENT", None, Some(reason));
    let form = Form::read(request).await.map_err(invalid)?;
    let bytes = match (form.file, form.url) {
        (Some(file), None) => file,
        (None, Some(url)) => {
            let fetched = app.downloader.fetch(&url, MAX_FILE_BYTES).await;
            fetched.map_err(|problem| {
                refuse(app, "DOWNLOAD_ERROR", None, Some(&problem.to_string()))
            })?
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(invalid("exactly one of file and url is required"));
        }
    };
    let read = app.reader.read(bytes).await;
    let Ok(picture) = read.as_ref() else {
        return Err(invalid("image format is not supported"));
    };
    let right_side = |side| side > MIN_SIDE_EXCLUSIVE && side <= MAX_SIDE;
    if !FORMATS.contains(&picture.format) {
        Err(invalid("image format is not supported"))
    } else if !right_side(picture.width) || !right_side(picture.height) {
        Err(invalid("image size is out of range"))
    } else {
        Ok((picture.clone(), form.auto_rotate))
    }
}

/// By the status of the refusal.
fn pass(app: &App, request: &Request) -> Result<(), &'static str> {
    if request.method() != Method::POST || request.uri().path() != PATH {
        Err("NOT_FOUND")
    } else if !authentic(app, request.headers()) {
        Err("UNAUTHORIZED")
    } else if !app.admit(Stage::Verification) {
        Err("RATE_LIMIT_EXCEEDED")
    } else {
        Ok(())
    }
}

fn authentic(app: &App, headers: &HeaderMap) -> bool {
    let is = |name, expected: &str| {
        headers
            .get(name)
            .is_some_and(|value| value.as_bytes() == expected.as_bytes())
    };
    is("x-df-api-id", &app.verification.api_id)
        && is("x-df-api-secret", app.verification.api_secret.expose())
}

impl Form {
    async fn read(request: Request) -> Result<Self, &'static str> {
        let mut parts = Multipart::from_request(request, &())
            .await
            .map_err(|_| "the body is not multipart/form-data")?;
        let mut form = Self::default();
        while let Some(mut field) = parts
            .next_field()
            .await
            .map_err(|_| "the multipart body is broken")?
        {
            let name = field.name().unwrap_or_default().to_owned();
            let max_bytes = if name == "file" {
                MAX_FILE_BYTES
            } else {
                MAX_TEXT_BYTES
            };
            let mut bytes = Vec::new();
            while let Some(chunk) = field
                .chunk()
                .await
                .map_err(|_| "the multipart body is broken")?
            {
                // Read on: whoever is refused while still sending never sees the refusal.
                if bytes.len() <= max_bytes {
                    bytes.extend_from_slice(&chunk);
                }
            }
            if bytes.len() > max_bytes {
                return Err("the file, or a parameter, is too large");
            }
            match name.as_str() {
                "file" => form.file = Some(bytes.into()),
                "url" => form.url = Some(String::from_utf8(bytes).map_err(|_| "url is not UTF-8")?),
                "auto_rotate" => {
                    form.auto_rotate = boolean(&bytes).ok_or("auto_rotate is not a boolean")?;
                }
                _ => {}
            }
        }
        Ok(form)
    }
}

fn boolean(text: &[u8]) -> Option<bool> {
    match text.to_ascii_lowercase().as_slice() {
        b"true" | b"1" => Some(true),
        b"false" | b"0" => Some(false),
        _ => None,
    }
}

fn scripted(app: &App, fault: &Fault, picture: &Picture) -> Option<Reply> {
    let message = fault.message.as_deref();
    match &fault.answer {
        Answer::Genuine | Answer::Broken(_) => None,
        Answer::Code(code) => Some(failed(
            app,
            *code,
            message,
            fault.qr.unwrap_or(picture.bill.is_some()),
        )),
        Answer::Named(status) => Some(refuse(app, status, fault.http_status, message)),
        Answer::Http(status) => Some(Reply::page(*status)),
    }
}

fn verified(app: &App, picture: &Picture) -> Reply {
    if picture.bill.is_none() {
        return refuse(
            app,
            "DETETION_FAILED",
            None,
            Some("no e-invoice found in the image"),
        );
    }
    let Some(entry) = app.entry(picture) else {
        return failed(app, 300, None, true);
    };
    let request_id = &app.request_id()[..32];
    let document = Document {
        data: Some(&entry.verification),
        error_code: None,
        status: "OK",
        reason: None,
        request_id,
        qrcode_scan_result: Some(1),
    };
    Reply::json("OK", 200, &document)
}

/// The registry was asked and said no.
fn failed(app: &App, code: u16, reason: Option<&str>, qr_code_found: bool) -> Reply {
    let request_id = format!("TID{}", &app.request_id()[..32]);
    let document = Document {
        data: None,
        error_code: Some(code),
        status: "VERIFY_FAILED",
        reason: Some(reason.unwrap_or(codes::verification_reason(code))),
        request_id: &request_id,
        qrcode_scan_result: Some(u8::from(qr_code_found)),
    };
    Reply::json(code.to_string(), 200, &document)
}

/// The registry was not asked.
fn refuse(app: &App, status: &str, http_status: Option<u16>, reason: Option<&str>) -> Reply {
    let known = codes::status(status);
    let request_id = &app.request_id()[..32];
    let document = Document {
        data: None,
        error_code: None,
        status,
        reason: reason
            .or(known.map(|known| known.message))
            .or(Some("undocumented")),
        request_id,
        qrcode_scan_result: None,
    };
    Reply::json(
        status,
        http_status
            .or(known.map(|known| known.http_status))
            .unwrap_or(400),
        &document,
    )
}
