//! From the fields of `invoice_standard_result` to the common [`Invoice`].

use crate::domain::invoice::{
    Checksum, CostDetail, Invoice, LeftOut, Money, NamedAmount, NoteKind,
};
use crate::domain::payment::Payment;
use crate::provider::wire::extra::{Extra, note};
use crate::provider::wire::field::{Field, fields, read_all};
use crate::provider::wire::json::{self, Fields};
use jiff::tz::TimeZone;
use serde_json::value::RawValue;

/// The fields of the result.
pub(super) const FIELDS: &[Field<Invoice>] = fields![
    "note_code" => note_code: Text,
    "note_no" => note_no: Text,
    "check_code" => check_code: Text,
    "note_title" => note_title: Text,
    "type" => note_kind: NoteKind,
    "province" => province: Text,
    "patient_name" => patient_name: Text,
    "patient_gender" => patient_gender: Gender,
    "billing_date" => billing_date: Date,
    "treatment_date" => treatment_date: Date,
    "start_hospital_date" => admission_date: Date,
    "end_hospital_date" => discharge_date: Date,
    "hospital_days" => hospital_days: Days,
    "hospital_name" => hospital_name: Text,
    "medical_organization_type" => hospital_type: Text,
    "hospital_departments" => hospital_department: Text,
    "charging_units" => charging_unit: Text,
    "invoice_party_code" => invoice_party_code: Text,
    "medical_insurance_type" => insurance_type: Text,
    "medical_insurance_no" => insurance_no: Text,
    "social_security_card_no" => social_security_no: Text,
    "medical_card_no" => medical_card_no: Text,
    "hospital_no" => hospital_no: Text,
    "medical_record_no" => medical_record_no: Text,
    "service_serial_no" => business_no: Text,
    "unified_social_credit_code" => payer_credit_code: Text,
    "work_unit" => work_unit: Text,
    "payee" => payee: Text,
    "reviewer" => reviewer: Text,
    "payment_channel" => payment_channel: Text,
    "remark" => remark: Text,
    "total_cost" => total_cost: Money,
];
/// The fields of an entry of `cost_categories`.
pub(super) const CATEGORY_FIELDS: &[Field<NamedAmount>] = fields![
    "name" => name: Text,
    "cost" => amount: Money,
    "value" => amount: Money,
];
/// The fields of an entry of `cost_detail_list`.
pub(super) const DETAIL_FIELDS: &[Field<CostDetail>] = fields![
    "name" => name: Text,
    "origin_ocr_name" => printed_name: Text,
    "ocr_name" => printed_name: Text,
    "item_coding" => code: Text,
    "spec" => specification: Text,
    "unit" => unit: Text,
    "amount" => quantity: Quantity,
    "unit_price" => unit_price: UnitPrice,
    "cost" => amount: Money,
    "medical_level" => level: Text,
    "selfpay" => self_pay: Money,
    "medical_type" => kind: DetailKind,
    "class" => category: Text,
];
/// The fields of `checksum`.
pub(super) const CHECKSUM_FIELDS: &[Field<Checksum>] = fields![
    "cost_categories" => categories: Checksum,
    "cost_detail_list" => details: Checksum,
];

/// The caller puts `extra` into the invoice, once it has added its own.
pub(super) fn map(mut result: Fields<'_>, extra: &mut Extra, timezone: &TimeZone) -> Invoice {
    let mut invoice = Invoice::default();
    read_all(FIELDS, &mut result, &mut invoice, timezone);
    // One field for both numbers; which one it is follows from the kind of bill.
    if invoice.note_kind == Some(NoteKind::Outpatient) {
        invoice.clinic_no = invoice.hospital_no.take();
    }
    let mut lists = ListReader {
        extra,
        left_out: LeftOut::new(),
    };
    invoice.payments = lists.entries(&mut result, ("payments_info", "payments"), payment);
    invoice.insurance_payment = named(&invoice.payments, "医保统筹基金支付");
    invoice.personal_account_payment = named(&invoice.payments, "个人账户支付");
    invoice.prepaid_amount = named(&invoice.payments, "预缴金额");
    invoice.supplementary_payment = named(&invoice.payments, "补缴金额");
    invoice.refund_amount = named(&invoice.payments, "退费金额");
    let categories = ("cost_categories", "cost_categories");
    invoice.cost_categories = lists.entries(&mut result, categories, |entry| {
        let mut category = NamedAmount::default();
        read_all(CATEGORY_FIELDS, entry, &mut category, timezone);
        category
    });
    let details = ("cost_detail_list", "cost_details");
    invoice.cost_details = lists.entries(&mut result, details, |entry| {
        let mut detail = CostDetail::default();
        read_all(DETAIL_FIELDS, entry, &mut detail, timezone);
        detail.name = detail.name.or_else(|| detail.printed_name.clone());
        detail
    });
    invoice.left_out = lists.left_out;
    invoice.checksum = checksum(&mut result, extra, timezone);
    result.into_extra("", extra);
    invoice
}

/// `{name, cost}`.
fn payment(entry: &mut Fields<'_>) -> Payment {
    let name = entry.text("name");
    let cost = ["cost", "value"].into_iter().find_map(|key| {
        entry
            .peek(key)
            .filter(|raw| !json::is_nothing(raw))
            .map(|raw| (key, raw))
    });
    let Some((key, raw)) = cost else {
        return Payment::named(name, || None, || None);
    };
    let mut is_read = false;
    let payment = Payment::named(name, || json::money(raw).flatten(), || json::read_text(raw));
    is_read |= payment.amount.is_some() || json::spoken(raw) == Some(None);
    if is_read {
        entry.raw(key);
    }
    payment
}

fn named(payments: &[Payment], name: &str) -> Option<Money> {
    payments
        .iter()
        .find(|payment| payment.name.as_deref() == Some(name))?
        .amount
        .clone()
}

fn checksum(result: &mut Fields<'_>, extra: &mut Extra, timezone: &TimeZone) -> Option<Checksum> {
    let mut sums = result.object("checksum")?;
    let mut checksum = Checksum::default();
    read_all(CHECKSUM_FIELDS, &mut sums, &mut checksum, timezone);
    sums.into_extra("checksum.", extra);
    Some(checksum)
}

struct ListReader<'a> {
    extra: &'a mut Extra,
    left_out: LeftOut,
}

impl ListReader<'_> {
    /// The values that `read` makes of a list's objects; the list has a name with the provider and
    /// one with us. What it leaves, and what is no object, is extra. A line of which nothing was
    /// read but that it costs something counts as left out, so that nothing is added up without it.
    fn entries<T: Default + PartialEq>(
        &mut self,
        result: &mut Fields<'_>,
        (list, ours): (&'static str, &'static str),
        read: impl Fn(&mut Fields<'_>) -> T,
    ) -> Vec<T> {
        let mut entries = Vec::new();
        let mut sent = result.list(list);
        let mut unread = sent.keep_lines();
        for (index, raw) in sent.kept.into_iter().enumerate() {
            let raw: &RawValue = raw;
            let Some(mut entry) = Fields::parse(raw.get()) else {
                unread += u64::from(!json::is_nothing(raw));
                self.extra.keep_cell(list, index, "", raw);
                continue;
            };
            let line = read(&mut entry);
            if line == T::default() {
                unread += u64::from(entry.says("cost"));
            } else {
                entries.push(line);
            }
            entry.into_cells(list, index, self.extra);
        }
        note(&mut self.left_out, ours, unread);
        entries
    }
}
