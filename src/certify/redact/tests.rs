use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn kind_and_length_stay_and_the_text_does_not() {
    for (text, expected) in [
        ("张三", "某某"),
        ("2020-06-01", "1111-11-11"),
        ("2020年06月03日", "1111年11月11日"),
        ("玖佰叁拾玖元肆角捌分", "壹佰壹拾壹元壹角壹分"),
        ("1939.48", "1111.00"),
        ("9,863.4", "1,111.0"),
        ("-3.5", "-1.0"),
        ("03.06.2020", "11.11.1111"),
        ("0.00", "0.00"),
        ("", ""),
        ("K2300918", "X1111111"),
        ("10mg*7支", "11xx*1某"),
        ("张五分", "某某某"),
        ("c15e8f", "x11x1x"),
    ] {
        assert_eq!(placeholder(text), expected, "{text}");
    }
}

#[test]
fn codes_and_documented_names_stay() {
    let answer = json!({
        "code": 200, "msg": "成功", "taskNo": "65605503936940344488",
        "data": {"Name": "张三", "CostCategories": [[{"name": "收费项目", "word": "检查费"}]],
            "张三的": 1, "checksum": {"cost_detail_list": -1}, "type": 2, "patient_gender": 2,
            "img_status": [{"yizuofei": "1", "yidayin": "王五"}], "total_cost": 207.5}
    });
    let expected = json!({
        "code": 200, "msg": "成功", "taskNo": "11111111111111111111",
        "data": {"Name": "某某", "CostCategories": [[{"name": "收费项目", "word": "某某某"}]],
            "某某某": 1, "checksum": {"cost_detail_list": -1}, "type": 2, "patient_gender": 1,
            "img_status": [{"yizuofei": "1", "yidayin": "某某"}], "total_cost": 111.0}
    });
    assert_eq!(redacted(&answer), expected);
}

#[test]
fn a_message_keeps_what_the_policy_goes_by_and_loses_what_was_signed() {
    let refused = json!({
        "error_code": "APIG.0303",
        "error_msg": "Incorrect app authentication information: signature expired, app key4711, server time:20200711T033951Z",
    });
    let told = redacted(&refused).to_string();
    assert!(
        told.contains("signature expired") && told.contains("APIG.0303"),
        "{told}"
    );
    assert!(
        !told.contains("key4711") && !told.contains("2020"),
        "{told}"
    );
}

proptest! {
    #[test]
    fn nothing_of_a_text_is_left(name in "[\u{4e00}-\u{9fa5}]{2,4}", number in "[2-9]{6,18}", word in "[b-w]{7,20}") {
        prop_assume!(!name.chars().any(|character| "某零〇拾佰仟万亿元角分整正".contains(character)));
        let answer = json!({"data": {"Name": name, "list": [number, {"word": word}], &number: name}, "msg": number, "code": number});
        let told = redacted(&answer).to_string();
        for part in [&name, &number, &word] {
            prop_assert!(!told.contains(part.as_str()), "{}", told);
        }
    }
}
