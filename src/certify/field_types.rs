//! The fields that the documents list, with their types: read from the documents by themselves, so
//! that they check the readers of answers and are not checked by them.

use super::redact::shown_name;
use super::shape::kind;
use serde_json::{Map, Value};

/// Names to be told at once; more are only counted.
const MOST_TOLD: usize = 5;

/// The fields of recognition's `data` besides its three tables, in the document's order. All of them
/// are strings.
pub const RECOGNITION_FIELDS: [&str; 26] = [
    "Name",
    "Sex",
    "InsuranceType",
    "SocialSecurityNum",
    "Province",
    "HospitalType",
    "HospitalName",
    "ClinicNum",
    "HospitalNum",
    "BusinessNum",
    "RecordNum",
    "AdmissionDate",
    "DischargeDate",
    "HospitalDay",
    "InvoiceNum",
    "Payee",
    "Date",
    "InvoiceType",
    "ChargingUnit",
    "AmountInWords",
    "AmountInFiguers",
    "RefundAmount",
    "PrepayAmount",
    "PersonalPayment",
    "InsurancePayment",
    "PaymentAmount",
];
/// The tables of recognition's `data`.
pub const RECOGNITION_TABLES: [&str; 3] = ["CostCategories", "CostDetail", "RegionSupplement"];
/// Verification's `invoice_standard_result`. The document's sample has `img_status` there as well.
pub(super) const STANDARD: &[(&str, &str)] = &[
    ("province", "string"),
    ("note_title", "string"),
    ("type", "int"),
    ("note_no", "string"),
    ("patient_name", "string"),
    ("patient_gender", "int"),
    ("billing_date", "string"),
    ("checksum", "object"),
    ("cost_categories", "array"),
    ("cost_detail_list", "array"),
    ("hospital_name", "string"),
    ("start_hospital_date", "string"),
    ("end_hospital_date", "string"),
    ("hospital_days", "float"),
    ("total_cost", "float"),
    ("medical_insurance_type", "string"),
    ("medical_organization_type", "string"),
    ("service_serial_no", "string"),
    ("social_security_card_no", "string"),
    ("payments_info", "array"),
    ("charging_units", "string"),
    ("hospital_no", "string"),
    ("payee", "string"),
    ("reviewer", "string"),
    ("hospital_departments", "string"),
    ("work_unit", "string"),
    ("payment_channel", "string"),
    ("medical_insurance_no", "string"),
    ("medical_card_no", "string"),
    ("check_code", "string"),
    ("note_code", "string"),
    ("medical_record_no", "string"),
    ("unified_social_credit_code", "string"),
    ("treatment_date", "string"),
    ("invoice_party_code", "string"),
    ("remark", "string"),
    ("img_status", "any"),
];
/// Verification's `invoice_additional_result`.
pub(super) const ADDITIONAL: &[(&str, &str)] = &[
    ("note_code", "string"),
    ("note_no", "string"),
    ("query_last_date", "string"),
    ("query_num", "int"),
    ("billing_date", "string"),
    ("total_cost", "float"),
    ("check_code", "string"),
    ("img_status", "any"),
    ("reim_agency_list", "array"),
];

/// Fields of another type than documented, and fields that are not documented. `null` is of every
/// type, and so is an int where a float is documented: the document's own sample has both.
#[derive(Debug, Default, PartialEq)]
pub(super) struct FieldDifferences {
    pub(super) types: Vec<String>,
    pub(super) unknown: Vec<String>,
}

impl FieldDifferences {
    pub(super) fn add(&mut self, object: &Map<String, Value>, documented: &[(&str, &str)]) {
        for (name, value) in object {
            match documented.iter().find(|(known, _)| known == name) {
                None => push(&mut self.unknown, shown_name(name)),
                Some((_, wanted)) if !is_of(value, wanted) => {
                    let told = format!("{name} is {} instead of {wanted}", kind(value));
                    push(&mut self.types, told);
                }
                Some(_) => {}
            }
        }
    }
}

fn push(list: &mut Vec<String>, text: String) {
    if !list.contains(&text) {
        list.push(text);
    }
}

fn is_of(value: &Value, wanted: &str) -> bool {
    let is = kind(value);
    wanted == "any" || is == wanted || is == "null" || (wanted, is) == ("float", "int")
}

/// The first of the names, and how many more there are.
pub(super) fn told(names: &[String]) -> String {
    let first = names.iter().take(MOST_TOLD);
    let text = first.cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_TOLD) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}
