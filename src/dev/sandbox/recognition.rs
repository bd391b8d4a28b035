//! The recognition API: a form with a picture in, the fields of a medical invoice out.

use axum::body::Bytes;
use axum::extract::{Extension, Request, State};
use axum::http::{Method, header};
use axum::response::Response;
use image::ImageFormat;
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;
use url::form_urlencoded;

use super::app::SandboxApp;
use super::bill::QrBill;
use super::codes;
use super::gateway;
use super::picture::SeenPicture;
use super::reply::{self, HangUp, SandboxReply};
use crate::certify::{RECOGNITION_FIELDS, RECOGNITION_TABLES};
use crate::dev::scenario::{Fault, ScriptedAnswer};
use crate::domain::failure::Stage;

const FORMATS: [ImageFormat; 3] = [ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Png];
const MIN_SIDE: u32 = 15;
const MAX_SIDE: u32 = 4096;
/// The longest base64 of a picture; in a form, after urlencoding.
const MAX_ENCODED_BYTES: usize = 4 << 20;
const MAX_URL_BYTES: usize = 1024;

#[derive(Serialize)]
struct RecognitionDocument<'a> {
    code: u16,
    msg: &'a str,
    #[serde(rename = "taskNo")]
    task_no: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

/// `POST /ocr/medical-invoice`, and everything else the gateway is asked for.
pub(super) async fn answer(
    State(app): State<Arc<SandboxApp>>,
    Extension(connection): Extension<HangUp>,
    request: Request,
) -> Response {
    let mut call = app.calls.begin(Stage::Recognition);
    let picture = match receive(&app, request).await {
        Ok(picture) => picture,
        Err(refusal) => {
            let refusal = app.refusal(Stage::Recognition, refusal);
            let response = reply::send(refusal, None, call, &connection).await;
            return app.deviations.alter_headers(response);
        }
    };
    let fault = app
        .picture_fault(Stage::Recognition, &picture, false, &mut call)
        .await;
    let reply = fault
        .and_then(|fault| scripted(&app, fault))
        .or_else(|| app.replayed(Stage::Recognition))
        .unwrap_or_else(|| recognised(&app, &picture, fault));
    let reply = app.deviations.alter(Stage::Recognition, reply);
    let response = reply::send(reply, fault, call, &connection).await;
    app.deviations.alter_headers(response)
}

async fn receive(app: &SandboxApp, request: Request) -> Result<SeenPicture, SandboxReply> {
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST || parts.uri.path() != gateway::PATH {
        reply::drain(body).await;
        return Err(gateway::refuse(app, "APIG.0101", None, None));
    }
    let is_form = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        kind.len() >= 33 && kind[..33].eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    });
    let body = gateway::pass(app, &parts, body).await?;
    if !is_form {
        return Err(refused(app, "参数错误: Content-Type"));
    }
    let bytes = picture_bytes(app, &body)
        .await
        .map_err(|problem| refused(app, problem))?;
    let read = app.reader.read(bytes).await;
    let Ok(picture) = read.as_ref() else {
        return Err(refused(app, "参数错误: 图片格式不支持"));
    };
    let (shortest, longest) = (
        picture.width.min(picture.height),
        picture.width.max(picture.height),
    );
    if !FORMATS.contains(&picture.format) {
        Err(refused(app, "参数错误: 图片格式不支持"))
    } else if shortest < MIN_SIDE || longest > MAX_SIDE {
        Err(refused(app, "参数错误: 图片尺寸不符合要求"))
    } else {
        Ok(picture.clone())
    }
}

/// The picture, from exactly one of `base64` and `url`.
async fn picture_bytes(app: &SandboxApp, body: &[u8]) -> Result<Bytes, &'static str> {
    match (raw_value(body, b"base64="), raw_value(body, b"url=")) {
        (Some(encoded), None) if encoded.len() <= MAX_ENCODED_BYTES => {
            let text = decoded(encoded);
            // Strict: a `data:` prefix, the URL-safe alphabet, spaces that were `+`, escapes
            // escaped twice are all refused.
            base64_simd::STANDARD
                .decode_to_vec(text)
                .map(Bytes::from)
                .map_err(|_| "参数错误: base64")
        }
        (Some(_), None) => Err("参数错误: 图片大小超过4M"),
        (None, Some(encoded)) => {
            let url = decoded(encoded);
            if url.len() > MAX_URL_BYTES {
                return Err("参数错误: url长度超过1024字节");
            }
            let fetched = app.downloader.fetch(&url, MAX_ENCODED_BYTES / 4 * 3).await;
            fetched.map_err(|_| "参数错误: url图片下载失败")
        }
        (Some(_), Some(_)) | (None, None) => Err("参数错误: base64和url二选一"),
    }
}

/// Still urlencoded: its length is limited as it travels. Empty is absent.
fn raw_value<'a>(body: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    body.split(|byte| *byte == b'&')
        .find_map(|pair| pair.strip_prefix(name))
        .filter(|value| !value.is_empty())
}

fn decoded(value: &[u8]) -> String {
    let mut pair = b"v=".to_vec();
    pair.extend_from_slice(value);
    form_urlencoded::parse(&pair)
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

fn scripted(app: &SandboxApp, fault: &Fault) -> Option<SandboxReply> {
    let message = fault.message.as_deref();
    match &fault.answer {
        ScriptedAnswer::Genuine | ScriptedAnswer::Broken(_) => None,
        ScriptedAnswer::Code(code) => Some(failed(
            app,
            *code,
            message.unwrap_or(codes::recognition_message(*code)),
        )),
        ScriptedAnswer::Named(code) => Some(gateway::refuse(app, code, fault.http_status, message)),
        ScriptedAnswer::Http(status) => Some(SandboxReply::page(*status)),
    }
}

fn recognised(app: &SandboxApp, picture: &SeenPicture, fault: Option<&Fault>) -> SandboxReply {
    let is_blank = fault.is_some_and(|fault| fault.nothing_read);
    let (of_sample, from_picture);
    let data = if let Some(entry) = app.entry(picture).filter(|_| !is_blank) {
        of_sample = app.answer_about(picture, &entry.recognition);
        Some(&*of_sample)
    } else {
        from_picture = to_raw_value(&fields(picture.bill.as_ref().filter(|_| !is_blank))).ok();
        from_picture.as_deref()
    };
    let task_no = task_no(app);
    SandboxReply::json(
        "200",
        200,
        &RecognitionDocument {
            code: 200,
            msg: codes::recognition_message(200),
            task_no: &task_no,
            data,
        },
    )
    .identified(&task_no)
}

/// The fields of a bill that is not in the catalogue, by its QR code; without a bill, every field
/// is there and empty.
fn fields(bill: Option<&QrBill>) -> serde_json::Map<String, serde_json::Value> {
    let mut fields: serde_json::Map<_, _> = RECOGNITION_FIELDS
        .iter()
        .map(|name| ((*name).to_owned(), json!("")))
        .collect();
    fields.extend(
        RECOGNITION_TABLES
            .iter()
            .map(|name| ((*name).to_owned(), json!([]))),
    );
    if let Some(bill) = bill {
        fields.insert("InvoiceNum".to_owned(), json!(bill.note_no));
        fields.insert(
            "Date".to_owned(),
            json!(bill.billing_date.as_deref().unwrap_or_default()),
        );
        fields.insert(
            "AmountInFiguers".to_owned(),
            json!(bill.total.as_deref().unwrap_or_default()),
        );
    }
    fields
}

fn refused(app: &SandboxApp, problem: &str) -> SandboxReply {
    failed(app, 400, problem)
}

/// A failure of the provider, which comes inside HTTP 200.
fn failed(app: &SandboxApp, code: u16, msg: &str) -> SandboxReply {
    let task_no = task_no(app);
    SandboxReply::json(
        code.to_string(),
        200,
        &RecognitionDocument {
            code,
            msg,
            task_no: &task_no,
            data: None,
        },
    )
    .identified(&task_no)
}

/// Twenty digits.
fn task_no(app: &SandboxApp) -> String {
    app.request_id()
        .bytes()
        .take(20)
        .map(|digit| char::from(b'0' + digit % 10))
        .collect()
}
