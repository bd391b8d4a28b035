//! Money as exact decimals, from figures and from words. Never through a float.

mod words;

use super::invoice::Money;
use super::reading::Reading;
use super::spelling::compact;
use rust_decimal::{Decimal, RoundingStrategy};

pub use words::from_words;

/// Labels before figures. Brackets and colons around them are removed as well.
const LABELS: [&str; 12] = [
    "人民币",
    "小写",
    "金额",
    "合计",
    "总计",
    "总额",
    "RMB",
    "rmb",
    "CNY",
    "cny",
    "¥",
    "费用",
];
const CURRENCIES: [&str; 8] = ["元整", "元", "圆", "圓", "RMB", "rmb", "CNY", "cny"];
const MINUSES: [&str; 9] = ["(负数)", "负数", "负", "負", "-", "−", "–", "﹣", "﹘"];

/// `"1,939.48"`, `"¥939.48"`, `"939.48元"`, `"（小写）-939.48"`, `"(939.48)"`, a JSON number's own text;
/// anything else is kept as its text. Empty is `None`.
///
/// Full-width figures count as figures, and the decimals stay as many as were printed. What cannot
/// be held exactly (more than 28 digits) or may have lost a figure on the way (`".48"`,
/// `"1,93.48"`) is text: a person can still read it.
pub fn from_text(text: &str) -> Option<Money> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let value = if is_bare(text) {
        exact(text)
    } else {
        figures(&compact(text)).and_then(|figures| exact(&figures))
    };
    Some(value.map_or_else(|| Reading::Text(text.to_owned()), Reading::Value))
}

/// Rounded to the fen for comparisons, because floats turn 207.00 into `207.00000000000003`.
pub fn to_the_fen(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// Whether the text is digits with at most points between them, so that nothing has to be removed.
fn is_bare(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.ends_with(|last: char| last.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// The bare number: sign first, no currency, no grouping.
fn figures(text: &str) -> Option<String> {
    let (unbracketed, in_brackets) = without_brackets(text);
    let (mut rest, mut minuses) = (unbracketed, u32::from(in_brackets));
    loop {
        if let Some(after) = MINUSES.iter().find_map(|minus| rest.strip_prefix(minus)) {
            rest = after;
            minuses += 1;
        } else if let Some(after) = without_label(rest) {
            rest = after;
        } else {
            break;
        }
    }
    let rest = CURRENCIES
        .iter()
        .find_map(|currency| rest.strip_suffix(currency))
        .unwrap_or(rest);
    let rest = if minuses == 0 {
        rest.strip_prefix('+').unwrap_or(rest)
    } else {
        rest
    };
    // As some accounts print it: `939.48-`.
    let (rest, minuses) = rest
        .strip_suffix('-')
        .map_or((rest, minuses), |before| (before, minuses + 1));
    let (whole, fraction) = rest
        .split_once('.')
        .map_or((rest, ""), |(whole, fraction)| (whole, fraction));
    if minuses > 1 || (rest.contains('.') && fraction.is_empty()) {
        return None;
    }
    let sign = if minuses == 1 { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{}{point}{fraction}", ungrouped(whole)?))
}

/// Figures in brackets are negative. With a currency there, they may as well be a remark: that is
/// not decided here.
fn without_brackets(text: &str) -> (&str, bool) {
    let inner = text
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    inner
        .filter(|inner| inner.starts_with(|first: char| first.is_ascii_digit()))
        .map_or((text, false), |inner| (inner, true))
}

/// Without one label, in brackets or before a colon or not.
fn without_label(text: &str) -> Option<&str> {
    let opened = text.trim_start_matches('(');
    let after = LABELS.iter().find_map(|label| opened.strip_prefix(label))?;
    Some(after.trim_start_matches([')', ':']))
}

/// Takes out commas, if they stand where thousands are grouped.
fn ungrouped(whole: &str) -> Option<String> {
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let grouped = whole.contains(',');
    let sound =
        !first.is_empty() && (!grouped || first.len() <= 3) && groups.all(|group| group.len() == 3);
    sound.then(|| whole.replace(',', ""))
}

/// Digits with an optional fraction and, as JSON allows, an exponent.
fn exact(figures: &str) -> Option<Decimal> {
    let (mantissa, exponent) = figures
        .split_once(['e', 'E'])
        .map_or((figures, None), |(mantissa, exponent)| {
            (mantissa, Some(exponent))
        });
    let digits = mantissa.strip_prefix('-').unwrap_or(mantissa);
    if !digits.starts_with(|first: char| first.is_ascii_digit())
        || !digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return None;
    }
    // Checked first in any case: `from_scientific` would round a long mantissa silently.
    let value = Decimal::from_str_exact(mantissa).ok()?;
    match exponent {
        None => Some(value),
        Some(_) => Decimal::from_scientific(figures).ok(),
    }
}

#[cfg(test)]
mod tests {
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
            ("1e3", "1000"),
            ("-2.075E+2", "-207.5"),
            ("1.5e-2", "0.015"),
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
            ("2.07E2", "207"),
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
}
