//! Counts and prices with their unit behind them: days, quantities, prices for one.

use super::{from_text, small_numeral};
use crate::domain::invoice::Money;
use crate::domain::reading::Reading;
use crate::domain::spelling::compact;
use rust_decimal::Decimal;

/// Words that may stand before a number of days.
const DAY_LABELS: [&str; 9] = [
    "实际", "住院", "天数", "日数", "共计", "合计", "总计", "共", ":",
];
/// No unit of a quantity is longer (`人次`, `10ml/支` is none).
const MAX_UNIT_CHARS: usize = 3;
/// Characters that change a number, so that no unit holds one.
const NUMERALS: &str = "一二两三四五六七八九十百千万亿半零〇壹贰叁肆伍陆柒捌玖拾佰仟约余多几第";

/// A number of days: `3`, `3天`, `共3天`, `住院天数：3日`, `十二天`.
pub fn days(text: &str) -> Option<Money> {
    let compact = compact(text);
    let mut rest = compact.as_str();
    while let Some(after) = DAY_LABELS.iter().find_map(|label| rest.strip_prefix(label)) {
        rest = after;
    }
    let bare = rest.trim_end_matches(['天', '日']);
    if let Some(days) = small_numeral(bare).filter(|_| bare != rest) {
        return Some(Reading::Value(Decimal::from(days)));
    }
    known(bare, text)
}

/// A quantity: `2`, `2.00`, `2盒`.
pub fn quantity(text: &str) -> Option<Money> {
    let compact = compact(text);
    let end = compact
        .rfind(|last: char| last.is_ascii_digit())
        .map_or(0, |last| last + 1);
    let (number, unit) = compact.split_at(end);
    let is_unit = unit.chars().count() <= MAX_UNIT_CHARS
        && unit
            .chars()
            .all(|char| char > '\u{2e7f}' && char.is_alphabetic() && !NUMERALS.contains(char));
    known(if is_unit { number } else { &compact }, text)
}

/// The price of one: `29.32`, `29.32元/盒`.
pub fn unit_price(text: &str) -> Option<Money> {
    let compact = compact(text);
    let price = match compact.rsplit_once('/') {
        Some((price, unit)) if !unit.is_empty() && unit.chars().all(char::is_alphabetic) => price,
        _ => &compact,
    };
    known(price, text)
}

/// The number in `bare`, else whatever `text` is.
fn known(bare: &str, text: &str) -> Option<Money> {
    match from_text(bare) {
        Some(Reading::Value(value)) => Some(Reading::Value(value)),
        Some(Reading::Text(_)) | None => from_text(text),
    }
}
