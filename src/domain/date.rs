//! Dates in every form the two providers send them.

use super::invoice::Day;

/// `2020-06-01`, `2020年06月03日` …; anything else is kept as its text. Empty is `None`.
pub fn from_text(_text: &str) -> Option<Day> {
    unimplemented!()
}
