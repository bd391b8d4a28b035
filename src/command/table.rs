//! The tables of all commands: no borders, two spaces between columns, as wide as the terminal.
//!
//! A table that is too wide gives way in this order: cells wrap at spaces; columns that are details
//! of their row move below it; at last words are broken. Nothing is left out.

use super::terminal::wrap;
use console::measure_text_width;
use std::fmt::Write;

const GAP: &str = "  ";
/// A column of text keeps this width, even in a table that is then wider than the terminal.
const LEAST_WIDTH: usize = 6;

#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    is_ruled: bool,
}

#[derive(Debug)]
pub(super) struct Column {
    name: &'static str,
    is_number: bool,
    /// Columns of the highest rank move below their row first; those of rank 0 never do.
    rank: u8,
    /// Where the cells would have less than this, details move below their row.
    at_least: usize,
    /// The cells wrap at this, however wide the terminal is; a longer word is not broken for it.
    at_most: usize,
}

impl Column {
    pub(super) fn text(name: &'static str) -> Self {
        Self {
            name,
            is_number: false,
            rank: 0,
            at_least: 0,
            at_most: usize::MAX,
        }
    }

    /// Cells stand at the right, and are never broken.
    pub(super) fn number(name: &'static str) -> Self {
        Self {
            is_number: true,
            ..Self::text(name)
        }
    }

    pub(super) fn detail(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    pub(super) fn at_least(self, at_least: usize) -> Self {
        Self { at_least, ..self }
    }

    pub(super) fn at_most(self, at_most: usize) -> Self {
        Self { at_most, ..self }
    }
}

impl Table {
    pub(super) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
            is_ruled: false,
        }
    }

    /// A line between rows, where each has several lines.
    pub(super) fn ruled(self) -> Self {
        Self {
            is_ruled: true,
            ..self
        }
    }

    /// One cell for each column; a cell may have several lines.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        let cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    pub(super) fn render(&self, columns: usize) -> String {
        let (head, rows) = self.parts(columns);
        head + &rows.concat()
    }

    /// The names of the columns with their rule, and each row. A row may have several lines.
    pub(super) fn parts(&self, columns: usize) -> (String, Vec<String>) {
        let shown = self.beside_each_other(columns);
        let widths = self.widths(&shown, columns);
        let names: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
        let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        let rule = rule.join(GAP);
        let head = format!("{}{rule}\n", self.lines(&names, &shown, &widths));
        let rows = self.rows.iter().enumerate().map(|(index, row)| {
            let mut out = String::new();
            if self.is_ruled && index > 0 {
                let _ = writeln!(out, "{}", rule.replace('─', "┄"));
            }
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            out.push_str(&self.lines(&cells, &shown, &widths));
            let details: Vec<String> = (0..row.len())
                .filter(|column| !shown.contains(column) && !row[*column].is_empty())
                .map(|column| format!("{}: {}", names[column], row[column]))
                .collect();
            for line in wrap(&details.join("; "), columns - GAP.len()) {
                if !line.is_empty() {
                    let _ = writeln!(out, "{GAP}{line}");
                }
            }
            out
        });
        (head, rows.collect())
    }

    /// The columns that fit beside each other when their cells wrap at spaces.
    fn beside_each_other(&self, columns: usize) -> Vec<usize> {
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        while total(&self.preferred(&shown)) > columns {
            let last = shown.iter().map(|column| self.columns[*column].rank).max();
            let Some(rank) = last.filter(|rank| *rank > 0) else {
                break;
            };
            shown.retain(|column| self.columns[*column].rank != rank);
        }
        shown
    }

    /// The least width that each column should have before details move below their row.
    fn preferred(&self, shown: &[usize]) -> Vec<usize> {
        let words = self.measure(shown, longest_word).into_iter();
        let columns = shown.iter().map(|column| &self.columns[*column]);
        words
            .zip(columns)
            .map(|(words, column)| words.max(column.at_least))
            .collect()
    }

    /// The widest column gives way first: down to its longest word, and then by breaking words.
    fn widths(&self, shown: &[usize], columns: usize) -> Vec<usize> {
        let whole_words = self.measure(shown, longest_word);
        let broken_words = self.measure(shown, |text| longest_word(text).min(LEAST_WIDTH));
        let mut widths = self.measure(shown, longest_line);
        for (width, (column, words)) in widths.iter_mut().zip(shown.iter().zip(&whole_words)) {
            *width = (*width).min(self.columns[*column].at_most.max(*words));
        }
        for least in [whole_words, broken_words] {
            while total(&widths) > columns {
                let wide = (0..widths.len()).filter(|index| widths[*index] > least[*index]);
                let Some(widest) = wide.max_by_key(|index| widths[*index]) else {
                    break;
                };
                widths[widest] -= 1;
            }
        }
        widths
    }

    /// The width that each column needs for its name and its cells; a number is not broken.
    fn measure(&self, shown: &[usize], needs: fn(&str) -> usize) -> Vec<usize> {
        let of_column = |index: &usize| {
            let column = &self.columns[*index];
            let of_cell = if column.is_number {
                longest_line
            } else {
                needs
            };
            let cells = self.rows.iter().map(|row| of_cell(&row[*index]));
            cells.fold(needs(column.name), usize::max)
        };
        shown.iter().map(of_column).collect()
    }

    fn lines(&self, cells: &[&str], shown: &[usize], widths: &[usize]) -> String {
        let wrapped: Vec<Vec<String>> = shown
            .iter()
            .zip(widths)
            .map(|(column, width)| wrap(cells[*column], *width))
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        let mut out = String::new();
        for line in 0..height {
            let padded = shown
                .iter()
                .zip(widths)
                .zip(&wrapped)
                .map(|((column, width), cell)| {
                    let text = cell.get(line).map_or("", String::as_str);
                    let pad = " ".repeat(width.saturating_sub(measure_text_width(text)));
                    if self.columns[*column].is_number {
                        format!("{pad}{text}")
                    } else {
                        format!("{text}{pad}")
                    }
                });
            let padded: Vec<String> = padded.collect();
            let _ = writeln!(out, "{}", padded.join(GAP).trim_end());
        }
        out
    }
}

fn longest_line(text: &str) -> usize {
    text.split('\n').map(measure_text_width).max().unwrap_or(0)
}

fn longest_word(text: &str) -> usize {
    let words = text.split_whitespace();
    words.map(measure_text_width).max().unwrap_or(0)
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Table {
        let mut table = Table::new([
            Column::text("stage"),
            Column::text("code"),
            Column::number("how many"),
            Column::number("<1h").detail(1),
            Column::text("remark").detail(2),
        ]);
        for row in [
            [
                "verification",
                "316",
                "3",
                "1",
                "in maintenance since the morning",
            ],
            ["image", "image.unsupported_format", "12", "", ""],
            ["医保", "—", "1", "1", "河南"],
        ] {
            table.row(row);
        }
        table
    }

    #[test]
    fn a_table_uses_the_width_that_is_there() {
        insta::assert_snapshot!(failed().render(120), @r"
        stage         code                      how many  <1h  remark
        ────────────  ────────────────────────  ────────  ───  ────────────────────────────────
        verification  316                              3    1  in maintenance since the morning
        image         image.unsupported_format        12
        医保          —                                1    1  河南
        ");
        insta::assert_snapshot!(failed().render(80), @r"
        stage         code                      how many  <1h  remark
        ────────────  ────────────────────────  ────────  ───  ─────────────────────────
        verification  316                              3    1  in maintenance since the
                                                               morning
        image         image.unsupported_format        12
        医保          —                                1    1  河南
        ");
        insta::assert_snapshot!(failed().render(60), @r"
        stage         code                      how many  <1h
        ────────────  ────────────────────────  ────────  ───
        verification  316                              3    1
          remark: in maintenance since the morning
        image         image.unsupported_format        12
        医保          —                                1    1
          remark: 河南
        ");
        insta::assert_snapshot!(failed().render(40), @r"
        stage         code                   how
                                            many
        ────────────  ────────────────────  ────
        verification  316                      3
          <1h: 1; remark: in maintenance since
          the morning
        image         image.unsupported_      12
                      format
        医保          —                        1
          <1h: 1; remark: 河南
        ");
    }

    #[test]
    fn rows_of_several_lines_are_kept_apart() {
        let mut table = Table::new([Column::text("code"), Column::text("what happens")]).ruled();
        table.row([
            "300 301",
            "parked\nwhy: the picture is not legible to the registry",
        ]);
        table.row(["316", "parked"]);
        insta::assert_snapshot!(table.render(40), @r"
        code     what happens
        ───────  ───────────────────────────────
        300 301  parked
                 why: the picture is not legible
                 to the registry
        ┄┄┄┄┄┄┄  ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄
        316      parked
        ");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_nothing_is_lost() {
        for columns in 40..130 {
            let text = failed().render(columns);
            for line in text.lines() {
                assert!(measure_text_width(line) <= columns, "{columns}: {line}");
            }
            let packed: String = text.split_whitespace().collect();
            for cell in ["verification", "316", "医保", "河南"] {
                assert!(packed.contains(cell), "{columns}: {cell}\n{text}");
            }
        }
    }
}
