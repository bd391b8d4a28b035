//! Strangers' text and ages, as a terminal may show them.

use jiff::{SignedDuration, Timestamp};

/// What comes with a message may move the cursor, clear the screen or turn the direction of
/// writing: such characters are spelled out.
pub(in crate::command) fn plain(text: &str) -> String {
    spelled_out(text, |_| false)
}

/// As [`plain`], over several lines.
pub(super) fn plain_lines(text: &str) -> String {
    spelled_out(text, |character| matches!(character, '\n' | '\t'))
}

fn spelled_out(text: &str, harmless: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if !harmless(character) && (character.is_control() || turns_direction(character)) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

fn turns_direction(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// In the two largest units: `3d 4h`, `5m 7s`, `12s`.
pub(super) fn age(at: Timestamp, now: Timestamp) -> String {
    // Another machine's clock may be ahead of ours.
    length(
        now.duration_since(at)
            .max(SignedDuration::ZERO)
            .unsigned_abs()
            .as_secs(),
    )
}

/// Of so many seconds, in the two largest units.
pub(super) fn length(seconds: u64) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let first = parts
        .iter()
        .position(|(number, _)| *number > 0)
        .unwrap_or(parts.len() - 1);
    let told = parts[first..]
        .iter()
        .take(2)
        .enumerate()
        .filter(|(index, (number, _))| *index == 0 || *number > 0);
    told.map(|(_, (number, unit))| format!("{number}{unit}"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_the_terminal_is_spelled_out() {
        for (text, shown) in [
            ("CLM-1/发票", "CLM-1/发票"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\nb\t", "a\\nb\\t"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("gpj.\u{202e}exe", "gpj.\\u{202e}exe"),
        ] {
            assert_eq!(plain(text), shown);
        }
        assert_eq!(
            plain_lines("{\n\t\"a\": \u{1b}\r\n}"),
            "{\n\t\"a\": \\u{1b}\\r\n}"
        );
    }

    #[test]
    fn an_age_is_told_in_its_two_largest_units() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        for (seconds, told) in [
            (-5, "0s"),
            (0, "0s"),
            (12, "12s"),
            (60, "1m"),
            (307, "5m 7s"),
            (7_200, "2h"),
            (7_259, "2h"),
            (90_061, "1d 1h"),
            (86_400 * 13 + 60, "13d"),
        ] {
            assert_eq!(
                age(at, at + SignedDuration::from_secs(seconds)),
                told,
                "{seconds}"
            );
        }
    }
}
