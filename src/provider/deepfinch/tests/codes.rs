use super::*;
use serde_json::json;

#[test]
fn the_documents_own_refusal_is_read_whole() {
    let failure = read_answer(200, FAILED_SAMPLE).err().unwrap();
    assert_eq!(
        (failure.code.as_str(), &*failure.message),
        ("303", "note_code is required")
    );
    assert_eq!(
        failure.request_id.as_deref(),
        Some("TID8bf47ab6eda64476973cc5f5b6ebf57e")
    );
    assert_eq!(failure.qr_code_found, Some(true));
}

#[test]
fn every_refusal_has_one_name() {
    for (status, body, code) in [
        (
            400,
            json!({"status": "INVALID_ARGUMENT", "reason": "x"}),
            "INVALID_ARGUMENT",
        ),
        (400, json!({"status": "DETETION_FAILED"}), "DETETION_FAILED"),
        (
            400,
            json!({"status": "DETECTION_FAILED"}),
            "DETECTION_FAILED",
        ),
        (403, json!({"status": "OUT_OF_QUOTA"}), "OUT_OF_QUOTA"),
        (500, json!({"status": "INTERNAL_ERROR"}), "INTERNAL_ERROR"),
        (200, json!({"status": "SOMETHING_NEW"}), "SOMETHING_NEW"),
        (
            200,
            json!({"status": "VERIFY_FAILED", "error_code": 316}),
            "316",
        ),
        (
            400,
            json!({"status": "VERIFY_FAILED", "error_code": "300"}),
            "300",
        ),
        (
            200,
            json!({"status": "VERIFY_FAILED", "error_code": 313.0}),
            "313",
        ),
        (
            200,
            json!({"status": "VERIFY_FAILED", "error_code": "NEW_ONE"}),
            "NEW_ONE",
        ),
        (200, json!({"status": "VERIFY_FAILED"}), "VERIFY_FAILED"),
        (
            200,
            json!({"status": "VERIFY_FAILED", "error_code": "two words"}),
            "VERIFY_FAILED",
        ),
        (200, json!({"status": "timeout"}), "malformed"),
        (200, json!({"status": "317"}), "malformed"),
        (200, json!({"status": "a b\n"}), "malformed"),
        (
            404,
            json!({"status": 404, "error": "Not Found"}),
            "http.404",
        ),
        (502, json!({"status": null}), "http.502"),
        (200, json!({"status": "OK"}), "malformed"),
        (200, json!({"status": "OK", "data": {}}), "malformed"),
        (
            200,
            json!({"status": "OK", "data": {"invoice_standard_result": {"note_no": null}}}),
            "malformed",
        ),
        (
            200,
            json!({"status": "OK", "data": {"invoice_standard_result":
                {"note_no": null, "note_code": "", "total_cost": null, "billing_date": "--", "type": 0, "patient_name": "张三",
                 "cost_categories": [], "img_status": [{"yizuofei": "0"}], "checksum": {"cost_categories": -1}}}}),
            "malformed",
        ),
        (
            200,
            json!({"status": "OK", "data": {"invoice_standard_result": {"total_cost": 1, "billing_date": "2021-10-17"}}}),
            "malformed",
        ),
        (
            200,
            json!({"status": "OK", "data": {"invoice_standard_result": {"note_no": "1", "total_cost": "?", "billing_date": "x"}}}),
            "malformed",
        ),
        (503, json!({"status": "OK", "data": "x"}), "http.503"),
        (200, json!("text"), "malformed"),
    ] {
        let failure = read(status, &body).err().unwrap();
        assert_eq!(
            (failure.code.as_str(), failure.http_status),
            (code, Some(status)),
            "{body}"
        );
    }
}

#[test]
fn whether_the_qr_code_was_found_goes_with_answers_and_failures() {
    for (sent, expected) in [
        (json!(1), Some(true)),
        (json!("0"), Some(false)),
        (json!(null), None),
        (json!(5), None),
        (json!([]), None),
    ] {
        let failure = read(
            200,
            &json!({"status": "VERIFY_FAILED", "error_code": 300, "qrcode_scan_result": sent}),
        )
        .err()
        .unwrap();
        assert_eq!(failure.qr_code_found, expected, "{sent}");
        let data = json!({"invoice_additional_result": {"note_code": "1", "total_cost": 1}});
        let reply = read(
            200,
            &json!({"status": "OK", "data": data, "qrcode_scan_result": sent}),
        )
        .ok()
        .unwrap();
        assert_eq!(reply.answer.qr_code_found, expected, "{sent}");
    }
}
