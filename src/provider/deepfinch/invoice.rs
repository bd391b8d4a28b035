//! From the fields of `invoice_standard_result` to the common [`Invoice`].

use crate::domain::invoice::{
    Checksum, CostDetail, DetailKind, Gender, Invoice, LeftOut, Money, NamedAmount, NoteKind, Sum,
};
use crate::provider::wire::extra::{Extra, note};
use crate::provider::wire::json::{self, Fields};
use jiff::tz::TimeZone;
use serde_json::value::RawValue;

/// The caller puts `extra` into the invoice, once it has added its own.
pub(super) fn map(mut result: Fields<'_>, extra: &mut Extra, timezone: &TimeZone) -> Invoice {
    let mut left_out = LeftOut::new();
    let note_kind = result.integer("type").map(note_kind);
    // One field for both numbers; which one it is follows from the kind of bill.
    let (clinic_no, hospital_no) = match note_kind {
        Some(NoteKind::Outpatient) => (result.text("hospital_no"), None),
        Some(NoteKind::Inpatient | NoteKind::Unknown) | None => (None, result.text("hospital_no")),
    };
    let payments = amounts(
        &mut result,
        ("payments_info", "payments"),
        extra,
        &mut left_out,
    );
    let mut invoice = Invoice {
        note_code: result.text("note_code"),
        note_no: result.text("note_no"),
        check_code: result.text("check_code"),
        note_title: result.text("note_title"),
        note_kind,
        province: result.text("province"),
        patient_name: result.text("patient_name"),
        patient_gender: gender(&mut result),
        billing_date: result.day("billing_date", timezone),
        treatment_date: result.day("treatment_date", timezone),
        admission_date: result.day("start_hospital_date", timezone),
        discharge_date: result.day("end_hospital_date", timezone),
        hospital_days: result.days("hospital_days"),
        hospital_name: result.text("hospital_name"),
        hospital_type: result.text("medical_organization_type"),
        hospital_department: result.text("hospital_departments"),
        charging_unit: result.text("charging_units"),
        invoice_party_code: result.text("invoice_party_code"),
        insurance_type: result.text("medical_insurance_type"),
        insurance_no: result.text("medical_insurance_no"),
        social_security_no: result.text("social_security_card_no"),
        medical_card_no: result.text("medical_card_no"),
        clinic_no,
        hospital_no,
        medical_record_no: result.text("medical_record_no"),
        business_no: result.text("service_serial_no"),
        payer_credit_code: result.text("unified_social_credit_code"),
        work_unit: result.text("work_unit"),
        payee: result.text("payee"),
        reviewer: result.text("reviewer"),
        payment_channel: result.text("payment_channel"),
        remark: result.text("remark"),
        total_cost: result.money("total_cost"),
        insurance_payment: named(&payments, "医保统筹基金支付"),
        personal_account_payment: named(&payments, "个人账户支付"),
        prepaid_amount: named(&payments, "预缴金额"),
        supplementary_payment: named(&payments, "补缴金额"),
        refund_amount: named(&payments, "退费金额"),
        payments,
        cost_categories: amounts(
            &mut result,
            ("cost_categories", "cost_categories"),
            extra,
            &mut left_out,
        ),
        cost_details: details(&mut result, extra, &mut left_out),
        checksum: checksum(&mut result, extra),
        ..Invoice::default()
    };
    invoice.left_out = left_out;
    result.into_extra("", extra);
    invoice
}

fn note_kind(number: i64) -> NoteKind {
    match number {
        1 => NoteKind::Outpatient,
        2 => NoteKind::Inpatient,
        _ => NoteKind::Unknown,
    }
}

fn gender(result: &mut Fields<'_>) -> Option<Gender> {
    if let Some(number) = result.integer("patient_gender") {
        return Some(match number {
            1 => Gender::Male,
            2 => Gender::Female,
            _ => Gender::Unknown,
        });
    }
    result
        .text("patient_gender")
        .map(|text| match text.as_str() {
            "男" => Gender::Male,
            "女" => Gender::Female,
            _ => Gender::Unknown,
        })
}

fn named(payments: &[NamedAmount], name: &str) -> Option<Money> {
    payments
        .iter()
        .find(|payment| payment.name.as_deref() == Some(name))?
        .amount
        .clone()
}

/// A list of `{name, cost}`.
fn amounts(
    result: &mut Fields<'_>,
    list: List,
    extra: &mut Extra,
    left_out: &mut LeftOut,
) -> Vec<NamedAmount> {
    entries(result, list, extra, left_out, |entry| {
        let amount = NamedAmount {
            name: entry.text("name"),
            amount: entry.money("cost"),
        };
        (amount.name.is_some() || amount.amount.is_some()).then_some(amount)
    })
}

fn details(result: &mut Fields<'_>, extra: &mut Extra, left_out: &mut LeftOut) -> Vec<CostDetail> {
    entries(
        result,
        ("cost_detail_list", "cost_details"),
        extra,
        left_out,
        |entry| {
            let ocr_name = entry.text("ocr_name");
            let printed_name = entry.text("origin_ocr_name").or(ocr_name);
            let detail = CostDetail {
                name: entry.text("name").or_else(|| printed_name.clone()),
                code: entry.text("item_coding"),
                specification: entry.text("spec"),
                unit: entry.text("unit"),
                quantity: entry.money("amount"),
                unit_price: entry.money("unit_price"),
                amount: entry.money("cost"),
                level: entry.text("medical_level"),
                self_pay: entry.money("selfpay"),
                kind: entry.integer("medical_type").map(detail_kind),
                category: entry.text("class"),
                printed_name,
            };
            (detail != CostDetail::default()).then_some(detail)
        },
    )
}

fn detail_kind(number: i64) -> DetailKind {
    match number {
        1 => DetailKind::WesternMedicine,
        2 => DetailKind::ChineseMedicine,
        3 => DetailKind::Treatment,
        _ => DetailKind::Unknown,
    }
}

fn checksum(result: &mut Fields<'_>, extra: &mut Extra) -> Option<Checksum> {
    let mut sums = result.object("checksum")?;
    let checksum = Checksum {
        categories: sums.integer("cost_categories").and_then(sum),
        details: sums.integer("cost_detail_list").and_then(sum),
    };
    sums.into_extra("checksum.", extra);
    Some(checksum)
}

fn sum(number: i64) -> Option<Sum> {
    match number {
        1 => Some(Sum::Passed),
        0 => Some(Sum::Failed),
        -1 => Some(Sum::Unchecked),
        _ => None,
    }
}

/// The list's name with the provider, and with us.
type List = (&'static str, &'static str);

/// The values that `read` makes of a list's objects. What it leaves, and what is no object, is
/// extra. A line of which nothing was read but that it costs something counts as left out, so that
/// nothing is added up without it.
fn entries<T>(
    result: &mut Fields<'_>,
    (list, field): List,
    extra: &mut Extra,
    left_out: &mut LeftOut,
    read: impl Fn(&mut Fields<'_>) -> Option<T>,
) -> Vec<T> {
    let mut entries = Vec::new();
    let mut sent = result.list(list);
    let mut unread = sent.keep_lines();
    for (index, raw) in sent.kept.into_iter().enumerate() {
        let raw: &RawValue = raw;
        let Some(mut entry) = Fields::parse(raw.get()) else {
            unread += u64::from(!json::is_nothing(raw));
            extra.keep(format!("{list}[{index}]"), raw);
            continue;
        };
        let read = read(&mut entry);
        unread += u64::from(read.is_none() && entry.says("cost"));
        entries.extend(read);
        entry.into_extra(&format!("{list}[{index}]."), extra);
    }
    note(left_out, field, unread);
    entries
}
