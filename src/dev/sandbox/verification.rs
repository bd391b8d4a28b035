//! The verification API: a picture with a bill's QR code in, what the fiscal registry knows about
//! the bill out.

use axum::body::Bytes;
use axum::extract::{Extension, FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use image::ImageFormat;
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::app::SandboxApp;
use super::codes;
use super::deviation::{Deviation, SMALL_FILE_BYTES};
use super::picture::SeenPicture;
use super::reply::{self, HangUp, SandboxReply};
use crate::dev::scenario::{Fault, RegistryAnswer, ScriptedAnswer};
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
struct VerificationDocument<'a> {
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
    State(app): State<Arc<SandboxApp>>,
    Extension(connection): Extension<HangUp>,
    request: Request,
) -> Response {
    let mut call = app.calls.begin(Stage::Verification);
    let (picture, auto_rotate) = match receive(&app, request).await {
        Ok(received) => received,
        Err(refusal) => {
            let refusal = app.refusal(Stage::Verification, refusal);
            let response = reply::send(refusal, None, call, &connection).await;
            return app.deviations.alter_headers(response);
        }
    };
    let fault = app
        .picture_fault(Stage::Verification, &picture, auto_rotate, &mut call)
        .await;
    let reply = fault
        .and_then(|fault| scripted(&app, fault, &picture))
        .or_else(|| replayed(&app, &picture))
        .unwrap_or_else(|| verified(&app, &picture, fault));
    let reply = app.deviations.alter(Stage::Verification, reply);
    let response = reply::send(reply, fault, call, &connection).await;
    app.deviations.alter_headers(response)
}

async fn receive(app: &SandboxApp, request: Request) -> Result<(SeenPicture, bool), SandboxReply> {
    if let Err(status) = pass(app, &request) {
        reply::drain(request.into_body()).await;
        return Err(refuse(app, status, None, None));
    }
    let invalid = |reason: &str| refuse(app, "INVALID_ARGUMENT", None, Some(reason));
    let form = Form::read(request).await.map_err(invalid)?;
    if form.auto_rotate && app.deviations.has(Deviation::AutoRotateRefused) {
        return Err(invalid("auto_rotate is not known"));
    }
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
    if bytes.len() > SMALL_FILE_BYTES && app.deviations.has(Deviation::SmallFiles) {
        return Err(invalid("the file is too large"));
    }
    let read = app.reader.read(bytes).await;
    let Ok(picture) = read.as_ref() else {
        return Err(invalid("image format is not supported"));
    };
    let right_side = |side| side > MIN_SIDE_EXCLUSIVE && side <= MAX_SIDE;
    if !FORMATS.contains(&picture.format) {
        Err(invalid("image format is not supported"))
    } else if !right_side(picture.width) || !right_side(picture.height) {
        Err(invalid("image size is out of range"))
    } else if picture.is_turned && app.deviations.has(Deviation::ExifIgnored) {
        let lying = SeenPicture {
            bill: None,
            ..picture.clone()
        };
        Ok((lying, form.auto_rotate))
    } else {
        Ok((picture.clone(), form.auto_rotate))
    }
}

/// # Errors
/// The status with which the call is refused.
fn pass(app: &SandboxApp, request: &Request) -> Result<(), &'static str> {
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

fn authentic(app: &SandboxApp, headers: &HeaderMap) -> bool {
    let is = |name, expected: &str| {
        headers
            .get(name)
            .is_some_and(|value| value.as_bytes() == expected.as_bytes())
    };
    let account = &app.verification;
    let previous_id = Some(&account.previous_api_id).filter(|id| !id.is_empty());
    let accounts = [
        (&account.api_id, &account.api_secret),
        (
            previous_id.unwrap_or(&account.api_id),
            &account.previous_api_secret,
        ),
    ];
    accounts.into_iter().any(|(id, secret)| {
        !secret.is_empty() && is("x-df-api-id", id) && is("x-df-api-secret", secret.expose())
    })
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
                // Read on: a client that is refused while still sending never sees the refusal.
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

fn scripted(app: &SandboxApp, fault: &Fault, picture: &SeenPicture) -> Option<SandboxReply> {
    let message = fault.message.as_deref();
    match &fault.answer {
        ScriptedAnswer::Genuine | ScriptedAnswer::Broken(_) => None,
        ScriptedAnswer::Code(code) => Some(failed(
            app,
            *code,
            message,
            fault.qr.unwrap_or(picture.bill.is_some()),
        )),
        ScriptedAnswer::Named(status) => Some(refuse(app, status, fault.http_status, message)),
        ScriptedAnswer::Http(status) => Some(SandboxReply::page(*status)),
    }
}

/// A recorded answer, where the picture has a bill: one without is refused all the same.
fn replayed(app: &SandboxApp, picture: &SeenPicture) -> Option<SandboxReply> {
    picture.bill.as_ref()?;
    app.replayed(Stage::Verification)
}

fn verified(app: &SandboxApp, picture: &SeenPicture, fault: Option<&Fault>) -> SandboxReply {
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
    let scripted = fault.and_then(|fault| with_registry(&entry.verification, fault.registry?));
    let answer = scripted.as_deref().unwrap_or(&entry.verification);
    let answer = app.answer_about(picture, answer);
    let request_id = &app.request_id()[..32];
    let document = VerificationDocument {
        data: Some(&*answer),
        error_code: None,
        status: "OK",
        reason: None,
        request_id,
        qrcode_scan_result: Some(u8::from(fault.and_then(|fault| fault.qr).unwrap_or(true))),
    };
    SandboxReply::json("OK", 200, &document).identified(request_id)
}

/// The registry was asked and said no.
fn failed(app: &SandboxApp, code: u16, reason: Option<&str>, qr_code_found: bool) -> SandboxReply {
    let request_id = format!("TID{}", &app.request_id()[..32]);
    let document = VerificationDocument {
        data: None,
        error_code: Some(code),
        status: "VERIFY_FAILED",
        reason: Some(reason.unwrap_or(codes::verification_reason(code))),
        request_id: &request_id,
        qrcode_scan_result: Some(u8::from(qr_code_found)),
    };
    SandboxReply::json(code.to_string(), 200, &document).identified(&request_id)
}

/// The registry's data with another status of the bill.
fn with_registry(data: &RawValue, registry: RegistryAnswer) -> Option<Box<RawValue>> {
    let mut parts: BTreeMap<String, BTreeMap<String, Box<RawValue>>> =
        serde_json::from_str(data.get()).ok()?;
    let status = match registry {
        RegistryAnswer::Genuine => json!([]),
        RegistryAnswer::Voided => json!([{ "yizuofei": "是" }]),
        RegistryAnswer::RedLettered => json!([{ "yikaihongpiao": "是" }]),
        RegistryAnswer::Unknown => json!([{ "yizuofei": "不详" }]),
    };
    let status = to_raw_value(&status).ok()?;
    for part in parts.values_mut() {
        part.insert("img_status".to_owned(), status.clone());
    }
    to_raw_value(&parts).ok()
}

/// The registry was not asked.
fn refuse(
    app: &SandboxApp,
    status: &str,
    http_status: Option<u16>,
    reason: Option<&str>,
) -> SandboxReply {
    let known = codes::documented(Stage::Verification, status);
    let request_id = &app.request_id()[..32];
    let document = VerificationDocument {
        data: None,
        error_code: None,
        status,
        reason: reason
            .or(known.map(|known| known.message))
            .or(Some("undocumented")),
        request_id,
        qrcode_scan_result: None,
    };
    SandboxReply::json(
        status,
        http_status
            .or(known.map(|known| known.http_status))
            .unwrap_or(400),
        &document,
    )
    .identified(request_id)
}
