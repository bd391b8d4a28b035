//! Money: decimals from figures as printed, and from Chinese financial numerals.

use super::invoice::Money;
use rust_decimal::Decimal;

/// `"1,939.48"`, `"¥939.48"`, `"939.48元"`; anything else is kept as its text. Empty is `None`.
pub fn from_text(_text: &str) -> Option<Money> {
    unimplemented!()
}

/// 玖佰叁拾玖元肆角捌分 → 939.48.
pub fn from_words(_words: &str) -> Option<Decimal> {
    unimplemented!()
}
