//! Chinese financial numerals, which every bill has beside the figures.

use super::super::spelling::folded;
use rust_decimal::Decimal;

/// The characters of labels such as `金额合计（大写）：人民币`. No numeral and no unit is among them.
const LABEL: &str =
    "人民币金额合计总大写数费用收款应实付价税医疗本次票据住院门诊个现缴支()[]【】:;,、¥";
/// Characters that cross out an empty place; before the first digit they only keep anything from
/// being written there.
const CROSSES: &str = "⊗⨂☒×x";
const CLOSING: &str = ")]。.,;、:";

/// 玖佰叁拾玖元肆角捌分 → 939.48, always with two decimals. Labels, signs and the figures that may stand
/// beside it are left out: `金额合计（大写）：⊗玖佰叁拾玖元肆角捌分（小写）¥939.48`, `（负数）…`.
///
/// `None` for everything that has more than one reading or misses a part: units out of order, a
/// figure without its unit, no 元 (the rest may be cut off), 壹佰伍元 (105 or 150?).
pub fn from_words(words: &str) -> Option<Decimal> {
    let folded = folded(words);
    let (is_negative, rest) = without_label(&folded)?;
    let end = ["小写", "¥"]
        .iter()
        .filter_map(|label| rest.find(label))
        .min()
        .unwrap_or(rest.len());
    let rest =
        rest[..end].trim_end_matches(|last| CLOSING.contains(last) || matches!(last, '(' | '['));
    let mut sum = WordSum::default();
    for character in rest.chars() {
        sum.read(Numeral::of(character)?)?;
    }
    let fen = sum.finish()?;
    Some(Decimal::new(if is_negative { -fen } else { fen }, 2))
}

/// Whether it is negative, and what stands behind label and sign. `None`: negative twice.
fn without_label(text: &str) -> Option<(bool, &str)> {
    let mut is_negative = false;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        let crosses_out_a_place = after.starts_with([
            '拾', '佰', '仟', '万', '萬', '亿', '億', '元', '圆', '圓', '角', '分',
        ]);
        match first {
            '负' | '負' | '-' | '−' if is_negative => return None,
            '负' | '負' | '-' | '−' => is_negative = true,
            _ if LABEL.contains(first) => {}
            _ if CROSSES.contains(first) && !crosses_out_a_place => {}
            _ => break,
        }
        rest = after;
    }
    Some((is_negative, rest))
}

#[derive(Clone, Copy)]
enum Numeral {
    Digit(i64),
    /// 拾, 佰, 仟.
    Small(i64),
    /// 万, 亿.
    Large(i64),
    Yuan,
    /// 角 or 分, in fen.
    Part(i64),
    /// 整: nothing follows.
    End,
}

impl Numeral {
    fn of(character: char) -> Option<Self> {
        Some(match character {
            '零' | '〇' => Self::Digit(0),
            cross if CROSSES.contains(cross) => Self::Digit(0),
            '壹' => Self::Digit(1),
            '贰' | '弍' | '貳' => Self::Digit(2),
            '叁' | '叄' | '參' | '参' => Self::Digit(3),
            '肆' => Self::Digit(4),
            '伍' => Self::Digit(5),
            '陆' | '陸' => Self::Digit(6),
            '柒' => Self::Digit(7),
            '捌' => Self::Digit(8),
            '玖' => Self::Digit(9),
            '拾' => Self::Small(10),
            '佰' => Self::Small(100),
            '仟' => Self::Small(1000),
            '万' | '萬' => Self::Large(10_000),
            '亿' | '億' => Self::Large(100_000_000),
            '元' | '圆' | '圓' => Self::Yuan,
            '角' => Self::Part(10),
            '分' => Self::Part(1),
            '整' | '正' => Self::End,
            _ => return None,
        })
    }
}

/// A sum of money while it is read from left to right.
#[derive(Default)]
struct WordSum {
    /// Completed by 万 or 亿, in yuan.
    large: i64,
    /// Below the next 万, 亿 or 元, in yuan.
    section: i64,
    /// A digit that waits for its unit.
    digit: Option<i64>,
    /// 零 was read since the last unit: the next digit may skip units.
    after_zero: bool,
    last_small: Option<i64>,
    last_large: Option<i64>,
    /// Anything was read since the last 万, 亿 or the beginning.
    in_section: bool,
    /// In fen, once 元 was read.
    yuan: Option<i64>,
    parts: i64,
    last_part: Option<i64>,
    ended: bool,
}

impl WordSum {
    fn read(&mut self, numeral: Numeral) -> Option<()> {
        if self.ended {
            return None;
        }
        match numeral {
            Numeral::Digit(digit) => self.digit(digit),
            Numeral::Small(unit) => self.small(unit),
            Numeral::Large(unit) => self.large(unit),
            Numeral::Yuan => self.yuan(),
            Numeral::Part(unit) => self.part(unit),
            Numeral::End => {
                self.ended = true;
                Some(())
            }
        }
    }

    fn finish(self) -> Option<i64> {
        let complete = self.digit.is_none() && (self.yuan.is_some() || self.last_part.is_some());
        complete.then(|| self.yuan.unwrap_or(0) + self.parts)
    }

    fn digit(&mut self, digit: i64) -> Option<()> {
        if self.digit.is_some_and(|waiting| waiting != 0) {
            return None;
        }
        self.after_zero |= self.digit == Some(0);
        self.digit = Some(digit);
        self.in_section = true;
        Some(())
    }

    fn small(&mut self, unit: i64) -> Option<()> {
        if self.yuan.is_some() || self.last_small.is_some_and(|last| unit >= last) {
            return None;
        }
        // 拾伍元: the leading 壹 is often left out, but only at the very beginning.
        let bare_ten = unit == 10 && !self.in_section && self.last_large.is_none();
        let digit = self.digit.take().or(bare_ten.then_some(1))?;
        self.section += digit * unit;
        self.last_small = Some(unit);
        self.after_zero = false;
        self.in_section = true;
        Some(())
    }

    fn large(&mut self, unit: i64) -> Option<()> {
        if self.yuan.is_some()
            || !self.in_section
            || self.last_large.is_some_and(|last| unit >= last)
        {
            return None;
        }
        self.take_ones()?;
        self.large += self.section * unit;
        self.last_large = Some(unit);
        self.last_small = None;
        self.section = 0;
        self.after_zero = false;
        self.in_section = false;
        Some(())
    }

    fn yuan(&mut self) -> Option<()> {
        if self.yuan.is_some()
            || self.last_part.is_some()
            || !(self.in_section || self.last_large.is_some())
        {
            return None;
        }
        self.take_ones()?;
        self.yuan = Some((self.large + self.section) * 100);
        Some(())
    }

    fn part(&mut self, unit: i64) -> Option<()> {
        let below_yuan =
            self.yuan.is_some() || (self.last_small.is_none() && self.last_large.is_none());
        if !below_yuan || self.last_part.is_some_and(|last| unit >= last) {
            return None;
        }
        self.parts += self.digit.take()? * unit;
        self.last_part = Some(unit);
        Some(())
    }

    /// The section's last digit, which has no unit of its own. Directly behind 佰, 仟 or 万 it could
    /// mean tens as well.
    fn take_ones(&mut self) -> Option<()> {
        let Some(digit) = self.digit.take() else {
            return Some(());
        };
        let last_unit = self.last_small.or(self.last_large);
        let unambiguous = digit == 0 || self.after_zero || last_unit.is_none_or(|unit| unit == 10);
        self.section += digit;
        unambiguous.then_some(())
    }
}

#[cfg(test)]
mod tests;
