use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(text: &str) -> Option<Value> {
    first_object(text).map(|strict| {
        serde_json::from_str(&strict).unwrap_or_else(|error| panic!("{text}: {strict}: {error}"))
    })
}

#[test]
fn a_value_of_the_wrong_type_is_absent() {
    let lost = "\u{fffd}";
    for (text, expected) in [
        (r#"{"a": NaN, "b": 1}"#, json!({"a": lost, "b": 1})),
        (
            r#"{"a": Infinity, "b": -Infinity, "c": [NaN, 1]}"#,
            json!({"a": lost, "b": lost, "c": [lost, 1]}),
        ),
        (r#"{"a": nan}"#, json!({"a": lost})),
        (r#"{"a": 张三, "b": 1}"#, json!({"a": lost, "b": 1})),
        (r#"{"a": , "b": 1}"#, json!({"a": lost, "b": 1})),
        (r#"{"a": }"#, json!({"a": lost})),
        (r#"{"a"}"#, json!({"a": lost})),
        (r#"{"a": 1,939.48, "b": 1}"#, json!({"a": lost, "b": 1})),
        (
            r#"{"note_no": "XXXXX"", "b": 1}"#,
            json!({"note_no": "XXXXX\u{fffd}", "b": 1}),
        ),
        (
            r#"{"a": "say "yes"", "b": 1}"#,
            json!({"a": "say \u{fffd}yes\u{fffd}", "b": 1}),
        ),
        (
            r#"{"a": "say "yes", or no", "b": 1}"#,
            json!({"a": lost, "b": 1}),
        ),
        (
            r#"{"a": "\ud800", "\udc00b": "\u12"}"#,
            json!({"a": lost, "\u{fffd}b": "\u{fffd}12"}),
        ),
        (r#"{"a": [..., 1]}"#, json!({"a": [lost, 1]})),
    ] {
        assert_eq!(read(text), Some(expected), "{text}");
    }
}

#[test]
fn each_spelling_is_read_as_it_was_meant() {
    for (text, expected) in [
        (r#"{"a": 1, "b": [1, 2,],}"#, json!({"a": 1, "b": [1, 2]})),
        (r#"{,"a": 1,, "b": [,1]}"#, json!({"a": 1, "b": [1]})),
        (
            "{\"a\": \"x\"\n \"b\": [1 2]}",
            json!({"a": "x", "b": [lost_pair(), ]}),
        ),
        (
            r#"{'a': 'it''s', 'b': None, 'c': True, "d": False}"#,
            json!({"a": "it\u{fffd}\u{fffd}s", "b": null, "c": true, "d": false}),
        ),
        (r#"{'a': 'say "yes"'}"#, json!({"a": "say \"yes\""})),
        (
            r#"{code: 200, data : {Name:"x"}}"#,
            json!({"code": 200, "data": {"Name": "x"}}),
        ),
        (
            "{\"a\": 1, // a note\n/* and */ \"b\": \"http://x/\" /* more */}",
            json!({"a": 1, "b": "http://x/"}),
        ),
        (
            r#"{"a": 0103152099, "b": .5, "c": +1, "d": 1.}"#,
            json!({"a": "0103152099", "b": ".5", "c": "+1", "d": "1."}),
        ),
        (
            r#"{"a": -1.50e3, "b": undefined}"#,
            json!({"a": -1500.0, "b": null}),
        ),
        (
            "{\"a\": \"x\ny\\'z\\q\", \"b\": \"\\u5f20\\ud842\\udfb7\\u0022\"}",
            json!({"a": "x y'z\\q", "b": "张𠮷\""}),
        ),
        ("\u{feff} {\"a\": 1}", json!({"a": 1})),
        (r#"{"a": 1} and whatever {"#, json!({"a": 1})),
        (r#"{"a": 1}}}"#, json!({"a": 1})),
        (
            r#"{"a": {"b": [{"c": NaN}]}, "d": {}}"#,
            json!({"a": {"b": [{"c": "\u{fffd}"}]}, "d": {}}),
        ),
    ] {
        assert_eq!(read(text), Some(expected), "{text}");
    }
}

/// `"}` within a text looks like the end of an object: then what stands behind it would be lost, a
/// state of the registry say.
#[test]
fn an_object_that_may_have_been_closed_too_early_is_none() {
    let cut = r#"{"data": {"remark": "he said "}, bye", "img_status": [{"yizuofei": 1}]}}"#;
    assert_eq!(read(cut), None);
    assert!(
        read(r#"{"data": {"remark": 1,939.48}} and "whatever""#).is_some(),
        "words may follow"
    );
}

/// Two numbers without a comma between them are not a value.
fn lost_pair() -> Value {
    json!("\u{fffd}")
}

#[test]
fn an_object_without_its_end_is_none() {
    let whole = r#"{"code": 200, "data": {"Name": "张三", "l": [1, {"n": NaN}]}, "msg": "x"}"#;
    assert!(first_object(whole).is_some());
    for (at, _) in whole.char_indices() {
        assert_eq!(first_object(&whole[..at]), None, "{}", &whole[..at]);
    }
    for text in [
        "",
        "[1]",
        "\"{}\"",
        "<html>{}</html>",
        "{]}",
        r#"{"a": [}]}"#,
        "{\"a\": 1 /* }",
        "null",
        "{'a': '}",
    ] {
        assert_eq!(first_object(text), None, "{text}");
    }
    let deep = |levels: usize| format!("{{\"a\": {}{}, }}", "[".repeat(levels), "]".repeat(levels));
    assert!(first_object(&deep(MAX_DEPTH - 1)).is_some());
    assert_eq!(first_object(&deep(MAX_DEPTH)), None);
}

#[test]
fn the_documents_own_sample_is_an_object() {
    let sample = r#"{
  "code": 200, // 返回码，详见返回码说明
  "data": {
    "Name": "张三", // 姓名
    "CostCategories": [ // 项目大类
      [
        { "name": "金额", "word": "11.88" }
      ],
      ...
    ]
  }
}"#;
    let expected = json!({"code": 200, "data": {"Name": "张三", "CostCategories": [[{"name": "金额", "word": "11.88"}], "\u{fffd}"]}});
    assert_eq!(read(sample), Some(expected));
}

proptest! {
    #[test]
    fn sound_json_keeps_its_meaning(fields in prop::collection::btree_map(".{0,6}", ".{0,12}", 0..6)) {
        let value = json!({"fields": fields, "list": [1, -2.5, true, null, {"a": []}]});
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assert_eq!(read(&text), Some(value.clone()));
        }
    }

    #[test]
    fn everything_that_is_read_is_strict_json(text in "\\{[{}\\[\\]\",:'/*\\\\ua1N \\n.-]{0,40}\\}?") {
        let _ = read(&text);
    }
}
