//! What came back: what the registry says about the bill, or the one code that the policy is keyed
//! on.

use super::{invoice, registry};
use crate::domain::failure::{Failure, Stage};
use crate::domain::invoice::{Day, Money, Verified};
use crate::provider::Reply;
use crate::provider::wire::extra::{Extra, note};
use crate::provider::wire::json::{self, Fields};
use crate::provider::wire::redaction;
use crate::provider::wire::{self, AnswerContext, undocumented};
use serde_json::value::RawValue;

const STAGE: Stage = Stage::Verification;
const STANDARD: &str = "invoice_standard_result";
const ADDITIONAL: &str = "invoice_additional_result";

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
        request_id: request_id.as_deref().map(Box::from),
        qr_code_found,
        ..failure
    };
    let name = fields.text("status");
    match name.as_deref().and_then(redaction::answer_name) {
        Some("OK") => match fields
            .object("data")
            .and_then(|data| verified(data, context))
        {
            Some(verified) => Ok(Reply {
                code: "OK",
                request_id,
                answer: Verified {
                    qr_code_found,
                    ..verified
                },
            }),
            None => Err(told(undocumented(STAGE, status, "OK without a bill"))),
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

/// `None` without a bill: an empty answer must not become a verdict.
///
/// A second bill in the answer is shown as it was sent, and counted.
fn verified(data: Fields<'_>, context: &AnswerContext) -> Option<Verified> {
    let mut data = data;
    let results = data.raw(STANDARD).map(json::objects).unwrap_or_default();
    let additional = data.raw(ADDITIONAL).map(json::objects).unwrap_or_default();
    let first = results.first().map(|(_, raw)| raw.get());
    let mut standard = first.and_then(Fields::parse).unwrap_or_default();
    let registry = registry::map(&additional, standard.raw("img_status"), context);
    let mut extra = Extra::default();
    for (index, raw) in results.iter().skip(1) {
        extra.keep(format!("{STANDARD}[{index}]"), raw);
    }
    let mut invoice = invoice::map(standard, &mut extra, &context.timezone);
    data.into_extra("data.", &mut extra);
    let kept = extra.into_map(&mut invoice.left_out);
    (invoice.extra, invoice.extra_truncated) = (kept.fields, kept.is_truncated);
    let others = results.iter().skip(1).filter(|(_, raw)| is_a_bill(raw));
    note(&mut invoice.left_out, "bills", others.count() as u64);
    let verified = Verified {
        invoice,
        registry,
        qr_code_found: None,
    };
    identifies_a_bill(&verified).then_some(verified)
}

fn is_a_bill(raw: &RawValue) -> bool {
    Fields::parse(raw.get())
        .is_some_and(|fields| fields.says("note_no") || fields.says("note_code"))
}

/// Whether either result has a number or a code, and a total or a date that could be read. Without
/// them nothing says which bill the registry speaks of.
fn identifies_a_bill(verified: &Verified) -> bool {
    let (invoice, registry) = (&verified.invoice, &verified.registry);
    let names = [
        &invoice.note_no,
        &invoice.note_code,
        &registry.note_no,
        &registry.note_code,
    ];
    let totals = [&invoice.total_cost, &registry.total_cost];
    let dates = [&invoice.billing_date, &registry.billing_date];
    let is_read = |total: &Option<Money>| total.as_ref().is_some_and(|read| read.value().is_some());
    let is_dated = |date: &Option<Day>| date.as_ref().is_some_and(|read| read.value().is_some());
    names.into_iter().any(Option::is_some)
        && (totals.into_iter().any(is_read) || dates.into_iter().any(is_dated))
}
