//! Money as exact decimals, from figures and from words. Never through a float.

mod words;

use super::invoice::Money;
use super::reading::Reading;
use super::width::compact;
use rust_decimal::Decimal;

pub use words::from_words;

/// `"1,939.48"`, `"¥939.48"`, `"939.48元"`, a JSON number's own text; anything else is kept as its text. Empty is `None`.
///
/// Full-width figures count as figures, and the decimals stay as many as were printed. What cannot be held exactly (more than 28
/// digits) or may have lost a figure on the way (`".48"`, `"1,93.48"`) is text: a person can still read it.
pub fn from_text(text: &str) -> Option<Money> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let value = if is_bare(text) { exact(text) } else { figures(&compact(text)).and_then(|figures| exact(&figures)) };
    Some(value.map_or_else(|| Reading::Text(text.to_owned()), Reading::Value))
}

/// Nothing but digits and a point between them: there is nothing to be taken out.
fn is_bare(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.ends_with(|last: char| last.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// The bare number: sign first, no currency, no grouping.
fn figures(text: &str) -> Option<String> {
    let (outer_minus, rest) = minus(text);
    let rest = rest.strip_prefix('¥').unwrap_or(rest);
    let (inner_minus, rest) = minus(rest);
    let rest = rest.strip_suffix(['元', '圆', '圓']).unwrap_or(rest);
    let (whole, fraction) = rest.split_once('.').map_or((rest, ""), |(whole, fraction)| (whole, fraction));
    if (outer_minus && inner_minus) || (rest.contains('.') && fraction.is_empty()) {
        return None;
    }
    let sign = if outer_minus || inner_minus { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{}{point}{fraction}", ungrouped(whole)?))
}

fn minus(text: &str) -> (bool, &str) {
    text.strip_prefix(['-', '−']).map_or((false, text), |rest| (true, rest))
}

/// Takes out commas, if they stand where thousands are grouped.
fn ungrouped(whole: &str) -> Option<String> {
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let grouped = whole.contains(',');
    let sound = !first.is_empty() && (!grouped || first.len() <= 3) && groups.all(|group| group.len() == 3);
    sound.then(|| whole.replace(',', ""))
}

/// Digits with an optional fraction and, as JSON allows, an exponent.
fn exact(figures: &str) -> Option<Decimal> {
    let (mantissa, exponent) = figures.split_once(['e', 'E']).map_or((figures, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let digits = mantissa.strip_prefix('-').unwrap_or(mantissa);
    if !digits.starts_with(|first: char| first.is_ascii_digit()) || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
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
            ("0", "0"),
            ("007", "7"),
            ("1e3", "1000"),
            ("-2.075E+2", "-207.5"),
            ("1.5e-2", "0.015"),
            ("0.1234567890123456789012345678", "0.1234567890123456789012345678"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_surely_a_number_stays_text() {
        for text in [
            "XX.48",
            ".48",
            "939.",
            "1,93.48",
            "1234,567",
            ",123",
            "--1",
            "-¥-1",
            "+1",
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
