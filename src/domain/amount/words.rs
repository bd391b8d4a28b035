//! Chinese financial numerals, as they stand on every bill beside the figures.

use super::super::spelling::folded;
use rust_decimal::Decimal;

/// What labels are made of: `金额合计（大写）：人民币`. No numeral and no unit is among them.
const LABEL: &str = "人民币金额合计总大写数费用收款应实付价税医疗本次票据住院门诊个现缴支()[]【】:;,、¥";
/// Cross out a place that is empty; before the first digit they are only there so that nothing is written before it.
const CROSSES: &str = "⊗⨂☒×x";
const CLOSING: &str = ")]。.,;、:";

/// 玖佰叁拾玖元肆角捌分 → 939.48, always with two decimals. Labels, signs and the figures that may stand beside it are left out:
/// `金额合计（大写）：⊗玖佰叁拾玖元肆角捌分（小写）¥939.48`, `（负数）…`.
///
/// `None` for everything that has more than one reading or misses a part: units out of order, a figure without its unit,
/// no 元 (the rest may be cut off), 壹佰伍元 (105 or 150?).
pub fn from_words(words: &str) -> Option<Decimal> {
    let folded = folded(words);
    let (is_negative, rest) = without_label(&folded)?;
    let end = ["小写", "¥"].iter().filter_map(|label| rest.find(label)).min().unwrap_or(rest.len());
    let rest = rest[..end].trim_end_matches(|last| CLOSING.contains(last) || matches!(last, '(' | '['));
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
        let crosses_out_a_place = after.starts_with(['拾', '佰', '仟', '万', '萬', '亿', '億', '元', '圆', '圓', '角', '分']);
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
        if self.yuan.is_some() || !self.in_section || self.last_large.is_some_and(|last| unit >= last) {
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
        if self.yuan.is_some() || self.last_part.is_some() || !(self.in_section || self.last_large.is_some()) {
            return None;
        }
        self.take_ones()?;
        self.yuan = Some((self.large + self.section) * 100);
        Some(())
    }

    fn part(&mut self, unit: i64) -> Option<()> {
        let below_yuan = self.yuan.is_some() || (self.last_small.is_none() && self.last_large.is_none());
        if !below_yuan || self.last_part.is_some_and(|last| unit >= last) {
            return None;
        }
        self.parts += self.digit.take()? * unit;
        self.last_part = Some(unit);
        Some(())
    }

    /// The section's last digit, which has no unit of its own. Directly behind 佰, 仟 or 万 it could mean tens as well.
    fn take_ones(&mut self) -> Option<()> {
        let Some(digit) = self.digit.take() else { return Some(()) };
        let last_unit = self.last_small.or(self.last_large);
        let unambiguous = digit == 0 || self.after_zero || last_unit.is_none_or(|unit| unit == 10);
        self.section += digit;
        unambiguous.then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn financial_numerals_are_read_in_every_variant() {
        let cases = [
            ("玖佰叁拾玖元肆角捌分", "939.48"),
            ("人民币玖佰叁拾玖圆肆角捌分", "939.48"),
            ("人民币：壹仟元整", "1000.00"),
            ("¥伍元正", "5.00"),
            ("￥ 弍仟零叄拾圓整", "2030.00"),
            ("貳拾參元陸角", "23.60"),
            ("拾伍元整", "15.00"),
            ("壹万零伍元整", "10005.00"),
            ("壹拾贰萬叁仟元伍分", "123000.05"),
            ("叁億零伍佰萬元整", "305000000.00"),
            ("零元整", "0.00"),
            ("伍角", "0.50"),
            ("〇元伍角零分", "0.50"),
            ("零仟壹佰零拾伍元零角零分", "105.00"),
            ("壹仟伍拾元", "1050.00"),
            ("负贰佰零柒元伍角整", "-207.50"),
            ("（负数）贰佰零柒元伍角整", "-207.50"),
            ("（大写）贰佰零柒元伍角整", "207.50"),
            ("金额合计（大写）：贰佰零柒元伍角整", "207.50"),
            ("合计（大写）：人民币⊗贰佰零柒元伍角整", "207.50"),
            ("⊗贰佰零柒元伍角", "207.50"),
            ("ⓧ贰佰零柒元伍角", "207.50"),
            ("（大写）⊗（负数）贰佰零柒元伍角", "-207.50"),
            ("⊗万⊗仟贰佰零柒元伍角⊗分", "207.50"),
            ("⊗拾玖元整", "9.00"),
            ("贰佰零柒元伍角整（小写）￥207.50", "207.50"),
            ("贰佰零柒元伍角整（¥207.50）", "207.50"),
            ("【大写】 贰佰零柒元伍角。", "207.50"),
            ("贰佰零柒元伍⻆", "207.50"),
            ("玖\u{200b}元整", "9.00"),
        ];
        for (words, expected) in cases {
            assert_eq!(from_words(words).map(|value| value.to_string()).as_deref(), Some(expected), "{words}");
        }
    }

    #[test]
    fn words_with_parts_missing_or_out_of_order_are_not_read() {
        for words in [
            "",
            "元整",
            "整",
            "玖佰叁拾玖",
            "壹拾壹佰元",
            "壹佰壹佰元",
            "壹万壹亿元",
            "壹亿万元",
            "万元",
            "伍分肆角",
            "伍元叁",
            "壹贰元",
            "伍零元",
            "壹佰伍元",
            "壹万伍元",
            "壹元壹元",
            "元伍角",
            "壹佰角",
            "伍角壹元",
            "伍元整伍角",
            "939元",
            "壹百元",
            "佰元",
            "人民币",
            "壹元零整",
            "负负壹元",
            "?佰壹拾玖元",
            "□拾玖元",
            "大写",
            "（大写）¥207.50",
        ] {
            assert_eq!(from_words(words), None, "{words}");
        }
    }

    /// Formal Chinese: 零 stands for every gap, once.
    fn words(fen: i64) -> String {
        let (yuan, jiao, fen) = (fen / 100, fen / 10 % 10, fen % 10);
        let mut text = if yuan > 0 || (jiao == 0 && fen == 0) { format!("{}元", whole_words(yuan)) } else { String::new() };
        if jiao > 0 {
            text.push(DIGITS[usize::try_from(jiao).unwrap()]);
            text.push('角');
        } else if yuan > 0 && fen > 0 {
            text.push('零');
        }
        if fen > 0 { text + &format!("{}分", DIGITS[usize::try_from(fen).unwrap()]) } else { text + "整" }
    }

    const DIGITS: [char; 10] = ['零', '壹', '贰', '叁', '肆', '伍', '陆', '柒', '捌', '玖'];

    fn whole_words(yuan: i64) -> String {
        let digits = yuan.to_string();
        let mut text = String::new();
        let mut gap = false;
        let mut section = false;
        for (index, digit) in digits.chars().enumerate() {
            let power = digits.len() - 1 - index;
            let digit = digit.to_digit(10).unwrap() as usize;
            if digit == 0 {
                gap = true;
            } else {
                if gap {
                    text.push('零');
                }
                gap = false;
                section = true;
                text.push(DIGITS[digit]);
                text += ["", "拾", "佰", "仟"][power % 4];
            }
            if power > 0 && power.is_multiple_of(4) && section {
                text += ["", "万", "亿"][power / 4];
                section = false;
            }
        }
        if text.is_empty() { "零".to_owned() } else { text }
    }

    proptest! {
        #[test]
        fn every_amount_written_in_words_is_read_back(fen in 0_i64..100_000_000_000_000) {
            prop_assert_eq!(from_words(&words(fen)), Some(Decimal::new(fen, 2)), "{}", words(fen));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,20}", words in "[零壹贰拾佰仟万亿元角分整]{0,12}") {
            let _ = from_words(&text);
            let _ = from_words(&words);
        }
    }
}
