//! What came back: an invoice, or the one code that the policy is keyed on.

use super::invoice;
use crate::domain::failure::{Failure, Stage};
use crate::domain::invoice::Invoice;
use crate::domain::reading::Reading;
use crate::provider::Reply;
use crate::provider::wire::extra::{Extra, note};
use crate::provider::wire::json::{self, Fields};
use crate::provider::wire::redaction;
use crate::provider::wire::{self, AnswerContext, undocumented};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::value::RawValue;

const STAGE: Stage = Stage::Recognition;
const SUCCESS: i64 = 200;
/// The codes of the provider itself. Others exist (see the policy), but one that only repeats the
/// HTTP status is some web server's.
const DOCUMENTED: [i64; 4] = [400, 500, 501, 999];
/// Its message repeats the request as it was signed.
const SIGNATURE_REFUSED: &str = "APIG.0303";
const SERVER_TIME: &str = "server time:";
const EXPIRED: &str = "the signature was refused: expired";

/// Reads an answer without making a call.
pub fn read_answer(status: u16, body: &[u8]) -> Result<Reply<Invoice>, Failure> {
    wire::read_answer(STAGE, status, body, read)
}

pub(super) fn read(
    status: u16,
    mut fields: Fields<'_>,
    context: &AnswerContext,
) -> Result<Reply<Invoice>, Failure> {
    let request_id = ["taskNo", "request_id"]
        .iter()
        .find_map(|name| redaction::request_id(&fields.text(name)?));
    let message = ["msg", "error_msg", "message"]
        .iter()
        .find_map(|name| fields.message(name))
        .unwrap_or_default();
    let failure = |code: &str, message: &str| Failure {
        http_status: Some(status),
        request_id: request_id.as_deref().map(Box::from),
        ..Failure::new(STAGE, code, context.redaction.clean(message))
    };
    if let Some(code) = fields.text("error_code").as_deref().and_then(gateway_code) {
        if code == SIGNATURE_REFUSED {
            return Err(Failure {
                server_time: server_time(&message),
                ..failure(&code, refused(&message))
            });
        }
        return Err(failure(&code, &message));
    }
    match fields.integer("code") {
        Some(SUCCESS) => {
            let invoice = fields
                .raw("data")
                .map(|data| first_bill(data, &context.timezone))
                .unwrap_or_default();
            if identifies_a_bill(&invoice) {
                return Ok(Reply {
                    code: "200",
                    request_id,
                    answer: invoice,
                });
            }
            if !(200..300).contains(&status) {
                return Err(undocumented(STAGE, status, "success without an invoice"));
            }
            Err(Failure {
                nothing_read: true,
                ..failure(
                    "200",
                    "success, but no number, date, total or name was read",
                )
            })
        }
        Some(code) if code != i64::from(status) || DOCUMENTED.contains(&code) => {
            Err(failure(&code.to_string(), &message))
        }
        _ => Err(Failure {
            request_id: request_id.as_deref().map(Box::from),
            ..undocumented(STAGE, status, "the answer carries no code of the provider")
        }),
    }
}

/// The first bill of the answer. Others are shown as they were sent, and counted, so that no bill
/// is missed in silence.
fn first_bill(data: &RawValue, timezone: &TimeZone) -> Invoice {
    let read = |raw: &RawValue, extra| {
        let fields = Fields::parse(raw.get()).unwrap_or_default();
        invoice::map(fields, timezone, extra)
    };
    let sent = json::objects(data);
    let bills: Vec<usize> = sent
        .iter()
        .filter(|(_, raw)| sent.len() == 1 || identifies_a_bill(&read(raw, Extra::default())))
        .map(|(index, _)| *index)
        .collect();
    let Some(first) = bills.first().and_then(|first| sent.get(*first)) else {
        return Invoice::default();
    };
    let mut extra = Extra::default();
    for (index, raw) in sent.iter().filter(|(index, _)| *index != first.0) {
        extra.keep(format!("data[{index}]"), raw);
    }
    let mut invoice = read(first.1, extra);
    note(&mut invoice.left_out, "bills", bills.len() as u64 - 1);
    invoice
}

/// `APIG.0308`, also where the deployment calls itself `APIGW`.
fn gateway_code(code: &str) -> Option<String> {
    let number = code
        .strip_prefix("APIG.")
        .or_else(|| code.strip_prefix("APIGW."))?;
    let shaped = (1..=16).contains(&number.len())
        && number
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    shaped.then(|| format!("APIG.{number}"))
}

/// The policy tells a wrong clock from a wrong secret by one word.
fn refused(message: &str) -> &'static str {
    if message.to_ascii_lowercase().contains("expired") {
        EXPIRED
    } else {
        "the signature was refused"
    }
}

/// The gateway's clock, as its documentation shows it: `signature expired, signature
/// time:20200711T032051Z,server time:20200711T033951Z`.
fn server_time(message: &str) -> Option<Timestamp> {
    let after = &message[message.find(SERVER_TIME)? + SERVER_TIME.len()..];
    let text: String = after
        .trim_start()
        .chars()
        .take_while(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | ':'))
        .collect();
    let basic =
        DateTime::strptime("%Y%m%dT%H%M%SZ", &text).and_then(|time| time.to_zoned(TimeZone::UTC));
    basic
        .map(|time| time.timestamp())
        .or_else(|_| text.parse())
        .ok()
}

fn identifies_a_bill(invoice: &Invoice) -> bool {
    invoice.note_no.is_some()
        || invoice.patient_name.is_some()
        || invoice
            .billing_date
            .as_ref()
            .and_then(Reading::value)
            .is_some()
        || invoice
            .total_cost
            .as_ref()
            .and_then(Reading::value)
            .is_some()
}

/// Refused only because our clock and the gateway's differ.
pub(super) fn is_expired_signature(failure: &Failure) -> bool {
    failure.code == SIGNATURE_REFUSED && *failure.message == *EXPIRED
}
