//! What came back: what the registry says about the bill, or the one code that the policy is keyed
//! on.

use super::{invoice, registry};
use crate::domain::failure::{Failure, Stage};
use crate::domain::invoice::Verified;
use crate::provider::Reply;
use crate::provider::wire::extra::Extra;
use crate::provider::wire::json::Fields;
use crate::provider::wire::redaction;
use crate::provider::wire::{self, AnswerContext, undocumented};
use jiff::tz::TimeZone;

const STAGE: Stage = Stage::Verification;

/// Reads an answer without making a call.
pub fn read_answer(status: u16, body: &[u8]) -> Result<Reply<Verified>, Failure> {
    wire::read_answer(STAGE, status, body, read)
}

/// The body's `status` goes before the HTTP status: 4xx answers are documented as well.
pub(super) fn read(
    status: u16,
    mut fields: Fields<'_>,
    context: &AnswerContext,
) -> Result<Reply<Verified>, Failure> {
    let request_id = fields
        .text("request_id")
        .as_deref()
        .and_then(redaction::request_id);
    let message = ["reason", "message"]
        .iter()
        .find_map(|name| fields.message(name))
        .unwrap_or_default();
    let qr_code_found = match fields.integer("qrcode_scan_result") {
        Some(1) => Some(true),
        Some(0) => Some(false),
        _ => None,
    };
    let told = |failure: Failure| Failure {
        http_status: Some(status),
        request_id: request_id.clone(),
        qr_code_found,
        ..failure
    };
    let name = fields.text("status");
    match name.as_deref().and_then(redaction::answer_name) {
        Some("OK") => match fields
            .object("data")
            .and_then(|data| verified(data, &context.timezone))
        {
            Some(verified) => Ok(Reply {
                code: "OK",
                request_id,
                answer: Verified {
                    qr_code_found,
                    ..verified
                },
            }),
            None => Err(told(undocumented(STAGE, status, "OK without a result"))),
        },
        Some("VERIFY_FAILED") => Err(told(match error_code(&mut fields) {
            Some(code) => Failure::new(STAGE, code, context.redaction.clean(&message)),
            None => Failure::new(
                STAGE,
                "VERIFY_FAILED",
                "VERIFY_FAILED without a readable error code",
            ),
        })),
        Some(name) => Err(told(Failure::new(
            STAGE,
            name,
            context.redaction.clean(&message),
        ))),
        None => Err(told(undocumented(
            STAGE,
            status,
            "the answer carries no status of the provider",
        ))),
    }
}

/// Documented as a number; one that is no number is at least a name.
fn error_code(fields: &mut Fields<'_>) -> Option<String> {
    if let Some(code) = fields.integer("error_code") {
        return Some(code.to_string());
    }
    redaction::answer_name(&fields.text("error_code")?).map(str::to_owned)
}

/// `None` without any result: an empty answer must not become a verdict.
fn verified(mut data: Fields<'_>, timezone: &TimeZone) -> Option<Verified> {
    let standard = data.object("invoice_standard_result");
    let additional = data.object("invoice_additional_result");
    let sent = [&standard, &additional]
        .into_iter()
        .flatten()
        .any(Fields::say_anything);
    if !sent {
        return None;
    }
    let mut standard = standard.unwrap_or_default();
    let registry = registry::map(
        additional.unwrap_or_default(),
        standard.raw("img_status"),
        timezone,
    );
    let mut extra = Extra::default();
    let mut invoice = invoice::map(standard, &mut extra, timezone);
    data.into_extra("data.", &mut extra);
    invoice.extra = extra.into_map(&mut invoice.left_out);
    Some(Verified {
        invoice,
        registry,
        qr_code_found: None,
    })
}
