//! One spelling for characters that mean the same, as printers, text recognition and keyboards mix
//! them.

use icu_normalizer::ComposingNormalizerBorrowed;
use std::borrow::Cow;

/// The dots between the parts of a name. Some printers omit them, so two spellings never differ by
/// a dot alone.
const MIDDLE_DOTS: &str = "·•・･．.﹒‧∙⋅●◦⸱⸳ᐧ·˙。｡";
/// The placeholders for masked or unprintable characters: two texts with placeholders cannot be
/// compared.
const PLACEHOLDERS: [char; 15] = [
    char::REPLACEMENT_CHARACTER,
    '*',
    '?',
    '□',
    '■',
    '〓',
    '█',
    '▇',
    '▯',
    '○',
    '◯',
    '×',
    '✕',
    '╳',
    '某',
];
/// Full stops may end a name; any other dot there, or beside another one, stands for a character.
const FULL_STOPS: &str = "．.﹒。｡";
/// Longer texts are no names and may have been truncated, so that equality proves nothing.
const MAX_NAME_BYTES: usize = 1_000;
/// Dashes, slashes and other lines through an empty place.
const RULES: &str = "-‐‑‒–—―─━﹣﹘−_/\\∕…～~";
/// Words for nothing, in small letters.
const NOTHINGS: [&str; 11] = [
    "无",
    "無",
    "空",
    "暂无",
    "暫無",
    "未填",
    "未填写",
    "null",
    "none",
    "nil",
    "n/a",
];
/// No placeholder is longer, so that no long text is looked through.
const MAX_PLACEHOLDER_BYTES: usize = 100;
const LABELS: [&str; 18] = [
    "票据号码",
    "发票号码",
    "票据编号",
    "票据号",
    "发票号",
    "票号",
    "电子票据号码",
    "电子票据号",
    "票据代码",
    "校验码",
    "流水号",
    "序号",
    "号码",
    "编号",
    "代码",
    "号",
    "number",
    "no",
];
const PERSON_LABELS: [&str; 9] = [
    "姓名",
    "患者姓名",
    "患者",
    "病人姓名",
    "病人",
    "交款人",
    "缴款人",
    "付款人",
    "name",
];
const GENDERS: [&str; 4] = ["(男)", "(女)", "(m)", "(f)"];
const HOSPITAL_LABELS: [&str; 7] = [
    "医院名称",
    "医院",
    "医疗机构",
    "医疗机构名称",
    "收款单位",
    "开票单位",
    "执收单位",
];
const SEALS: [&str; 4] = ["(盖章)", "(公章)", "(章)", "(收费专用章)"];
/// Radicals for which Unicode's compatibility forms have no ordinary character, and PDF text has
/// nevertheless.
const RADICALS: &str = "\
    ⺁厂⺄乙⺇几⺎兀⺐尢⺒巳⺓幺⺛旡⺝月⺟母⺠民⺧牛⺩王⺪疋⺫目⺬示⺮竹⺶羊⺻聿⺼肉⺽臼⻁虎⻄西⻅见⻆角⻉贝⻋车⻑長⻓长⻔门⻗雨⻘青⻙韦⻚页⻛风⻜飞⻝食⻢马⻣骨⻤鬼⻥鱼⻦鸟⻧卤⻨麦⻩黄\
    ⻪黾⻫斉⻬齐⻭歯⻮齿⻯竜⻰龙⻱龜⻲亀⻳龟";

/// The half-width form of a full-width one (`１` → `1`, `，` → `,`, `￥` → `¥`); any other character
/// is itself.
pub(crate) fn half(character: char) -> char {
    match character {
        '\u{3000}' => ' ',
        '￥' => '¥',
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character)
        }
        other => other,
    }
}

/// Every character in its half-width form; white space and what cannot be seen left out. For
/// figures: it changes no number.
pub(crate) fn compact(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_whitespace() && !is_invisible(*character))
        .map(half)
        .collect()
}

/// Whether a printer or a form put this where there was nothing to say: blanks, `--`, `/`, `无`,
/// `null`. Masks such as `***` stand for something, and are none.
pub(crate) fn is_placeholder(text: &str) -> bool {
    if text.len() > MAX_PLACEHOLDER_BYTES {
        return false;
    }
    let compact = compact(text).to_lowercase();
    let bare = compact.trim_matches(['(', ')', '[', ']', '【', '】', '<', '>']);
    let is_rule = |character: char| RULES.contains(character);
    bare.chars().all(is_rule) || NOTHINGS.contains(&bare)
}

/// One spelling for everything that looks or means the same (NFKC), in small letters, without white
/// space and without what cannot be seen.
pub(crate) fn folded(text: &str) -> String {
    let plain: String = text
        .chars()
        .filter(|character| !is_invisible(*character))
        .map(ordinary)
        .collect();
    let composed: Cow<'_, str> = ComposingNormalizerBorrowed::new_nfkc().normalize(&plain);
    composed
        .to_lowercase()
        .chars()
        .filter(|character| !character.is_whitespace())
        .collect()
}

/// The common form of all spellings of a name. `None` if it cannot be compared because part of it
/// is missing.
pub(crate) fn name(text: &str) -> Option<String> {
    if text.len() > MAX_NAME_BYTES {
        return None;
    }
    let undotted: String = text
        .chars()
        .filter(|character| !MIDDLE_DOTS.contains(*character))
        .collect();
    let folded = folded(&undotted);
    (!folded.is_empty()
        && !folded.contains(PLACEHOLDERS)
        && !is_masked_by_dots(text)
        && !is_masked_by_x(&folded))
    .then_some(folded)
}

/// `张••`, `张·`, `●三`: a dot that stands between no two parts of a name.
fn is_masked_by_dots(text: &str) -> bool {
    let is_dot =
        |character: char| MIDDLE_DOTS.contains(character) && !FULL_STOPS.contains(character);
    let seen: Vec<char> = text
        .chars()
        .filter(|character| !character.is_whitespace() && !is_invisible(*character))
        .collect();
    let is_at_an_end = [seen.first(), seen.last()]
        .into_iter()
        .flatten()
        .any(|character| is_dot(*character));
    is_at_an_end
        || seen
            .windows(2)
            .any(|pair| pair.iter().all(|character| is_dot(*character)))
}

/// `张xx`: no Chinese name has that letter alone in it.
fn is_masked_by_x(folded: &str) -> bool {
    let mut letters = folded.chars().filter(char::is_ascii_alphabetic).peekable();
    letters.peek().is_some()
        && letters.all(|letter| letter == 'x')
        && folded.chars().any(|character| character > '\u{2e7f}')
}

/// The common form of all spellings of a person's name, without label and gender. `None` as for
/// [`name`].
pub(crate) fn person(text: &str) -> Option<String> {
    let folded = name(text)?;
    let rest = unlabelled(&folded, &PERSON_LABELS);
    let rest = GENDERS
        .iter()
        .find_map(|gender| rest.strip_suffix(gender))
        .unwrap_or(rest);
    (!rest.is_empty()).then(|| rest.to_owned())
}

/// The common form of all spellings of a hospital's name, without label and the word for its seal.
/// `None` as for [`name`].
pub(crate) fn hospital(text: &str) -> Option<String> {
    let folded = name(text)?;
    let rest = unlabelled(&folded, &HOSPITAL_LABELS);
    let rest = SEALS
        .iter()
        .find_map(|seal| rest.strip_suffix(seal))
        .unwrap_or(rest);
    (!rest.is_empty()).then(|| rest.to_owned())
}

/// Without labels, each before a colon; a name may begin with the same characters.
fn unlabelled<'a>(text: &'a str, labels: &[&str]) -> &'a str {
    labels
        .iter()
        .find_map(|label| text.strip_prefix(label)?.strip_prefix(':'))
        .unwrap_or(text)
}

/// The common form of all spellings of a number: its digits and letters, without label, punctuation
/// and leading zeros. `None` if it cannot be compared because part of it is missing or masked
/// (`1031XXXX7250`).
pub(crate) fn number(text: &str) -> Option<String> {
    let bare = bare_number(text)?;
    let digits = bare.trim_start_matches('0');
    Some(if digits.is_empty() {
        "0".to_owned()
    } else {
        digits.to_owned()
    })
}

/// The same as [`number`], with its leading zeros.
pub(crate) fn bare_number(text: &str) -> Option<String> {
    let folded = name(text)?;
    let mut rest = folded.trim_start_matches(is_punctuation);
    while let Some(unlabelled) = LABELS.iter().find_map(|label| rest.strip_prefix(label)) {
        rest = unlabelled.trim_start_matches(is_punctuation);
    }
    let rest = rest.strip_suffix('号').unwrap_or(rest);
    let bare: String = rest
        .chars()
        .filter(|character| !is_punctuation(*character))
        .collect();
    let is_masked = bare.contains("xx");
    (!bare.is_empty() && !is_masked).then_some(bare)
}

fn is_punctuation(character: char) -> bool {
    !character.is_alphanumeric()
}

fn ordinary(character: char) -> char {
    if !('\u{2e80}'..='\u{2eff}').contains(&character) {
        return character;
    }
    let mut pairs = RADICALS.chars();
    while let (Some(radical), Some(ordinary)) = (pairs.next(), pairs.next()) {
        if radical == character {
            return ordinary;
        }
    }
    character
}

/// Control and format characters: zero-width ones, marks of direction, soft hyphens, variation
/// selectors, byte order marks.
fn is_invisible(character: char) -> bool {
    (character.is_control() && !character.is_whitespace())
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests;
