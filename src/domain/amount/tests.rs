use super::*;
use proptest::prelude::*;

fn shown(text: &str) -> String {
    match from_text(text) {
        None => "nothing".to_owned(),
        Some(Reading::Value(value)) => value.to_string(),
        Some(Reading::Text(text)) => format!("text {text}"),
    }
}

#[test]
fn figures_are_read_as_they_are_printed() {
    let cases = [
        ("939.48", "939.48"),
        (" 1,939.40 ", "1939.40"),
        ("１，９３９．４８", "1939.48"),
        ("¥939.48", "939.48"),
        ("￥ 12,345,678.00", "12345678.00"),
        ("939.48元", "939.48"),
        ("-207.50", "-207.50"),
        ("−¥207.50", "-207.50"),
        ("¥-207.50", "-207.50"),
        ("(207.50)", "-207.50"),
        ("（207.50）", "-207.50"),
        ("（负数）207.50", "-207.50"),
        ("负207.50元", "-207.50"),
        ("207.50-", "-207.50"),
        ("－２０７．５０", "-207.50"),
        ("+207.50", "207.50"),
        ("（小写）¥207.50", "207.50"),
        ("金额合计（小写）：￥1,207.50元", "1207.50"),
        ("RMB 207.50", "207.50"),
        ("人民币207.50元整", "207.50"),
        ("207.50 CNY", "207.50"),
        ("207\u{200b}.50", "207.50"),
        ("0", "0"),
        ("007", "7"),
        (
            "0.1234567890123456789012345678",
            "0.1234567890123456789012345678",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn a_value_that_is_not_surely_a_number_stays_text() {
    for text in [
        "XX.48",
        ".48",
        "939.",
        "1,93.48",
        "1234,567",
        ",123",
        "--1",
        "-¥-1",
        "++1",
        "-+1",
        "(-1)",
        "(¥207.00)",
        "(1)-",
        "1_000",
        "1.2.3",
        "1e",
        "1e3",
        "-2.075E+2",
        "e3",
        "1e999",
        "元",
        "¥",
        "NaN",
        "12345678901234567890123456789012",
        "1.23456789012345678901234567890123e2",
        "１２ＡＢ",
        "٣",
    ] {
        assert_eq!(shown(text), format!("text {text}"), "{text}");
    }
    assert_eq!(shown(" \u{3000}"), "nothing");
}

#[test]
fn amounts_are_rounded_to_the_fen_for_comparing() {
    for (text, expected) in [
        ("207.00000000000003", "207.00"),
        ("206.99999999999997", "207.00"),
        ("0.125", "0.13"),
        ("-0.125", "-0.13"),
        ("939.480", "939.48"),
    ] {
        assert_eq!(
            to_the_fen(*from_text(text).unwrap().value().unwrap()),
            expected.parse().unwrap(),
            "{text}"
        );
    }
}

fn table(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().map(|line| line.split('\t').collect())
}

fn told(reading: Option<Money>) -> String {
    reading.map_or_else(
        || "nothing".to_owned(),
        |reading| match reading {
            Reading::Value(value) => value.to_string(),
            Reading::Text(_) => "text".to_owned(),
        },
    )
}

#[test]
fn figures_of_every_kind_are_read_as_a_person_does() {
    for row in table(include_str!("../../../tests/data/readings/figures.txt")) {
        let [text, expected] = row[..] else {
            panic!("{row:?}")
        };
        assert_eq!(told(from_text(text)), expected, "{text}");
    }
}

#[test]
fn days_quantities_and_prices_are_read_with_their_units() {
    for row in table(include_str!("../../../tests/data/readings/counts.txt")) {
        let [kind, text, expected] = row[..] else {
            panic!("{row:?}")
        };
        let read = match kind {
            "days" => days(text),
            "quantity" => quantity(text),
            _ => unit_price(text),
        };
        assert_eq!(told(read), expected, "{kind} {text}");
    }
}

#[test]
fn a_json_number_may_have_an_exponent() {
    for (text, expected) in [
        ("1939.48", "1939.48"),
        ("1e3", "1000"),
        ("-2.075E+2", "-207.5"),
        ("1.5e-2", "0.015"),
        ("1e999", "text"),
        ("1.23456789012345678901234567890123e2", "text"),
    ] {
        assert_eq!(told(from_number(text)), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn every_decimal_is_read_back_to_its_last_zero(mantissa in any::<i64>(), scale in 0_u32..=18) {
        let value = Decimal::new(mantissa, scale);
        prop_assert_eq!(shown(&value.to_string()), value.to_string());
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,20}") {
        let _ = from_text(&text);
    }
}
