//! What a terminal can show: its width, lines that fit, lengths of time, and text that strangers
//! wrote.

use console::{Term, measure_text_width};
use std::fmt::Write as _;
use std::io::Write as _;

/// The width where neither a terminal nor `COLUMNS` says one.
const USUAL_COLUMNS: usize = 80;
/// Narrower output would be unreadable, so lines are made no shorter than this.
const LEAST_COLUMNS: usize = 40;
/// A hanging text keeps this width, however long its lead is.
const LEAST_TEXT: usize = 20;
/// A word that does not fit into a line is broken behind one of these.
const BREAKS: [char; 7] = ['-', '_', '.', '/', ',', ':', '|'];

/// The width of the output: `COLUMNS` where it is set, else the terminal's, else 80.
pub(super) fn columns() -> usize {
    let variable = std::env::var("COLUMNS").ok();
    variable
        .and_then(|columns| columns.trim().parse().ok())
        .filter(|columns| *columns > 0)
        .or_else(|| Some(Term::stdout().size_checked()?.1.into()))
        .unwrap_or(USUAL_COLUMNS)
        .max(LEAST_COLUMNS)
}

/// The text in lines of at most `width` columns, broken at spaces and line breaks. A word that is
/// longer than a line is broken behind a mark such as `_`, or else anywhere.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line: Option<String> = None;
        for mut word in paragraph.split(' ') {
            line = match line {
                Some(full) if measure_text_width(&full) + 1 + measure_text_width(word) > width => {
                    lines.push(full);
                    None
                }
                line => line,
            };
            while measure_text_width(word) > width {
                let (head, tail) = word.split_at(break_point(word, width));
                if tail.is_empty() {
                    break;
                }
                lines.push(head.to_owned());
                word = tail;
            }
            line = Some(line.map_or_else(|| word.to_owned(), |line| format!("{line} {word}")));
        }
        lines.extend(line);
    }
    lines
}

/// The number of bytes of a word that fit into a line; at least one character, so that it ends.
fn break_point(word: &str, width: usize) -> usize {
    let ends = word
        .char_indices()
        .map(|(start, character)| start + character.len_utf8());
    let fitting: Vec<usize> = ends
        .enumerate()
        .take_while(|(index, end)| *index == 0 || measure_text_width(&word[..*end]) <= width)
        .map(|(_, end)| end)
        .collect();
    let behind_a_mark = fitting.iter().rfind(|end| word[..**end].ends_with(BREAKS));
    behind_a_mark
        .or(fitting.last())
        .copied()
        .unwrap_or(word.len())
}

/// A paragraph on stdout, wrapped to the terminal.
pub(super) fn print(text: &str) -> std::io::Result<()> {
    let lines = wrap(text, columns());
    writeln!(std::io::stdout().lock(), "{}", lines.join("\n"))
}

/// A lead and a text behind it; the further lines of the text are indented to the same column.
pub(super) fn hanging(lead: &str, text: &str, columns: usize) -> String {
    let indent = measure_text_width(lead);
    let lines = wrap(text, columns.saturating_sub(indent).max(LEAST_TEXT));
    format!("{lead}{}", lines.join(&format!("\n{:indent$}", "")))
}

/// A length of time in its two largest units.
pub(super) fn length(seconds: u64) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let first = parts.iter().position(|(number, _)| *number > 0);
    let two = parts[first.unwrap_or(parts.len() - 1)..].iter().take(2);
    let shown: Vec<String> = two
        .enumerate()
        .filter(|(index, (number, _))| *index == 0 || *number > 0)
        .map(|(_, (number, unit))| format!("{number}{unit}"))
        .collect();
    shown.join(" ")
}

/// Text that came with a message may move the cursor, clear the screen or turn the direction of
/// writing: such characters are spelled out.
pub(super) fn plain(text: &str) -> String {
    spelled_out(text, |_| false)
}

/// Like [`plain`], over several lines.
pub(super) fn plain_lines(text: &str) -> String {
    spelled_out(text, |character| matches!(character, '\n' | '\t'))
}

/// JSON in one line, in which such characters of its texts are escaped.
pub(super) fn json_line(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            // Outside of texts, where they are escaped, these mean nothing.
            '\n' | '\r' | '\t' => line.push(' '),
            _ if character.is_control() || turns_direction(character) => {
                let _ = write!(line, "\\u{:04x}", u32::from(character));
            }
            _ => line.push(character),
        }
    }
    line
}

fn spelled_out(text: &str, is_harmless: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if !is_harmless(character) && (character.is_control() || turns_direction(character)) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_at_spaces_and_long_words_behind_a_mark() {
        for (text, width, lines) in [
            ("", 10, &[""][..]),
            ("one two three", 7, &["one two", "three"]),
            ("  one  two", 20, &["  one  two"]),
            ("one\ntwo three", 20, &["one", "two three"]),
            (
                "a image.unsupported_format b",
                18,
                &["a", "image.unsupported_", "format b"],
            ),
            ("abcdefghij", 4, &["abcd", "efgh", "ij"]),
            ("河南省财政厅", 5, &["河南", "省财", "政厅"]),
            ("河", 1, &["河"]),
        ] {
            assert_eq!(wrap(text, width), lines, "{text:?} at {width}");
        }
    }

    #[test]
    fn json_is_one_line_without_characters_that_move_anything() {
        let json = "{\"a\":\n\t\"\u{9b}2J\u{202e}河\\n\"}";
        let line = json_line(json);
        assert_eq!(line, "{\"a\":  \"\\u009b2J\\u202e河\\n\"}");
        let values: [serde_json::Value; 2] =
            [json, &line].map(|text| serde_json::from_str(text).unwrap());
        assert_eq!(values[0], values[1]);
    }

    #[test]
    fn further_lines_hang_below_the_first() {
        assert_eq!(
            hanging("  Reason  ", "the registry did not answer in time", 30),
            "  Reason  the registry did not\n          answer in time"
        );
        assert_eq!(hanging("x ", "short", 80), "x short");
    }

    #[test]
    fn control_characters_are_escaped() {
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
}
