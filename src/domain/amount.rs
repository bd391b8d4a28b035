//! Money as exact decimals, from figures and from words. Never through a float.

mod count;
mod figures;
mod words;

use super::invoice::Money;
use super::reading::Reading;
use super::spelling::{compact, is_placeholder};
use figures::{exact, figures, is_bare};
use rust_decimal::{Decimal, RoundingStrategy};

pub use count::{days, quantity, unit_price};
pub use words::from_words;
pub(super) use words::{numeral_digits, small_numeral};

/// `"1,939.48"`, `"¥939.48"`, `"939.48元"`, `"（小写）-939.48"`, `"(939.48)"`, `"939元4角8分"`; anything
/// else is kept as its text. Empty, or a placeholder such as `--`, is `None`.
///
/// Full-width figures count as figures, and the decimals stay as many as were printed. What cannot
/// be held exactly (more than 28 digits) or may have lost a figure on the way (`".48"`,
/// `"1,93.48"`) is text: a person can still read it. So is `12E3`, which no bill prints.
pub fn from_text(text: &str) -> Option<Money> {
    read(text, |text| figures(&compact(text)))
}

/// Reads the text of a JSON number, which may have an exponent.
pub fn from_number(text: &str) -> Option<Money> {
    read(text, |text| Some(text.to_owned()))
}

/// Rounded to the fen for comparisons, because floats turn 207.00 into `207.00000000000003`.
pub fn to_the_fen(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

fn read(text: &str, plain: impl FnOnce(&str) -> Option<String>) -> Option<Money> {
    let text = text.trim();
    if is_placeholder(text) {
        return None;
    }
    let value = if is_bare(text) {
        exact(text)
    } else {
        plain(text).and_then(|figures| exact(&figures))
    };
    Some(value.map_or_else(|| Reading::Text(text.to_owned()), Reading::Value))
}

#[cfg(test)]
mod tests;
