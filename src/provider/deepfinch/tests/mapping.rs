use super::*;
use crate::domain::payment::{OF_VERIFICATION, PaymentKind};
use proptest::prelude::*;
use serde_json::json;

/// The answer made of both result objects, as it is checkpointed. A code and a date identify the
/// bill, so that it is an answer; what a test sends under the same name replaces them.
fn mapped(standard: &str, additional: &str) -> Value {
    let identity = "{\"note_code\": \"1\", \"billing_date\": \"2021-10-17\", ";
    let standard = standard.replacen('{', identity, 1).replace(", }", "}");
    let data = format!(
        "{{\"invoice_standard_result\": {standard}, \"invoice_additional_result\": {additional}}}"
    );
    let body = format!("{{\"status\": \"OK\", \"data\": {data}}}");
    serde_json::to_value(read_answer(200, body.as_bytes()).ok().unwrap().answer).unwrap()
}

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
fn irregular_fields_cost_themselves_only() {
    for (standard, pointer, expected) in [
        (r"{}", "/invoice/province", json!(null)),
        (
            r#"{"total_cost": 207}"#,
            "/invoice/total_cost",
            json!("207"),
        ),
        (
            r#"{"total_cost": 1939.480}"#,
            "/invoice/total_cost",
            json!("1939.480"),
        ),
        (
            r#"{"total_cost": "207.00"}"#,
            "/invoice/total_cost",
            json!("207.00"),
        ),
        (
            r#"{"total_cost": 0.1000000000000000055511151231}"#,
            "/invoice/total_cost",
            json!("0.1000000000000000055511151231"),
        ),
        (
            r#"{"total_cost": [207]}"#,
            "/invoice/total_cost",
            json!(null),
        ),
        (
            r#"{"total_cost": [207]}"#,
            "/invoice/extra/total_cost",
            json!([207]),
        ),
        (
            r#"{"hospital_days": 3.5}"#,
            "/invoice/hospital_days",
            json!("3.5"),
        ),
        (
            r#"{"type": 1, "hospital_no": "H1"}"#,
            "/invoice/clinic_no",
            json!("H1"),
        ),
        (
            r#"{"type": 1, "hospital_no": "H1"}"#,
            "/invoice/hospital_no",
            json!(null),
        ),
        (
            r#"{"type": "2", "hospital_no": 2002530933}"#,
            "/invoice/hospital_no",
            json!("2002530933"),
        ),
        (r#"{"type": "2"}"#, "/invoice/note_kind", json!("inpatient")),
        (
            r#"{"type": 1.0}"#,
            "/invoice/note_kind",
            json!("outpatient"),
        ),
        (r#"{"type": 0}"#, "/invoice/note_kind", json!("unknown")),
        (r#"{"type": 9}"#, "/invoice/note_kind", json!("unknown")),
        (r#"{"type": null}"#, "/invoice/note_kind", json!(null)),
        (r#"{"type": "x"}"#, "/invoice/extra/type", json!("x")),
        (
            r#"{"patient_gender": "1"}"#,
            "/invoice/patient_gender",
            json!("male"),
        ),
        (
            r#"{"patient_gender": 2}"#,
            "/invoice/patient_gender",
            json!("female"),
        ),
        (
            r#"{"patient_gender": 0}"#,
            "/invoice/patient_gender",
            json!("unknown"),
        ),
        (
            r#"{"patient_gender": "女"}"#,
            "/invoice/patient_gender",
            json!("female"),
        ),
        (
            r#"{"checksum": {"cost_categories": 1, "cost_detail_list": -1}}"#,
            "/invoice/checksum",
            json!({"categories": "passed", "details": "unchecked"}),
        ),
        (
            r#"{"checksum": {"cost_categories": "0"}}"#,
            "/invoice/checksum",
            json!({"categories": "failed", "details": null}),
        ),
        (
            r#"{"checksum": {"cost_categories": 7}}"#,
            "/invoice/checksum",
            json!({"categories": null, "details": null}),
        ),
        (
            r#"{"checksum": [{"cost_categories": 1}]}"#,
            "/invoice/checksum/categories",
            json!("passed"),
        ),
        (r#"{"checksum": []}"#, "/invoice/checksum", json!(null)),
        (r#"{"checksum": null}"#, "/invoice/checksum", json!(null)),
        (r#"{"checksum": 1}"#, "/invoice/extra/checksum", json!(1)),
        (
            r#"{"cost_categories": null}"#,
            "/invoice/cost_categories",
            json!([]),
        ),
        (
            r#"{"cost_categories": {"name": "检查费", "cost": 1}}"#,
            "/invoice/cost_categories",
            json!([{"name": "检查费", "amount": "1"}]),
        ),
        (
            r#"{"cost_categories": [null, 1, {"cost": null}, {"cost": 2, "seq": 7}]}"#,
            "/invoice/cost_categories",
            json!([{"name": null, "amount": "2"}]),
        ),
        (
            r#"{"cost_categories": [{"cost": 2, "seq": 7}]}"#,
            "/invoice/extra/cost_categories[].seq",
            json!([7]),
        ),
        (
            r#"{"payments_info": [{"name": "起付标准", "cost": "无"}]}"#,
            "/invoice/payments/0/amount",
            json!(null),
        ),
        (
            r#"{"cost_detail_list": [{"name": "a", "origin_ocr_name": "b", "ocr_name": "c"}]}"#,
            "/invoice/cost_details/0/name",
            json!("a"),
        ),
        (
            r#"{"cost_detail_list": [{"name": "a", "origin_ocr_name": "b", "ocr_name": "c"}]}"#,
            "/invoice/cost_details/0/printed_name",
            json!("b"),
        ),
        (
            r#"{"cost_detail_list": [{"name": "", "ocr_name": "c"}]}"#,
            "/invoice/cost_details/0/name",
            json!("c"),
        ),
        (
            r#"{"cost_detail_list": [{"medical_type": "2"}]}"#,
            "/invoice/cost_details/0/kind",
            json!("chinese_medicine"),
        ),
        (
            r#"{"cost_detail_list": [{"medical_type": 1}]}"#,
            "/invoice/cost_details/0/kind",
            json!("western_medicine"),
        ),
        (
            r#"{"cost_detail_list": [{"medical_type": 3}]}"#,
            "/invoice/cost_details/0/kind",
            json!("treatment"),
        ),
        (
            r#"{"cost_detail_list": [{"medical_type": 0}]}"#,
            "/invoice/cost_details/0/kind",
            json!("unknown"),
        ),
        (
            r#"{"cost_detail_list": [{"amount": 2, "cost": "3.10", "selfpay": 0}]}"#,
            "/invoice/cost_details/0/quantity",
            json!("2"),
        ),
        (
            r#"{"cost_detail_list": [{"amount": 2, "cost": "3.10", "selfpay": 0}]}"#,
            "/invoice/cost_details/0/amount",
            json!("3.10"),
        ),
        (
            r#"{"cost_detail_list": [{"item_coding": 1, "spec": "s", "class": "c", "medical_level": "甲"}]}"#,
            "/invoice/cost_details/0/level",
            json!("甲"),
        ),
        (
            r#"{"invoice_kind": "x"}"#,
            "/invoice/extra/invoice_kind",
            json!("x"),
        ),
    ] {
        assert_eq!(
            mapped(standard, "null").pointer(pointer),
            Some(&expected),
            "{standard}"
        );
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

#[test]
fn a_line_that_cannot_be_read_is_not_missed_in_silence() {
    for (list, field) in [
        ("cost_detail_list", "cost_details"),
        ("cost_categories", "cost_categories"),
        ("payments_info", "payments"),
    ] {
        let lines = json!([{"name": "药", "cost": 1}, "\u{fffd}", {"cost": "\u{fffd}"}, {"cost": [1]}, null, {}, {"cost": null}]);
        let answer = mapped(&json!({ list: lines }).to_string(), "{}");
        assert_eq!(
            (
                answer["invoice"][field].as_array().unwrap().len(),
                &answer["invoice"]["left_out"][field]
            ),
            (1, &json!(3)),
            "{field}"
        );
    }
}

#[test]
fn no_line_is_left_out_in_silence() {
    let line = json!({"name": "药", "cost": 1.5});
    for (sent, kept, left_out) in [
        (1_500, 1_500, json!(null)),
        (20_000, 20_000, json!(null)),
        (20_003, 20_000, json!(3)),
    ] {
        for (list, field) in [
            ("cost_detail_list", "cost_details"),
            ("cost_categories", "cost_categories"),
            ("payments_info", "payments"),
        ] {
            let answer = mapped(&json!({list: vec![&line; sent]}).to_string(), "{}");
            assert_eq!(answer["invoice"][field].as_array().unwrap().len(), kept);
            assert_eq!(answer["invoice"]["left_out"][field], left_out, "{field}");
        }
        let answer = mapped(
            "{}",
            &json!({"reim_agency_list": vec![json!({"amt": "1"}); sent]}).to_string(),
        );
        assert_eq!(answer["registry"]["left_out"]["reimbursements"], left_out);
    }
}

#[test]
fn a_state_that_is_not_a_value_is_unknown() {
    for state in ["NaN", "", "�", "Infinity"] {
        let data = format!(
            r#"{{"invoice_additional_result": {{"note_no": "1", "total_cost": 1, "img_status": {{"yizuofei": {state}}}}}}}"#
        );
        let body = format!(r#"{{"status": "OK", "data": {data}}}"#);
        let registry = read_answer(200, body.as_bytes())
            .ok()
            .unwrap()
            .answer
            .registry;
        assert_eq!(
            registry.status.unwrap().voided,
            crate::domain::invoice::StatusAnswer::Unknown,
            "{state:?}"
        );
    }
}

#[test]
fn the_registrys_own_answer_is_read() {
    for (standard, additional, pointer, expected) in [
        (
            "{}",
            r#"{"query_num": "3", "query_last_date": "2021-10-18 08:00"}"#,
            "/registry/query_count",
            json!(3),
        ),
        (
            "{}",
            r#"{"query_num": -1}"#,
            "/registry/query_count",
            json!(null),
        ),
        (
            "{}",
            r#"{"query_last_date": "2021-10-18 08:00"}"#,
            "/registry/last_queried",
            json!("2021-10-18 08:00"),
        ),
        (
            "{}",
            r#"{"total_cost": 207, "note_no": 1031}"#,
            "/registry/total_cost",
            json!("207"),
        ),
        (
            "{}",
            r#"[{"note_no": 1031}]"#,
            "/registry/note_no",
            json!("1031"),
        ),
        ("{}", "null", "/registry/status", json!(null)),
        (
            r#"{"img_status": []}"#,
            r#"{"img_status": []}"#,
            "/registry/status",
            json!(null),
        ),
        (
            r#"{"img_status": {"yizuofei": "1"}}"#,
            r#"{"img_status": []}"#,
            "/registry/status/voided",
            json!("yes"),
        ),
        (
            "{}",
            r#"{"img_status": [{"yiruzhang": "是"}]}"#,
            "/registry/status/posted",
            json!("yes"),
        ),
        (
            "{}",
            r#"{"img_status": {"yikaihongpiao": "?"}}"#,
            "/registry/status/red_lettered",
            json!("unknown"),
        ),
        (
            "{}",
            r#"{"img_status": {"yidayin": 1, "yichakan": 1}}"#,
            "/registry/extra/img_status[].yichakan",
            json!([1]),
        ),
        (
            "{}",
            r#"{"reim_agency_list": null}"#,
            "/registry/reimbursements",
            json!([]),
        ),
        (
            "{}",
            r#"{"reim_agency_list": [{}, null, {"amt": ""}, {"amt": "--", "reimAgency": "无"}, "无", "否", 0]}"#,
            "/registry/reimbursements",
            json!([]),
        ),
        (
            "{}",
            r#"[{"note_no": "1"}, {"img_status": [{"yizuofei": "1"}]}]"#,
            "/registry/status/voided",
            json!("yes"),
        ),
        (
            "{}",
            r#"{"reim_agency_list": [{"reimAgency": "医保局", "writeDate": "2021-11-01", "amt": "10.00", "note_code": "c", "note_no": "n"}]}"#,
            "/registry/reimbursements",
            json!([{"agency": "医保局", "date": "2021-11-01", "amount": "10.00", "note_code": "c", "note_no": "n"}]),
        ),
        (
            "{}",
            r#"{"reim_agency_list": ["医保局"]}"#,
            "/registry/reimbursements/0/agency",
            json!("医保局"),
        ),
        (
            "{}",
            r#"{"reim_agency_list": [{"agency": "X"}]}"#,
            "/registry/reimbursements/0/agency",
            json!(null),
        ),
        (
            "{}",
            r#"{"reim_agency_list": [{"agency": "X"}]}"#,
            "/registry/extra/reim_agency_list[].agency",
            json!(["X"]),
        ),
        (
            "{}",
            r#"{"bill_url": "x"}"#,
            "/registry/extra/bill_url",
            json!("x"),
        ),
    ] {
        assert_eq!(
            mapped(standard, additional).pointer(pointer),
            Some(&expected),
            "{standard} {additional}"
        );
    }
}

/// JSON that is close enough to the documented to reach every reader.
fn any_json() -> impl Strategy<Value = Value> {
    let names = [
        "note_no",
        "type",
        "patient_gender",
        "total_cost",
        "billing_date",
        "checksum",
        "cost_categories",
        "cost_detail_list",
        "payments_info",
        "name",
        "cost",
        "medical_type",
        "img_status",
        "yizuofei",
        "reim_agency_list",
        "query_num",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        let name = prop_oneof![4 => prop::sample::select(names.to_vec()).prop_map(str::to_owned), 1 => ".{0,10}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(status in 100_u16..600, body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_answer(status, &body);
    }

    #[test]
    fn no_json_makes_the_reader_panic(status in 100_u16..600, body in any_json(), standard in any_json(), additional in any_json()) {
        let _ = read(status, &body);
        let data = json!({"invoice_standard_result": standard, "invoice_additional_result": additional});
        if let Ok(reply) = read(status, &json!({"status": "OK", "data": data})) {
            let text = serde_json::to_string(&reply.answer).unwrap();
            prop_assert!(serde_json::from_str::<Verified>(&text).is_ok(), "a checkpoint must be readable");
        }
    }
}
