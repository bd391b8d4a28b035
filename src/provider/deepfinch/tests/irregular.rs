use super::*;
use proptest::prelude::*;
use serde_json::json;

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
