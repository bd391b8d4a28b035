use super::*;
use serde_json::json;

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
