use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn irregular_fields_cost_themselves_only() {
    let long = format!(r#"{{"Name": "{}"}}"#, "名".repeat(1_000));
    assert_eq!(mapped(&long)["patient_name"].as_str().unwrap().len(), 1_998);
    assert!(
        mapped(&long)["patient_name"]
            .as_str()
            .unwrap()
            .ends_with('…'),
        "what is cut is said"
    );
    for (data, pointer, expected) in [
        (r"{}", "/patient_name", json!(null)),
        (r#"{"Name": null}"#, "/patient_name", json!(null)),
        (r#"{"Name": "  "}"#, "/patient_name", json!(null)),
        (
            r#"{"Name": " 张\u0000三 "}"#,
            "/patient_name",
            json!("张三"),
        ),
        (
            r#"{"ClinicNum": 12169298}"#,
            "/clinic_no",
            json!("12169298"),
        ),
        (
            r#"{"ClinicNum": 40091198916051710196123}"#,
            "/clinic_no",
            json!("40091198916051710196123"),
        ),
        (r#"{"Payee": true}"#, "/payee", json!("true")),
        (r#"{"Payee": ["李四"]}"#, "/payee", json!(null)),
        (r#"{"Payee": ["李四"]}"#, "/extra/Payee", json!(["李四"])),
        (
            r#"{"HospitalName": {"a": 1.10}}"#,
            "/extra/HospitalName",
            json!({"a": "1.10"}),
        ),
        (r#"{"Nation": "汉"}"#, "/extra/Nation", json!("汉")),
        (r#"{"Nation": null}"#, "/extra", json!({})),
        (
            r#"{"AmountInFiguers": "1,939.48"}"#,
            "/total_cost",
            json!("1939.48"),
        ),
        (
            r#"{"AmountInFiguers": 1939.48}"#,
            "/total_cost",
            json!("1939.48"),
        ),
        (
            r#"{"AmountInFiguers": 1.93948e3}"#,
            "/total_cost",
            json!("1939.48"),
        ),
        (
            r#"{"AmountInFigures": "939.48"}"#,
            "/total_cost",
            json!("939.48"),
        ),
        (
            r#"{"AmountInFiguers": "", "AmountInFigures": "939.48"}"#,
            "/total_cost",
            json!("939.48"),
        ),
        (
            r#"{"AmountInFiguers": "壹元"}"#,
            "/total_cost",
            json!({"text": "壹元"}),
        ),
        (
            r#"{"AmountInWords": "玖佰叁拾玖元肆角捌分"}"#,
            "/total_cost_from_words",
            json!("939.48"),
        ),
        (
            r#"{"AmountInWords": "玖x"}"#,
            "/total_cost_from_words",
            json!({"text": "玖x"}),
        ),
        (
            r#"{"Date": "2020年06月03日"}"#,
            "/billing_date",
            json!("2020-06-03"),
        ),
        (
            r#"{"Date": "2020年"}"#,
            "/billing_date",
            json!({"text": "2020年"}),
        ),
        (r#"{"HospitalDay": "3天"}"#, "/hospital_days", json!("3")),
        (r#"{"Sex": "女"}"#, "/patient_gender", json!("female")),
        (r#"{"Sex": "男性"}"#, "/patient_gender", json!("male")),
        (r#"{"Sex": "?"}"#, "/patient_gender", json!("unknown")),
        (r#"{"Sex": "男/女"}"#, "/patient_gender", json!("unknown")),
        (r#"{"HospitalDay": "共3天"}"#, "/hospital_days", json!("3")),
        (r#"{"Payee": "--"}"#, "/payee", json!(null)),
        (r#"{"Payee": "/"}"#, "/extra", json!({})),
        (r#"{"Date": "无"}"#, "/billing_date", json!(null)),
        (
            r#"{"InvoiceType": "急诊"}"#,
            "/note_kind",
            json!("outpatient"),
        ),
        (
            r#"{"InvoiceType": "住院发票"}"#,
            "/note_kind",
            json!("inpatient"),
        ),
        (
            r#"{"InvoiceType": "门诊发票"}"#,
            "/note_kind",
            json!("outpatient"),
        ),
        (r#"{"InvoiceType": "其他"}"#, "/note_kind", json!("unknown")),
        (r#"{"RegionSupplement": null}"#, "/payments", json!([])),
        (r#"{"RegionSupplement": ""}"#, "/payments", json!([])),
        (
            r#"{"RegionSupplement": "自费"}"#,
            "/extra/RegionSupplement",
            json!("自费"),
        ),
        (
            r#"{"RegionSupplement": {"name": "自费", "word": 1}}"#,
            "/payments",
            json!([{"name": "自费", "kind": "own_expense", "amount": "1"}]),
        ),
        (
            r#"{"RegionSupplement": [{"name": "自费", "word": ""}]}"#,
            "/payments",
            json!([{"name": "自费", "kind": "own_expense", "amount": null}]),
        ),
        (
            r#"{"RegionSupplement": ["自费"]}"#,
            "/extra/RegionSupplement[]",
            json!(["自费"]),
        ),
        (
            r#"{"CostCategories": [{"name": "收费项目", "word": "甲"}, {"name": "金额", "word": "1"}, {"name": "收费项目", "word": "乙"}]}"#,
            "/cost_categories",
            json!([{"name": "甲", "amount": "1"}, {"name": "乙", "amount": null}]),
        ),
        (
            r#"{"CostCategories": [[], null, "", {}, [null, {"word": ""}], [{"name": "金额", "word": null}]]}"#,
            "/cost_categories",
            json!([]),
        ),
        (
            r#"{"CostDetail": [[{"name": "项目", "word": "药"}, {"name": "单位", "word": "盒"}]]}"#,
            "/extra/CostDetail[].单位",
            json!(["盒"]),
        ),
        (
            r#"{"CostDetail": [[{"name": "数量", "word": 10}, {"name": "单价", "word": 29.3200}]]}"#,
            "/cost_details/0/unit_price",
            json!("29.3200"),
        ),
    ] {
        assert_eq!(mapped(data).pointer(pointer), Some(&expected), "{data}");
    }
}

#[test]
fn no_line_is_left_out_in_silence() {
    let cells = [
        json!({"name": "项目", "word": "药"}),
        json!({"name": "金额", "word": "1.00"}),
    ];
    for (sent, kept, left_out) in [
        (1_500, 1_500, json!(null)),
        (20_000, 20_000, json!(null)),
        (20_003, 20_000, json!(3)),
    ] {
        let flat: Vec<_> = cells.iter().cycle().take(2 * sent).collect();
        let payments = vec![&cells[0]; sent];
        for table in [json!(vec![&cells; sent]), json!(flat)] {
            let invoice = mapped(
                &json!({"CostDetail": table, "CostCategories": [], "RegionSupplement": payments})
                    .to_string(),
            );
            assert_eq!(invoice["cost_details"].as_array().unwrap().len(), kept);
            assert_eq!(invoice["payments"].as_array().unwrap().len(), kept);
            for list in ["cost_details", "payments"] {
                assert_eq!(invoice["left_out"][list], left_out, "{list}");
            }
        }
    }
}

#[test]
fn a_line_whose_columns_cannot_be_read_is_still_a_line() {
    let unread = json!([{"name": "\u{fffd}\u{fffd}", "word": "1.00"}]);
    let invoice = mapped(
        &json!({"CostDetail": [unread], "CostCategories": [unread], "RegionSupplement": unread})
            .to_string(),
    );
    assert_eq!(
        (
            &invoice["cost_details"][0]["amount"],
            &invoice["cost_categories"][0]["amount"]
        ),
        (&json!(null), &json!(null))
    );
    assert_eq!(
        invoice["payments"],
        json!([{"name": null, "kind": null, "amount": "1.00"}])
    );
}

#[test]
fn a_line_of_which_only_the_amount_is_there_and_cannot_be_read_is_still_a_line() {
    let lines = json!([[{"word": "1"}], [{"name": null, "word": "1"}], ["1.00"], [{"name": "金额", "word": []}]]);
    let invoice = mapped(&json!({"CostDetail": lines, "CostCategories": lines}).to_string());
    for (list, line) in [
        ("cost_details", json!(null)),
        ("cost_categories", json!(null)),
    ] {
        let amounts: Vec<_> = invoice[list]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| &line["amount"])
            .collect();
        assert_eq!(amounts, [&line; 4], "{list}");
    }
    let invoice = mapped(r#"{"CostDetail": ["1.00"]}"#);
    assert_eq!(invoice["cost_details"].as_array().unwrap().len(), 1);
}

#[test]
fn an_undecodable_value_is_shown_and_is_no_name() {
    let invoice = mapped(
        "{\"Name\": \"\u{fffd}\u{fffd}\", \"Province\": \"河\u{fffd}\", \"AmountInFiguers\": \"2\u{fffd}.00\"}",
    );
    assert_eq!(
        (&invoice["patient_name"], &invoice["province"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(
        invoice["extra"],
        json!({"Name": "\u{fffd}\u{fffd}", "Province": "河\u{fffd}"})
    );
    assert_eq!(invoice["total_cost"], json!({"text": "2\u{fffd}.00"}));
}

#[test]
fn a_value_of_the_wrong_type_costs_only_its_field() {
    let body = r#"{"code": 200, "data": {"InvoiceNum": 0103152099, "Name": "张三", "HospitalDay": NaN, "AmountInFiguers": Infinity,
        "CostDetail": [[{"name": "金额", "word": NaN}, {"name": "数量", "word": 1},],], 'Payee': None, },} // done"#;
    let invoice =
        serde_json::to_value(read_answer(200, body.as_bytes()).ok().unwrap().answer).unwrap();
    for (field, expected) in [
        ("note_no", json!("0103152099")),
        ("patient_name", json!("张三")),
        ("hospital_days", json!(null)),
        ("total_cost", json!(null)),
    ] {
        assert_eq!(invoice[field], expected, "{field}");
    }
    assert_eq!(
        (
            &invoice["cost_details"][0]["amount"],
            &invoice["cost_details"][0]["quantity"]
        ),
        (&json!(null), &json!("1"))
    );
    assert_eq!(
        read_answer(200, &body.as_bytes()[..200])
            .err()
            .unwrap()
            .code,
        "malformed",
        "a part of it is no answer"
    );
}

/// JSON that is close enough to the documented to reach every reader.
fn any_json() -> impl Strategy<Value = Value> {
    let names = [
        "InvoiceNum",
        "Date",
        "Sex",
        "AmountInFiguers",
        "AmountInWords",
        "CostCategories",
        "CostDetail",
        "RegionSupplement",
        "name",
        "word",
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
    fn no_json_makes_the_reader_panic(status in 100_u16..600, body in any_json(), data in any_json()) {
        let _ = read(status, &body);
        if let Ok(reply) = read(status, &json!({"code": 200, "data": data})) {
            let text = serde_json::to_string(&reply.answer).unwrap();
            prop_assert!(serde_json::from_str::<Invoice>(&text).is_ok(), "a checkpoint must be readable");
        }
    }
}
