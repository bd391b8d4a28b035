//! Lines with a tone, and how tables become such lines: one below the other, or beside each other.
//! Pure.

use crate::command::table::{Column, Table};
use crate::command::terminal::wrap;
use console::measure_text_width;

/// Between parts that stand beside each other.
const GAP: usize = 4;

/// How a line is drawn on a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Title,
    Heading,
    Plain,
    Faint,
    /// Something waits, or does not answer.
    Alarm,
}

pub(super) type ToneLine = (Tone, String);

/// A blank line, the heading where there is one, and the table. Rows that are alarming by their
/// number have that tone.
pub(super) fn section(
    heading: &str,
    table: &Table,
    columns: usize,
    is_alarming: impl Fn(usize) -> bool,
) -> Vec<ToneLine> {
    let mut lines = vec![(Tone::Plain, String::new())];
    let heading = wrap(heading, columns).into_iter();
    let heading = heading.filter(|line| !line.is_empty());
    lines.extend(heading.map(|line| (Tone::Heading, line)));
    let (head, rows) = table.parts(columns);
    lines.extend(head.lines().map(|line| (Tone::Faint, line.to_owned())));
    for (index, row) in rows.iter().enumerate() {
        let tone = if is_alarming(index) {
            Tone::Alarm
        } else {
            Tone::Plain
        };
        lines.extend(row.lines().map(|line| (tone, line.to_owned())));
    }
    lines
}

/// A blank line, and a line that says that there is nothing.
pub(super) fn nothing(text: &str, columns: usize) -> Vec<ToneLine> {
    let mut lines = vec![(Tone::Plain, String::new())];
    let text = wrap(text, columns).into_iter();
    lines.extend(text.map(|line| (Tone::Faint, line)));
    lines
}

/// A section with these rows, or a line that says that there are none.
pub(super) fn listed<const N: usize>(
    heading: &str,
    names: [Column; N],
    rows: Vec<[String; N]>,
    columns: usize,
) -> Vec<ToneLine> {
    if rows.is_empty() {
        return nothing(&format!("{heading}: none"), columns);
    }
    let mut table = Table::new(names);
    for row in rows {
        table.row(row);
    }
    section(heading, &table, columns, |_| false)
}

/// The width of each of so many parts beside each other.
pub(super) fn width_of_each(parts: usize, columns: usize) -> usize {
    columns.saturating_sub((parts - 1) * GAP) / parts
}

/// Parts beside each other, each so wide.
pub(super) fn beside<const N: usize>(parts: &[Vec<ToneLine>; N], width: usize) -> Vec<ToneLine> {
    let height = parts.iter().map(Vec::len).max().unwrap_or(0);
    let line = |index: usize| {
        let cells = parts.iter().map(|part| {
            let text = part.get(index).map_or("", |(_, text)| text.as_str());
            let pad = width.saturating_sub(measure_text_width(text));
            format!("{text}{}", " ".repeat(pad))
        });
        let cells: Vec<String> = cells.collect();
        let tone = parts
            .iter()
            .find_map(|part| part.get(index))
            .map(|(tone, _)| *tone);
        let text = cells.join(&" ".repeat(GAP)).trim_end().to_owned();
        (tone.unwrap_or(Tone::Plain), text)
    };
    (0..height).map(line).collect()
}
