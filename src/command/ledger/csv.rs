//! CSV as RFC 4180 has it, in both directions. What is written can be opened in a spreadsheet without
//! harm: no cell is taken for a formula, and none has control characters.

use crate::command::terminal::plain;
use std::io::{self, BufRead};

/// A line of a statement has a few short cells.
const MOST_RECORD_BYTES: usize = 64 << 10;
/// A spreadsheet takes a cell that begins so for a formula.
const FORMULA_STARTS: [char; 4] = ['=', '+', '-', '@'];

/// The line of these cells, with its end.
pub(super) fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    cells.join(",") + "\n"
}

fn cell(text: &str) -> String {
    let mut text = plain(text);
    // Blanks in front do not keep a spreadsheet from it; neither does the full-width form.
    let first = text.trim_start().chars().next().unwrap_or_default();
    if FORMULA_STARTS.contains(&first) || ['＝', '＋', '－', '＠'].contains(&first) {
        text.insert(0, '\'');
    }
    let is_plain = !text.contains([',', '"', ';']) && text.trim() == text;
    if is_plain {
        text
    } else {
        format!("\"{}\"", text.replace('"', "\"\""))
    }
}

/// Reads record by record; each comes with the number of the line on which it begins.
#[derive(Debug)]
pub(super) struct CsvReader<R> {
    input: R,
    delimiter: char,
    line: usize,
}

impl<R: BufRead> CsvReader<R> {
    pub(super) fn new(input: R, delimiter: char) -> Self {
        Self {
            input,
            delimiter,
            line: 0,
        }
    }

    /// The next record that is not empty; `None` at the end.
    ///
    /// # Errors
    /// The input cannot be read, is not UTF-8, or a record is too long.
    pub(super) fn next(&mut self) -> io::Result<Option<(usize, Vec<String>)>> {
        loop {
            let (mut text, mut quotes) = (String::new(), 0);
            let begins = self.line + 1;
            // A quoted cell may go over several lines.
            loop {
                let before = text.len();
                self.read_line(&mut text)?;
                if text.len() == before {
                    break;
                }
                self.line += 1;
                quotes += text[before..].matches('"').count();
                if quotes.is_multiple_of(2) {
                    break;
                }
            }
            if text.is_empty() {
                return Ok(None);
            }
            let text = text.trim_start_matches('\u{feff}');
            let text = text.trim_end_matches(['\n', '\r']);
            if !text.trim().is_empty() {
                return Ok(Some((begins, cells(text, self.delimiter))));
            }
        }
    }

    fn read_line(&mut self, text: &mut String) -> io::Result<()> {
        let invalid = |problem: &str| {
            let problem = format!("line {}: {problem}", self.line + 1);
            io::Error::new(io::ErrorKind::InvalidData, problem)
        };
        let room = (MOST_RECORD_BYTES + 1).saturating_sub(text.len());
        let mut bytes = Vec::new();
        let mut input = io::Read::take(&mut self.input, room as u64);
        let read = input.read_until(b'\n', &mut bytes)?;
        if text.len() + read > MOST_RECORD_BYTES {
            return Err(invalid("is too long for a line of a statement"));
        }
        let line = std::str::from_utf8(&bytes).map_err(|_| {
            invalid("is not UTF-8; convert the file, for instance with `iconv -f GB18030`")
        })?;
        text.push_str(line);
        Ok(())
    }
}

fn cells(text: &str, delimiter: char) -> Vec<String> {
    let (mut cells, mut cell, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            _ if character == delimiter && !is_quoted => cells.push(std::mem::take(&mut cell)),
            _ => cell.push(character),
        }
    }
    cells.push(cell);
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> io::Result<Vec<(usize, Vec<String>)>> {
        let mut reader = CsvReader::new(text, ',');
        let mut records = Vec::new();
        while let Some(record) = reader.next()? {
            records.push(record);
        }
        Ok(records)
    }

    #[test]
    fn no_cell_is_a_formula_or_moves_the_cursor() {
        for (text, written) in [
            ("CLM-1", "CLM-1"),
            ("", ""),
            ("=1+1", "'=1+1"),
            ("+49", "'+49"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("  =1", "'  =1"),
            ("＝1", "'＝1"),
            ("\t=1", "\\t=1"),
            ("a,b", "\"a,b\""),
            ("a;b", "\"a;b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("a\r\nb", "a\\r\\nb"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("河南", "河南"),
        ] {
            assert_eq!(cell(text), written, "{text:?}");
        }
        assert_eq!(line(["a", "b,c", ""]), "a,\"b,c\",\n");
    }

    #[test]
    fn records_are_read_as_spreadsheets_write_them() {
        let text = "\u{feff}id,price\r\n\r\n1,\"0,25\"\r\n\"a\nb\",\"say \"\"x\"\"\"\n,\n2,3";
        let record = |line: usize, cells: [&str; 2]| (line, cells.map(str::to_owned).to_vec());
        assert_eq!(
            read(text.as_bytes()).unwrap(),
            [
                record(1, ["id", "price"]),
                record(3, ["1", "0,25"]),
                record(4, ["a\nb", "say \"x\""]),
                record(6, ["", ""]),
                record(7, ["2", "3"]),
            ]
        );
        assert_eq!(read(b"").unwrap(), []);
        let error = read(b"a\n\xb5\xc4\n").unwrap_err().to_string();
        assert!(
            error.contains("line 2") && error.contains("iconv"),
            "{error}"
        );
        for endless in [
            "x".repeat(MOST_RECORD_BYTES + 1),
            "\"\n".to_owned() + &"x\n".repeat(MOST_RECORD_BYTES),
        ] {
            let error = read(endless.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("too long"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(cells in prop::collection::vec("[ a-c,\"河;]{0,8}", 1..5)) {
            let written = line(cells.iter().map(String::as_str));
            let read = read(written.as_bytes()).unwrap();
            if cells.len() > 1 {
                prop_assert_eq!(&read[0].1, &cells);
            }
        }

        #[test]
        fn any_bytes_are_records_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }
    }
}
