//! What came back from Lumen: an invoice, or one of its codes. Pure.

use invoice_worker::domain::failure::{Failure, Stage};
use invoice_worker::domain::invoice::Invoice;
use invoice_worker::provider::Reply;
use invoice_worker::provider::wire::field::{Field, fields, read_all};
use invoice_worker::provider::wire::json::Fields;
use invoice_worker::provider::wire::redaction;
use invoice_worker::provider::wire::{AnswerContext, undocumented};
use jiff::tz::TimeZone;

const STAGE: Stage = Stage::Recognition;
/// Its names, ours, and how each is read.
const FIELDS: &[Field<Invoice>] = fields![
    "code" => note_code: Text,
    "number" => note_no: Text,
    "check" => check_code: Text,
    "region" => province: Text,
    "person" => patient_name: Text,
    "hospital" => hospital_name: Text,
    "department" => hospital_department: Text,
    "issued" => billing_date: Date,
    "sum" => total_cost: Money,
    "insured" => insurance_payment: Money,
];

pub(super) fn read(
    status: u16,
    mut fields: Fields<'_>,
    context: &AnswerContext,
) -> Result<Reply<Invoice>, Failure> {
    let trace = fields.text("trace");
    let request_id = trace.as_deref().and_then(redaction::request_id);
    let message = fields.message("hint").unwrap_or_default();
    let state = fields.text("state");
    match state.as_deref().and_then(redaction::answer_name) {
        Some("DONE") => match fields.object("bill") {
            Some(bill) => Ok(Reply {
                code: "DONE",
                request_id,
                answer: invoice(bill, &context.timezone),
            }),
            None => Err(undocumented(STAGE, status, "DONE without a bill")),
        },
        Some(code) => Err(Failure {
            http_status: Some(status),
            request_id: request_id.map(String::into_boxed_str),
            ..Failure::new(STAGE, code, context.redaction.clean(&message))
        }),
        None => Err(undocumented(STAGE, status, "the answer has no state")),
    }
}

fn invoice(mut bill: Fields<'_>, timezone: &TimeZone) -> Invoice {
    let mut invoice = Invoice::default();
    read_all(FIELDS, &mut bill, &mut invoice, timezone);
    invoice
}
