use super::*;
use crate::domain::payment::{OF_VERIFICATION, PaymentKind};
use serde_json::json;

#[test]
fn the_documents_own_sample_is_read_whole() {
    let reply = read_answer(200, SAMPLE).ok().unwrap();
    assert_eq!(
        (reply.code, reply.request_id.as_deref()),
        ("OK", Some("87dea9e29de511ecbfaa0242ac110006"))
    );
    assert!(reply.answer.invoice.extra.is_empty());
    insta::assert_snapshot!(serde_json::to_string_pretty(&reply.answer).unwrap());
}

#[test]
fn every_documented_payment_is_kept_by_name_and_kind() {
    let (sent, expected): (Vec<_>, Vec<_>) = OF_VERIFICATION
        .iter()
        .map(|(name, kind)| match kind {
            PaymentKind::Text => (
                json!({"name": name, "cost": "012"}),
                json!({"name": name, "kind": "text", "amount": {"text": "012"}}),
            ),
            _ => (
                json!({"name": name, "cost": 207}),
                json!({"name": name, "kind": kind, "amount": "207"}),
            ),
        })
        .unzip();
    let answer = mapped(&json!({"payments_info": sent}).to_string(), "{}");
    assert_eq!(answer["invoice"]["payments"], Value::Array(expected));
}

#[test]
fn five_payments_are_fields_of_their_own() {
    for (name, field) in [
        ("医保统筹基金支付", "insurance_payment"),
        ("个人账户支付", "personal_account_payment"),
        ("预缴金额", "prepaid_amount"),
        ("补缴金额", "supplementary_payment"),
        ("退费金额", "refund_amount"),
    ] {
        let answer = mapped(
            &json!({"payments_info": [{"name": name, "cost": 1.5}]}).to_string(),
            "{}",
        );
        assert_eq!(answer["invoice"][field], "1.5", "{name}");
    }
}

#[test]
fn every_text_and_date_of_the_standard_result_has_its_place() {
    for (sent, field) in [
        ("province", "province"),
        ("note_no", "note_no"),
        ("note_code", "note_code"),
        ("check_code", "check_code"),
        ("patient_name", "patient_name"),
        ("hospital_name", "hospital_name"),
        ("medical_insurance_type", "insurance_type"),
        ("medical_organization_type", "hospital_type"),
        ("service_serial_no", "business_no"),
        ("social_security_card_no", "social_security_no"),
        ("charging_units", "charging_unit"),
        ("payee", "payee"),
        ("reviewer", "reviewer"),
        ("hospital_departments", "hospital_department"),
        ("work_unit", "work_unit"),
        ("payment_channel", "payment_channel"),
        ("medical_insurance_no", "insurance_no"),
        ("medical_card_no", "medical_card_no"),
        ("medical_record_no", "medical_record_no"),
        ("unified_social_credit_code", "payer_credit_code"),
        ("invoice_party_code", "invoice_party_code"),
        ("remark", "remark"),
        ("billing_date", "billing_date"),
        ("treatment_date", "treatment_date"),
        ("start_hospital_date", "admission_date"),
        ("end_hospital_date", "discharge_date"),
        ("hospital_no", "hospital_no"),
    ] {
        let answer = mapped(&json!({sent: "2021-10-17"}).to_string(), "{}");
        assert_eq!(answer["invoice"][field], "2021-10-17", "{sent}");
        assert_eq!(answer["invoice"]["extra"], json!({}), "{sent}");
    }
}

#[test]
fn what_the_standard_result_says_is_read_as_a_person_does() {
    for (standard, pointer, expected) in [
        (
            r#"{"payments_info": [{"name": "其他支付", "cost": "微信:207"}]}"#,
            "/invoice/payments/0/amount",
            json!({"text": "微信:207"}),
        ),
        (
            r#"{"payments_info": [{"name": "其他支付", "value": 7}]}"#,
            "/invoice/payments/0",
            json!({"name": "其他支付", "kind": "additional_fund", "amount": "7"}),
        ),
        (
            r#"{"total_cost": "12E3"}"#,
            "/invoice/total_cost",
            json!({"text": "12E3"}),
        ),
        (
            r#"{"total_cost": 12E3}"#,
            "/invoice/total_cost",
            json!("12000"),
        ),
        (
            r#"{"hospital_days": "共3天"}"#,
            "/invoice/hospital_days",
            json!("3"),
        ),
        (
            r#"{"type": "门诊票据"}"#,
            "/invoice/note_kind",
            json!("outpatient"),
        ),
        (
            r#"{"patient_gender": "男/女"}"#,
            "/invoice/patient_gender",
            json!("unknown"),
        ),
        (
            r#"{"payee": "--", "remark": "无", "reviewer": "/"}"#,
            "/invoice/extra",
            json!({}),
        ),
        (r#"{"remark": "无"}"#, "/invoice/remark", json!(null)),
        (
            r#"[{"note_no": "1", "total_cost": 1}, {"note_no": "2", "total_cost": 2}]"#,
            "/invoice/left_out/bills",
            json!(1),
        ),
        (
            r#"[{"note_no": "1", "total_cost": 1}, {"note_no": "2", "total_cost": 2}]"#,
            "/invoice/extra/invoice_standard_result[1]/note_no",
            json!("2"),
        ),
    ] {
        assert_eq!(
            mapped(standard, "null").pointer(pointer),
            Some(&expected),
            "{standard}"
        );
    }
}
