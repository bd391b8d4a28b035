//! From the fields of `invoice_additional_result` to what the registry says beyond the invoice.

use super::status;
use crate::domain::invoice::{LeftOut, Registry, Reimbursement};
use crate::domain::registry_words::RegistryWords;
use crate::provider::wire::AnswerContext;
use crate::provider::wire::extra::{Extra, note};
use crate::provider::wire::field::{Field, fields, read_all};
use crate::provider::wire::json::{self, Fields};
use jiff::tz::TimeZone;
use serde_json::value::RawValue;

/// The fields of the result.
pub(super) const FIELDS: &[Field<Registry>] = fields![
    "note_code" => note_code: Text,
    "note_no" => note_no: Text,
    "billing_date" => billing_date: Date,
    "total_cost" => total_cost: Money,
    "check_code" => check_code: Text,
    "query_last_date" => last_queried: Text,
    "query_num" => query_count: Count,
];
/// The fields of an entry of `reim_agency_list`.
pub(super) const REIMBURSEMENT_FIELDS: &[Field<Reimbursement>] = fields![
    "reimAgency" => agency: Text,
    "writeDate" => date: Date,
    "amt" => amount: Money,
    "note_code" => note_code: Text,
    "note_no" => note_no: Text,
];

/// `sent` are the objects of the result, of which the first is read whole, and `other_status` the
/// `img_status` of the standard result: a status counts wherever it was sent.
pub(super) fn map(
    sent: &[(usize, &RawValue)],
    other_status: Option<&RawValue>,
    context: &AnswerContext,
) -> Registry {
    let mut left_out = LeftOut::new();
    let mut extra = Extra::default();
    let mut results = sent
        .iter()
        .map(|(_, raw)| Fields::parse(raw.get()).unwrap_or_default());
    let mut result = results.next().unwrap_or_default();
    let mut statuses = vec![result.raw("img_status"), other_status];
    statuses.extend(results.map(|mut other| other.raw("img_status")));
    let mut registry = Registry {
        status: status::read(
            statuses.into_iter().flatten(),
            &context.registry_words,
            &mut extra,
        ),
        ..Registry::default()
    };
    read_all(FIELDS, &mut result, &mut registry, &context.timezone);
    let (words, timezone) = (&context.registry_words, &context.timezone);
    registry.reimbursements =
        reimbursements(&mut result, (&mut extra, &mut left_out), words, timezone);
    result.into_extra("", &mut extra);
    for (index, raw) in sent.iter().skip(1) {
        extra.keep(format!("invoice_additional_result[{index}]"), raw);
    }
    let kept = extra.into_map(&mut left_out);
    (registry.extra, registry.extra_truncated) = (kept.fields, kept.is_truncated);
    registry.left_out = left_out;
    registry
}

/// An entry that says anything is listed, understood or not: an insurer may have paid for this bill
/// already. One that only says no is none.
fn reimbursements(
    result: &mut Fields<'_>,
    (extra, left_out): (&mut Extra, &mut LeftOut),
    words: &RegistryWords,
    timezone: &TimeZone,
) -> Vec<Reimbursement> {
    const LIST: &str = "reim_agency_list";
    let mut reimbursements = Vec::new();
    let mut sent = result.list(LIST);
    note(left_out, "reimbursements", sent.keep_lines());
    for (index, raw) in sent.kept.into_iter().enumerate() {
        match Fields::parse(raw.get()) {
            Some(entry) if !entry.say_anything() => {}
            Some(mut entry) => {
                let mut reimbursement = Reimbursement::default();
                read_all(
                    REIMBURSEMENT_FIELDS,
                    &mut entry,
                    &mut reimbursement,
                    timezone,
                );
                if reimbursement != Reimbursement::default() || entry.say_anything() {
                    reimbursements.push(reimbursement);
                }
                entry.into_cells(LIST, index, extra);
            }
            None => {
                let agency = json::read_text(raw).filter(|text| !words.is_no(text));
                if agency.is_some() {
                    reimbursements.push(Reimbursement {
                        agency,
                        ..Reimbursement::default()
                    });
                } else if !json::is_nothing(raw) {
                    extra.keep_cell(LIST, index, "", raw);
                }
            }
        }
    }
    reimbursements
}
