//! Chinese financial numerals, which every bill has beside the figures.

use super::super::spelling::folded;
use rust_decimal::Decimal;

/// The characters of labels such as `金额合计（大写）：人民币`. No numeral and no unit is among them.
const LABEL: &str = "人民币金额合计总大写数费用收款应实付价税医疗本次票据发住院门诊个现缴支共小帐账为\
    rmbcny()[]【】<>《》:;,、.。_=¥";
/// Labels that hold a character with a meaning of its own.
const WHOLE_LABELS: [&str; 5] = ["自负", "人民币元:", "人民币元)", "人民币元(大写)", "(元)"];
/// Characters that cross out an empty place; before the first digit they only keep anything from
/// being written there.
const CROSSES: &str = "⊗⨂⊠☒×x";
const CLOSING: &str = ")]】。.,;、:_";
/// Characters that end the words where they stand behind them.
const ENDS: [&str; 6] = ["小写", "¥", "人民币", "rmb", "cny", "(元)"];

/// 玖佰叁拾玖元肆角捌分 → 939.48, always with two decimals. Labels, signs and the figures that may stand
/// beside it are left out: `金额合计（大写）：⊗玖佰叁拾玖元肆角捌分（小写）¥939.48`, `（负数）…`.
///
/// `None` for everything that has more than one reading or misses a part: units out of order, a
/// figure without its unit, no 元 (the rest may be cut off), 壹佰伍元 (105 or 150?).
pub fn from_words(words: &str) -> Option<Decimal> {
    let folded = folded(words);
    let (is_negative, rest) = without_label(&folded)?;
    let end = ENDS
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
        if let Some(after) = WHOLE_LABELS
            .iter()
            .find_map(|label| rest.strip_prefix(label))
        {
            rest = after;
            continue;
        }
        let after = &rest[first.len_utf8()..];
        let crosses_out_a_place = after.starts_with([
            '拾', '佰', '仟', '十', '百', '千', '万', '萬', '亿', '億', '元', '圆', '圓', '圜',
            '角', '分',
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
    /// 廿, 卅: so many tens.
    Tens(i64),
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
        if let Some(digit) = digit_of(character) {
            return Some(Self::Digit(digit));
        }
        Some(match character {
            '拾' | '十' => Self::Small(10),
            '佰' | '百' => Self::Small(100),
            '仟' | '千' | '阡' => Self::Small(1000),
            '廿' => Self::Tens(2),
            '卅' => Self::Tens(3),
            '卌' => Self::Tens(4),
            '万' | '萬' => Self::Large(10_000),
            '亿' | '億' => Self::Large(100_000_000),
            '元' | '圆' | '圓' | '圜' | '円' => Self::Yuan,
            '角' => Self::Part(10),
            '分' => Self::Part(1),
            '整' | '正' => Self::End,
            _ => return None,
        })
    }
}

fn digit_of(character: char) -> Option<i64> {
    Some(match character {
        '零' | '〇' | '○' | '◯' => 0,
        cross if CROSSES.contains(cross) => 0,
        '壹' | '壱' | '弌' | '一' => 1,
        '贰' | '弍' | '貳' | '貮' | '弐' | '二' | '两' | '兩' => 2,
        '叁' | '叄' | '參' | '参' | '弎' | '三' => 3,
        '肆' | '四' => 4,
        '伍' | '五' => 5,
        '陆' | '陸' | '六' => 6,
        '柒' | '漆' | '七' => 7,
        '捌' | '八' => 8,
        '玖' | '九' => 9,
        _ => return None,
    })
}

/// A number from 0 to 99 in Chinese numerals, of days and dates: `三`, `十二`, `廿一`, `零陆`.
pub(in crate::domain) fn small_numeral(text: &str) -> Option<u8> {
    let mut sum = WordSum::default();
    for character in text.chars() {
        match Numeral::of(character)? {
            Numeral::Digit(digit) => sum.digit(digit)?,
            Numeral::Small(10) => sum.small(10)?,
            Numeral::Tens(tens) => sum.tens(tens)?,
            _ => return None,
        }
    }
    if !sum.in_section {
        return None;
    }
    sum.take_ones()?;
    u8::try_from(sum.section).ok()
}

/// The digits of a number that is written digit by digit: `二〇二六`.
pub(in crate::domain) fn numeral_digits(text: &str) -> Option<Vec<i64>> {
    text.chars().map(digit_of).collect()
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
            Numeral::Tens(tens) => self.tens(tens),
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

    /// Two characters in one: a digit that is not zero must not wait before it.
    fn tens(&mut self, tens: i64) -> Option<()> {
        self.digit(tens)?;
        self.small(10)
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
