//! Ways in which the sandbox can be other than the documents say: a test aid, by which `certify` is
//! shown to notice each.

use super::reply::SandboxReply;
use crate::domain::stage::Stage;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The tolerance of the clock where it is short.
pub(super) const SHORT_SKEW_SECONDS: i64 = 5 * 60;
/// The longest file where only small ones are taken.
pub(super) const SMALL_FILE_BYTES: usize = 3 << 20;

/// One difference from the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deviation {
    /// The gateway refuses `UNSIGNED-PAYLOAD`.
    UnsignedPayloadRefused,
    /// The gateway refuses an app code.
    AppCodeRefused,
    /// The gateway refuses what was signed more than five minutes ago.
    ShortClockTolerance,
    /// The gateway's errors have other names.
    GatewayErrorShape,
    /// Recognition's `code` is a string.
    CodeAsText,
    /// `AmountInFigures`, as it should be spelled.
    AmountSpelling,
    /// Recognition's tables are lists of objects.
    FlatTables,
    /// No answer has a `Date` that can be read.
    DateUnreadable,
    /// Verification refuses with HTTP 200.
    RefusalsInHttp200,
    /// `qrcode_scan_result` is a boolean.
    QrAsBoolean,
    /// `img_status` is an object.
    StatusAsObject,
    /// Verification does not read a picture with an EXIF orientation.
    ExifIgnored,
    /// Verification refuses `auto_rotate`.
    AutoRotateRefused,
    /// Verification takes smaller files only.
    SmallFiles,
}

/// The differences that are planted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Deviations(pub Vec<Deviation>);

impl Deviation {
    pub const ALL: [Self; 14] = [
        Self::UnsignedPayloadRefused,
        Self::AppCodeRefused,
        Self::ShortClockTolerance,
        Self::GatewayErrorShape,
        Self::CodeAsText,
        Self::AmountSpelling,
        Self::FlatTables,
        Self::DateUnreadable,
        Self::RefusalsInHttp200,
        Self::QrAsBoolean,
        Self::StatusAsObject,
        Self::ExifIgnored,
        Self::AutoRotateRefused,
        Self::SmallFiles,
    ];
}

impl Deviations {
    pub(super) fn has(&self, deviation: Deviation) -> bool {
        self.0.contains(&deviation)
    }

    /// The document as it deviates.
    pub(super) fn alter(&self, stage: Stage, mut reply: SandboxReply) -> SandboxReply {
        if self.0.is_empty() {
            return reply;
        }
        let Ok(Value::Object(mut fields)) = serde_json::from_slice(&reply.body) else {
            return reply;
        };
        if stage == Stage::Recognition {
            self.alter_recognition(&mut fields);
        } else {
            let is_refusal = !reply.status.is_success();
            if self.has(Deviation::RefusalsInHttp200) && is_refusal {
                reply.status = StatusCode::OK;
            }
            self.alter_verification(&mut fields);
        }
        reply.body = Value::Object(fields).to_string().into();
        reply
    }

    fn alter_recognition(&self, fields: &mut Map<String, Value>) {
        if self.has(Deviation::GatewayErrorShape) {
            rename(fields, "error_code", "errorCode");
            rename(fields, "error_msg", "errorMsg");
        }
        if self.has(Deviation::CodeAsText)
            && let Some(code) = fields.get_mut("code")
        {
            *code = code.to_string().into();
        }
        let Some(Value::Object(data)) = fields.get_mut("data") else {
            return;
        };
        if self.has(Deviation::AmountSpelling) {
            rename(data, "AmountInFiguers", "AmountInFigures");
        }
        if self.has(Deviation::FlatTables) {
            for table in ["CostCategories", "CostDetail"] {
                if let Some(Value::Array(rows)) = data.get_mut(table) {
                    rows.iter_mut().for_each(flatten);
                }
            }
        }
    }

    fn alter_verification(&self, fields: &mut Map<String, Value>) {
        if self.has(Deviation::QrAsBoolean)
            && let Some(found) = fields.get_mut("qrcode_scan_result")
        {
            *found = (found.as_u64() == Some(1)).into();
        }
        if !self.has(Deviation::StatusAsObject) {
            return;
        }
        let Some(Value::Object(data)) = fields.get_mut("data") else {
            return;
        };
        for result in data.values_mut() {
            if let Some(status) = result.get_mut("img_status") {
                let first = status.get(0).cloned();
                *status = first.unwrap_or_else(|| Value::Object(Map::new()));
            }
        }
    }

    /// The response as it deviates.
    pub(super) fn alter_headers(&self, mut response: Response) -> Response {
        if self.has(Deviation::DateUnreadable) {
            let headers = response.headers_mut();
            headers.insert(header::DATE, HeaderValue::from_static("today"));
        }
        response
    }
}

fn rename(fields: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = fields.remove(from) {
        fields.insert(to.to_owned(), value);
    }
}

/// A row of cells becomes an object of its words by its columns.
fn flatten(row: &mut Value) {
    let Value::Array(cells) = row else {
        return;
    };
    let cells = cells.iter().filter_map(|cell| {
        let name = cell.get("name")?.as_str()?;
        Some((name.to_owned(), cell.get("word")?.clone()))
    });
    *row = Value::Object(cells.collect());
}
