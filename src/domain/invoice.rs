//! One model of a medical invoice that both providers' documented fields fit, so that the two can
//! be compared.
//!
//! Personal data throughout: an `Invoice` is published and checkpointed, never logged. `Debug` is
//! left out on purpose.

use super::payment::Payment;
use super::reading::Reading;
use jiff::civil::Date;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub type Money = Reading<Decimal>;
pub type Day = Reading<Date>;
/// The number of lines that were sent and not kept, by the name of the list. Sums are not computed
/// over such a list.
pub type LeftOut = BTreeMap<String, u64>;

/// Absent and empty are both published as null.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Invoice {
    pub note_code: Option<String>,
    pub note_no: Option<String>,
    pub check_code: Option<String>,
    pub note_title: Option<String>,
    pub note_kind: Option<NoteKind>,
    pub note_kind_text: Option<String>,
    pub province: Option<String>,
    pub patient_name: Option<String>,
    pub patient_gender: Option<Gender>,
    pub billing_date: Option<Day>,
    pub treatment_date: Option<Day>,
    pub admission_date: Option<Day>,
    pub discharge_date: Option<Day>,
    pub hospital_days: Option<Money>,
    pub hospital_name: Option<String>,
    pub hospital_type: Option<String>,
    pub hospital_department: Option<String>,
    pub charging_unit: Option<String>,
    pub invoice_party_code: Option<String>,
    pub insurance_type: Option<String>,
    pub insurance_no: Option<String>,
    pub social_security_no: Option<String>,
    pub medical_card_no: Option<String>,
    pub clinic_no: Option<String>,
    pub hospital_no: Option<String>,
    pub medical_record_no: Option<String>,
    pub business_no: Option<String>,
    pub payer_credit_code: Option<String>,
    pub work_unit: Option<String>,
    pub payee: Option<String>,
    pub reviewer: Option<String>,
    pub payment_channel: Option<String>,
    pub remark: Option<String>,
    pub total_cost: Option<Money>,
    pub total_cost_in_words: Option<String>,
    pub total_cost_from_words: Option<Money>,
    pub insurance_payment: Option<Money>,
    pub personal_account_payment: Option<Money>,
    pub prepaid_amount: Option<Money>,
    pub supplementary_payment: Option<Money>,
    pub refund_amount: Option<Money>,
    pub payments: Vec<Payment>,
    pub cost_categories: Vec<NamedAmount>,
    pub cost_details: Vec<CostDetail>,
    pub checksum: Option<Checksum>,
    /// The fields that the provider sent beyond its documentation.
    pub extra: Map<String, Value>,
    /// Not all of them could be kept; `left_out` counts the others.
    #[serde(skip_serializing_if = "is_false")]
    pub extra_truncated: bool,
    #[serde(skip_serializing_if = "LeftOut::is_empty")]
    pub left_out: LeftOut,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl Invoice {
    /// Keeps so many lines of each list, and counts the others.
    pub fn keep_lines(&mut self, max: usize) {
        let cut = [
            ("payments", shorten(&mut self.payments, max)),
            ("cost_categories", shorten(&mut self.cost_categories, max)),
            ("cost_details", shorten(&mut self.cost_details, max)),
        ];
        for (list, count) in cut.into_iter().filter(|(_, count)| *count > 0) {
            *self.left_out.entry(list.to_owned()).or_default() += count;
        }
    }
}

fn shorten<T>(list: &mut Vec<T>, max: usize) -> u64 {
    let count = list.len().saturating_sub(max);
    list.truncate(max);
    count as u64
}

#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NamedAmount {
    pub name: Option<String>,
    pub amount: Option<Money>,
}

#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CostDetail {
    /// The name in the insurance catalogue, or the printed one.
    pub name: Option<String>,
    pub code: Option<String>,
    pub specification: Option<String>,
    pub unit: Option<String>,
    pub quantity: Option<Money>,
    pub unit_price: Option<Money>,
    pub amount: Option<Money>,
    pub level: Option<String>,
    pub self_pay: Option<Money>,
    pub kind: Option<DetailKind>,
    pub category: Option<String>,
    pub printed_name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    Outpatient,
    Inpatient,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gender {
    Male,
    Female,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DetailKind {
    WesternMedicine,
    ChineseMedicine,
    Treatment,
    Unknown,
}

/// Whether the sums printed on the bill agree with its total, as the verifying provider computed
/// them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Checksum {
    pub categories: Option<Sum>,
    pub details: Option<Sum>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sum {
    Passed,
    Failed,
    Unchecked,
}

/// The fiscal registry's information beyond the invoice itself: the verification's additional
/// result.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Registry {
    pub note_code: Option<String>,
    pub note_no: Option<String>,
    pub billing_date: Option<Day>,
    pub total_cost: Option<Money>,
    pub check_code: Option<String>,
    pub last_queried: Option<String>,
    pub query_count: Option<u64>,
    /// Absent where the registry sent no status at all.
    pub status: Option<RegistryStatus>,
    pub reimbursements: Vec<Reimbursement>,
    pub extra: Map<String, Value>,
    #[serde(skip_serializing_if = "is_false")]
    pub extra_truncated: bool,
    #[serde(skip_serializing_if = "LeftOut::is_empty")]
    pub left_out: LeftOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistryStatus {
    pub printed: StatusAnswer,
    pub red_lettered: StatusAnswer,
    pub voided: StatusAnswer,
    pub posted: StatusAnswer,
}

/// A value that was sent and could not be understood is unknown, and never taken for a no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusAnswer {
    Yes,
    No,
    Unknown,
}

#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Reimbursement {
    pub agency: Option<String>,
    pub date: Option<Day>,
    pub amount: Option<Money>,
    pub note_code: Option<String>,
    pub note_no: Option<String>,
}

/// The verification provider's whole answer to one bill.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verified {
    pub invoice: Invoice,
    pub registry: Registry,
    pub qr_code_found: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_not_kept_are_counted_with_those_that_were_left_out_before() {
        let mut invoice = Invoice {
            payments: vec![Payment::default(); 2],
            cost_categories: vec![NamedAmount::default(); 5],
            left_out: [("cost_categories".to_owned(), 7)].into(),
            ..Invoice::default()
        };
        invoice.keep_lines(2);
        assert_eq!(
            (invoice.payments.len(), invoice.cost_categories.len()),
            (2, 2)
        );
        assert_eq!(
            invoice.left_out,
            [("cost_categories".to_owned(), 10)].into()
        );
    }
}
