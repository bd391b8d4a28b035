use super::*;

#[test]
fn a_character_that_cannot_be_decoded_costs_its_field() {
    let text = "{\"a\": \"x\u{fffd}y\", \"b\": \"\\ud800\", \"c\": 1, \"d\": \"1\u{fffd}\", \"e\": \"\u{fffd}\", \"f\": \"\\ufffd\"}";
    let mut fields = Fields::parse(text).unwrap();
    for name in ["a", "b", "f"] {
        assert_eq!(fields.text(name), None, "{name}");
    }
    assert_eq!(
        fields.message("a").as_deref(),
        Some("x\u{fffd}y"),
        "a person may still read it"
    );
    assert_eq!(fields.text("c").as_deref(), Some("1"));
    let raw = |name: &str| fields.peek(name).unwrap();
    assert!(money(raw("d")) == Some(Some(Money::Text("1\u{fffd}".to_owned()))));
    assert!(money(raw("e")).is_none() && day(raw("f"), &TimeZone::UTC).is_none());
    assert!(fields.raw("e").is_some(), "left to be shown as it was sent");
}

#[test]
fn a_control_character_that_should_have_been_escaped_is_a_blank() {
    let text = with_controls_blanked("{\r\n\t\"a\": \"x\ny\",\n\t\"b\": \"\0z\\n1\"\n}\n".into());
    let mut fields = Fields::parse(&text).unwrap();
    assert_eq!(fields.text("a").as_deref(), Some("x y"));
    assert_eq!(fields.text("b").as_deref(), Some("z\n1"));
    assert!(matches!(
        with_controls_blanked("{}".into()),
        Cow::Borrowed(_)
    ));
}

#[test]
fn text_is_the_same_whether_or_not_it_has_to_be_copied() {
    let long = "字".repeat(MAX_TEXT_BYTES);
    let shortened = format!("{}…", &long[..1_995]);
    for (json, expected) in [
        (r#"" 张 样例 ""#, Some("张 样例")),
        (r#""\u5f20 \"样\" 例\t""#, Some("张 \"样\" 例")),
        (
            "\"\u{3000}¥ 1\u{7f}2\u{85}3\u{200b}\"",
            Some("¥ 123\u{200b}"),
        ),
        (r#""a\u0000b\nc""#, Some("ab\nc")),
        (r#""\ud800""#, None),
        (r#""""#, Some("")),
        ("null", Some("")),
        ("-1.50", Some("-1.50")),
        ("true", Some("true")),
        ("[1]", None),
        ("{}", None),
        (&format!("\"{long}\""), Some(&shortened)),
        (&format!("\"\\n{long}\""), Some(&shortened)),
        (
            &"1".repeat(MAX_TEXT_BYTES + 1),
            Some(&format!("{}…", "1".repeat(MAX_TEXT_BYTES - 3))),
        ),
    ] {
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        assert_eq!(text(&raw).as_deref(), expected, "{json}");
        assert_eq!(is_nothing(&raw), expected == Some(""), "{json}");
    }
}

#[test]
fn names_are_the_same_whether_or_not_they_have_escapes_and_the_last_one_counts() {
    let mut fields = Fields::parse(r#"{"name": 1, "\u006eame": 2}"#).unwrap();
    assert_eq!(fields.integer("name"), Some(2));
    assert_eq!(fields.integer("name"), None);
}

#[test]
fn depth_and_width_are_survived() {
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(Fields::parse(&deep).unwrap().list("a").kept.len(), 1);
    let wide: Vec<String> = (0..MAX_FIELDS + 10)
        .map(|index| format!("\"{index}\": 1"))
        .collect();
    assert_eq!(
        Fields::parse(&format!("{{{}}}", wide.join(",")))
            .unwrap()
            .into_entries()
            .count(),
        MAX_FIELDS
    );
    let long =
        RawValue::from_string(format!("[{}]", vec!["1"; MAX_ELEMENTS + 7].join(","))).unwrap();
    let elements = elements(&long).unwrap();
    assert_eq!((elements.kept.len(), elements.left_out), (MAX_ELEMENTS, 7));
}

#[test]
fn whole_numbers_are_read_in_every_spelling() {
    for (text, expected) in [
        ("1", Some(1)),
        ("-1", Some(-1)),
        ("1.0", Some(1)),
        ("1.5", None),
        ("1e2", None),
        ("x", None),
        ("", None),
    ] {
        assert_eq!(integer(text), expected, "{text}");
    }
    assert_eq!(integer("99999999999999999999"), None);
}
