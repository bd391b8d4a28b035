//! From the fields of `invoice_additional_result` to what the registry says beyond the invoice.

use super::status;
use crate::domain::invoice::{LeftOut, Registry, Reimbursement};
use crate::provider::wire::extra::{Extra, note};
use crate::provider::wire::json::{self, Fields};
use jiff::tz::TimeZone;
use serde_json::value::RawValue;

/// `other_status` is the `img_status` of the standard result: it was seen in either.
pub(super) fn map(
    mut result: Fields<'_>,
    other_status: Option<&RawValue>,
    timezone: &TimeZone,
) -> Registry {
    let mut left_out = LeftOut::new();
    let mut extra = Extra::default();
    let statuses = [result.raw("img_status"), other_status]
        .into_iter()
        .flatten();
    let mut registry = Registry {
        note_code: result.text("note_code"),
        note_no: result.text("note_no"),
        billing_date: result.day("billing_date", timezone),
        total_cost: result.money("total_cost"),
        check_code: result.text("check_code"),
        last_queried: result.text("query_last_date"),
        query_count: result
            .integer("query_num")
            .and_then(|count| u64::try_from(count).ok()),
        status: status::read(statuses, &mut extra),
        reimbursements: reimbursements(&mut result, &mut extra, &mut left_out, timezone),
        ..Registry::default()
    };
    result.into_extra("", &mut extra);
    registry.extra = extra.into_map(&mut left_out);
    registry.left_out = left_out;
    registry
}

/// An entry that says anything counts, understood or not: an insurer may have paid for this bill
/// already.
fn reimbursements(
    result: &mut Fields<'_>,
    extra: &mut Extra,
    left_out: &mut LeftOut,
    timezone: &TimeZone,
) -> Vec<Reimbursement> {
    let mut reimbursements = Vec::new();
    let mut sent = result.list("reim_agency_list");
    note(left_out, "reimbursements", sent.keep_lines());
    for (index, raw) in sent.kept.into_iter().enumerate() {
        match Fields::parse(raw.get()) {
            Some(entry) if !entry.say_anything() => {}
            Some(mut entry) => {
                reimbursements.push(Reimbursement {
                    agency: entry.text("reimAgency"),
                    date: entry.day("writeDate", timezone),
                    amount: entry.money("amt"),
                    note_code: entry.text("note_code"),
                    note_no: entry.text("note_no"),
                });
                entry.into_extra(&format!("reim_agency_list[{index}]."), extra);
            }
            None if json::is_nothing(raw) => {}
            None => reimbursements.push(Reimbursement {
                agency: json::read_text(raw),
                ..Reimbursement::default()
            }),
        }
    }
    reimbursements
}
