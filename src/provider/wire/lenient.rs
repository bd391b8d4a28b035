//! Converts text that is almost JSON to strict JSON: what Python's `json` and old Java servers
//! write, and what people write by hand.
//!
//! It is used only where the strict reader refused. A field without a valid value becomes a text
//! that is not legible, so that it can be neither compared nor taken for an empty value. A
//! truncated object is not completed.

use super::charset::UNDECODED;

/// The deepest nesting, more than any answer has. Readers of the result may recurse.
const MAX_DEPTH: usize = 512;
const MAX_BARE_NAME_BYTES: usize = 100;

/// Returns the first complete object of the text, as strict JSON, without the text after it.
///
/// It accepts `NaN`, `Infinity` and other words (not values), `None`, `True`, `undefined`, numbers
/// in odd spellings (as text), commas too many or missing, comments, names without quotes, text in
/// single quotes, quotes and control characters that should have been escaped.
pub(super) fn first_object(text: &str) -> Option<String> {
    let strict = String::with_capacity(text.len());
    let mut repair = Repair {
        text,
        at: 0,
        strict,
        open: Vec::new(),
        scalar: None,
        is_doubtful: false,
    };
    repair.skip_blanks()?;
    if repair.peek()? != '{' {
        return None;
    }
    repair.value()?;
    while let Some(container) = repair.open.last() {
        match container {
            Container::Object => repair.member()?,
            Container::List => repair.element()?,
        }
    }
    (!repair.is_doubtful || repair.ends_here()).then_some(repair.strict)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Object,
    List,
}

/// Every method returns `None` where the text ends too early, or is no object.
struct Repair<'a> {
    text: &'a str,
    at: usize,
    strict: String,
    open: Vec<Container>,
    /// The start of the scalar that was written last, while the text after it may still show that
    /// it was misread.
    scalar: Option<usize>,
    /// Text that belongs to no value was skipped.
    is_doubtful: bool,
}

impl<'a> Repair<'a> {
    /// Reads the next part of an object: a member, a comma, its end, or text that belongs to no
    /// value.
    fn member(&mut self) -> Option<()> {
        self.skip_blanks()?;
        match self.peek()? {
            ',' => {
                self.skip(',');
                Some(())
            }
            '}' => {
                self.close('}');
                Some(())
            }
            ']' | '{' | '[' => None,
            quote @ ('"' | '\'') => {
                self.separate();
                self.string(quote, true)?;
                self.colon_and_value()
            }
            _ => {
                let name = self.bare(&[',', '}', ']', ':', '"', '{', '['])?;
                if self.peek()? == ':' && !name.is_empty() && name.len() <= MAX_BARE_NAME_BYTES {
                    self.separate();
                    self.quote(name);
                    self.colon_and_value()
                } else {
                    self.doubt_scalar();
                    self.is_doubtful = true;
                    self.skip_one_unless_it_closes()
                }
            }
        }
    }

    fn element(&mut self) -> Option<()> {
        self.skip_blanks()?;
        match self.peek()? {
            ',' => {
                self.skip(',');
                Some(())
            }
            ']' => {
                self.close(']');
                Some(())
            }
            '}' => None,
            _ => {
                self.separate();
                self.value()
            }
        }
    }

    fn colon_and_value(&mut self) -> Option<()> {
        self.skip_blanks()?;
        self.strict.push(':');
        if self.peek()? == ':' {
            self.skip(':');
            self.skip_blanks()?;
        }
        self.value()
    }

    fn value(&mut self) -> Option<()> {
        self.scalar = None;
        match self.peek()? {
            '{' => self.open('{', Container::Object),
            '[' => self.open('[', Container::List),
            quote @ ('"' | '\'') => {
                self.scalar = Some(self.strict.len());
                self.string(quote, false)
            }
            _ => {
                self.scalar = Some(self.strict.len());
                let word = self.bare(&[',', '}', ']', '"', '{', '['])?;
                self.word(word);
                Some(())
            }
        }
    }

    fn open(&mut self, bracket: char, container: Container) -> Option<()> {
        if self.open.len() >= MAX_DEPTH {
            return None;
        }
        self.open.push(container);
        self.strict.push(bracket);
        self.skip(bracket);
        Some(())
    }

    fn close(&mut self, bracket: char) {
        self.open.pop();
        self.strict.push(bracket);
        self.scalar = None;
        self.skip(bracket);
    }

    /// Whether the object ends here. A quote within a text may have closed it too early; then text
    /// follows that belongs into it.
    fn ends_here(&mut self) -> bool {
        self.skip_blanks().is_none() || !matches!(self.peek(), Some(',' | ':' | '"' | '}' | ']'))
    }

    /// Writes a comma, unless the container has just begun.
    fn separate(&mut self) {
        if !self.strict.ends_with(['{', '[']) {
            self.strict.push(',');
        }
    }

    /// Discards the last scalar. In `1,939.48` without quotes, the part before the comma is not the
    /// value.
    fn doubt_scalar(&mut self) {
        if let Some(start) = self.scalar.take() {
            self.strict.truncate(start);
            self.undecoded();
        }
    }

    fn undecoded(&mut self) {
        self.strict.extend(['"', UNDECODED, '"']);
    }

    /// Reads a value that is not a quoted text: up to one of these characters, a line break or a
    /// comment.
    fn bare(&mut self, ends: &[char]) -> Option<&'a str> {
        let rest = self.rest();
        let is_end = |(at, char): &(usize, char)| {
            ends.contains(char) || *char == '\n' || begins_comment(&rest[*at..])
        };
        let (end, _) = rest.char_indices().find(is_end)?;
        self.at += end;
        let word = rest[..end].trim();
        self.skip_blanks()?;
        Some(word)
    }

    fn word(&mut self, word: &str) {
        match word {
            "true" | "True" | "TRUE" => self.strict.push_str("true"),
            "false" | "False" | "FALSE" => self.strict.push_str("false"),
            "null" | "None" | "Null" | "NULL" | "nil" | "undefined" => self.strict.push_str("null"),
            number if serde_json::from_str::<serde_json::Number>(number).is_ok() => {
                self.strict.push_str(number);
            }
            // It is kept as text: `0103152099` keeps its zero, and people can see what is odd.
            number if is_like_a_number(number) => self.quote(number),
            _ => self.undecoded(),
        }
    }

    /// Reads a text between quotes. A name ends at the next quote, whatever follows.
    fn string(&mut self, quote: char, is_name: bool) -> Option<()> {
        self.skip(quote);
        self.strict.push('"');
        loop {
            let char = self.peek()?;
            self.at += char.len_utf8();
            match char {
                '\\' => self.escape()?,
                char if char == quote && (is_name || self.is_end_of_value(quote)?) => break,
                // It is unknown which of the quotes was meant as the end.
                char if char == quote => self.strict.push(UNDECODED),
                '"' => self.strict.push_str("\\\""),
                char if char < ' ' => self.strict.push(' '),
                char => self.strict.push(char),
            }
        }
        self.strict.push('"');
        Some(())
    }

    /// Whether the text after a quote shows that the value ends with this quote.
    fn is_end_of_value(&self, quote: char) -> Option<bool> {
        let rest = self.rest();
        let after = rest.trim_start();
        let next = after.chars().next()?;
        let begins_line = rest[..rest.len() - after.len()].contains('\n');
        Some(
            matches!(next, ',' | '}' | ']')
                || begins_comment(after)
                || (next == quote && begins_line),
        )
    }

    fn escape(&mut self) -> Option<()> {
        let char = self.peek()?;
        self.at += char.len_utf8();
        match char {
            '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' => self.strict.extend(['\\', char]),
            '\'' => self.strict.push('\''),
            'u' => self.code_point(),
            other => {
                self.strict.push_str("\\\\");
                self.at -= other.len_utf8();
            }
        }
        Some(())
    }

    /// Reads `\uXXXX`. Half of a surrogate pair, or no number, counts as an undecodable character.
    fn code_point(&mut self) {
        let unit = |text: &str| {
            let digits = text
                .get(..4)
                .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            u16::from_str_radix(digits, 16).ok()
        };
        let units = [
            unit(self.rest()),
            self.rest()
                .get(4..)
                .and_then(|rest| unit(rest.strip_prefix("\\u")?)),
        ];
        let decoded =
            char::decode_utf16(units.into_iter().map_while(std::convert::identity)).next();
        let Some(Ok(char)) = decoded else {
            self.at += if units[0].is_some() { 4 } else { 0 };
            self.strict.push(UNDECODED);
            return;
        };
        self.at += if char.len_utf16() == 2 { 10 } else { 4 };
        match char {
            '"' | '\\' => self.strict.extend(['\\', char]),
            // A control character stays escaped, as it was sent.
            char if char < ' ' => self
                .strict
                .extend(["\\u", &self.text[self.at - 4..self.at]]),
            char => self.strict.push(char),
        }
    }

    fn quote(&mut self, text: &str) {
        self.strict.push('"');
        for char in text.chars() {
            match char {
                '"' | '\\' => self.strict.extend(['\\', char]),
                char if char < ' ' => self.strict.push(' '),
                char => self.strict.push(char),
            }
        }
        self.strict.push('"');
    }

    /// Skips white space and comments. `None` if a comment does not end.
    fn skip_blanks(&mut self) -> Option<()> {
        loop {
            let rest = self.rest();
            let after = rest.trim_start_matches(|char: char| {
                char.is_whitespace() || char.is_control() || char == '\u{feff}'
            });
            self.at += rest.len() - after.len();
            let comment = if let Some(line) = after.strip_prefix("//") {
                2 + line.find('\n')?
            } else if let Some(block) = after.strip_prefix("/*") {
                4 + block.find("*/")?
            } else {
                return Some(());
            };
            self.at += comment;
        }
    }

    fn skip(&mut self, char: char) {
        self.at += char.len_utf8();
    }

    /// Skips one character so that every loop advances, except a closing bracket.
    fn skip_one_unless_it_closes(&mut self) -> Option<()> {
        let next = self.peek()?;
        if !matches!(next, '}' | ']' | ',') {
            self.skip(next);
        }
        Some(())
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
}

fn begins_comment(text: &str) -> bool {
    text.starts_with("//") || text.starts_with("/*")
}

fn is_like_a_number(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.'))
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().all(|byte| {
            byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E' | b'_')
        })
}

#[cfg(test)]
mod tests;
