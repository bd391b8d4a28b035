//! Money and dates, as they are printed on a bill and read by somebody else's machine.

use invoice_worker::domain::reading::Reading;
use invoice_worker::domain::{amount as money, date};
use jiff::tz::TimeZone;

/// What was understood is written as something that is understood alike, to its last zero, and has
/// every figure of the text; what was not is kept to the letter.
pub fn amount(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match money::from_text(&text) {
        None => assert!(says_nothing(&text), "{text:?}"),
        Some(Reading::Text(kept)) => assert_eq!(kept, text.trim()),
        Some(Reading::Value(value)) => {
            let written = value.to_string();
            // 2元5分 has a figure less than 2.05.
            if !text.contains('分') {
                assert_eq!(figures(&written), figures(&text), "{text:?}");
            }
            let Some(Reading::Value(again)) = money::from_text(&written) else {
                panic!("{text:?} {written}")
            };
            assert_eq!(again.to_string(), written, "{text:?}");
        }
    }
    match date::from_text(&text, &TimeZone::UTC) {
        None => assert!(says_nothing(&text), "{text:?}"),
        Some(Reading::Text(kept)) => assert_eq!(kept, text.trim()),
        Some(Reading::Value(day)) => {
            assert_eq!(
                date::from_text(&day.to_string(), &TimeZone::UTC),
                Some(Reading::Value(day)),
                "{text:?}"
            );
        }
    }
    if let Some(value) = money::from_words(&text) {
        assert_eq!(value.scale(), 2, "{text:?}");
        assert_eq!(
            money::from_text(&value.to_string()),
            Some(Reading::Value(value)),
            "{text:?}"
        );
    }
}

/// A placeholder has no figure, or it is a form's own "no date".
fn says_nothing(text: &str) -> bool {
    let is_figure = |char: char| char.is_ascii_digit() || ('０'..='９').contains(&char);
    !text.contains(is_figure) || text.trim().starts_with("000")
}

/// The figures that count, in their order: zeros before and behind them go with the point.
fn figures(text: &str) -> String {
    let half = |char: char| {
        if ('０'..='９').contains(&char) {
            char::from_u32(u32::from(char) - 0xfee0)
        } else {
            Some(char)
        }
    };
    let figures: String = text
        .chars()
        .filter_map(half)
        .filter(char::is_ascii_digit)
        .collect();
    figures.trim_matches('0').to_owned()
}
