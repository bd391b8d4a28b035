use super::*;
use crate::domain::payment::{OF_RECOGNITION, PaymentKind};
use serde_json::json;

#[test]
fn the_documents_own_sample_is_read_whole() {
    let reply = read_answer(200, SAMPLE).ok().unwrap();
    assert_eq!(
        (reply.code, reply.request_id.as_deref()),
        ("200", Some("65605503936940344488"))
    );
    assert!(reply.answer.extra.is_empty());
    insta::assert_snapshot!(serde_json::to_string_pretty(&reply.answer).unwrap());
}

#[test]
fn every_documented_supplement_is_kept_by_name_and_kind() {
    let (sent, expected): (Vec<_>, Vec<_>) = OF_RECOGNITION
        .iter()
        .map(|(name, kind)| match kind {
            PaymentKind::Text => (
                json!({"name": name, "word": "0103000123"}),
                json!({"name": name, "kind": "text", "amount": {"text": "0103000123"}}),
            ),
            _ => (
                json!({"name": name, "word": "1.50"}),
                json!({"name": name, "kind": kind, "amount": "1.50"}),
            ),
        })
        .unzip();
    let invoice = mapped(&json!({"RegionSupplement": sent}).to_string());
    assert_eq!(invoice["payments"], Value::Array(expected));
}

#[test]
fn tables_are_read_in_every_shape() {
    let payments = json!([
        {"name": "自费", "kind": "own_expense", "amount": "1.00"},
        {"name": "基金支付", "kind": "fund", "amount": "2.00"},
    ]);
    for sent in [
        r#"{"RegionSupplement": {"自费": "1.00", "基金支付": "2.00"}}"#,
        r#"{"RegionSupplement": [{"自费": "1.00"}, {"基金支付": "2.00"}]}"#,
        r#"{"RegionSupplement": [[{"name": "自费", "word": "1.00"}], [{"name": "基金支付", "word": "2.00"}]]}"#,
        r#"{"RegionSupplement": [{"name": "自费", "value": "1.00"}, {"name": "基金支付", "word": "", "value": "2.00"}]}"#,
    ] {
        let read = mapped(sent)["payments"].clone();
        let mut sorted = read.as_array().unwrap().clone();
        sorted.sort_by_key(|payment| payment["amount"].to_string());
        assert_eq!(Value::Array(sorted), payments, "{sent}");
    }
    let details = json!([("药", "1.00"), ("针", "2.00")]);
    for sent in [
        r#"{"CostDetail": [{"项目": "药", "金额": "1.00"}, {"项目": "针", "金额": "2.00"}]}"#,
        r#"{"CostDetail": [[{"项目": "药"}, {"金额": "1.00"}], [{"项目": "针"}, {"金额": "2.00"}]]}"#,
        r#"{"CostDetail": [[{"name": "项目", "value": "药"}, {"name": "金额（元）", "value": "1.00"}], {"项目:": "针", "金额": "2.00"}]}"#,
    ] {
        let invoice = mapped(sent);
        let read: Vec<_> = invoice["cost_details"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| json!((&line["name"], &line["amount"])))
            .collect();
        assert_eq!(Value::Array(read), details, "{sent}");
    }
}

#[test]
fn a_second_bill_in_one_answer_is_shown_and_counted() {
    let bill = |number: &str| json!({"InvoiceNum": number, "Name": "张三"});
    let reply = read(
        200,
        &json!({"code": 200, "data": [{"Name": ""}, bill("1"), bill("2")]}),
    );
    let invoice = serde_json::to_value(reply.ok().unwrap().answer).unwrap();
    assert_eq!(invoice["note_no"], "1");
    assert_eq!(invoice["left_out"], json!({"bills": 1}));
    assert_eq!(invoice["extra"]["data[2]"], bill("2"));
}

#[test]
fn the_answers_own_fields_are_kept_before_any_row() {
    let rows: Vec<Value> = (0..5_000)
        .map(|row| json!([{"name": "项目", "word": "药"}, {"name": format!("列{}", row % 90), "word": "x"}]))
        .collect();
    let invoice = mapped(&json!({"CostDetail": rows, "Nation": "汉"}).to_string());
    assert_eq!(invoice["extra"]["Nation"], "汉");
    assert_eq!(invoice["extra_truncated"], true);
    assert!(invoice["left_out"]["extra"].as_u64().unwrap() > 0);
}

#[test]
fn cells_of_two_hundred_thousand_columns_are_read_in_time() {
    let cells: Vec<_> = (0..200_000)
        .map(|number| json!({"name": number.to_string(), "word": "1"}))
        .collect();
    let invoice = mapped(&json!({ "CostDetail": cells }).to_string());
    assert_eq!(invoice["cost_details"], json!([]));
}

#[test]
fn data_may_come_in_a_list() {
    let reply = read(200, &json!({"code": "200", "data": [{"Name": "张三"}]}))
        .ok()
        .unwrap();
    assert_eq!(reply.answer.patient_name.as_deref(), Some("张三"));
}
