//! An amount as it is printed, reduced to a bare number.

use rust_decimal::Decimal;
use std::borrow::Cow;

/// Labels before figures. Brackets and colons around them are removed as well. Longer ones come
/// before those that they begin with.
const LABELS: [&str; 43] = [
    "人民币",
    "小写",
    "金额",
    "合计",
    "总计",
    "总额",
    "共计",
    "小计",
    "总金额",
    "总费用",
    "医疗",
    "票据",
    "发票",
    "本次",
    "实收",
    "实付",
    "应收",
    "应付",
    "收费",
    "费用",
    "价税",
    "支付",
    "自付",
    "自费",
    "自负",
    "现金",
    "个人",
    "单位",
    "数额",
    "款额",
    "计",
    "共",
    "总",
    "RMB",
    "rmb",
    "Rmb",
    "CNY",
    "cny",
    "¥",
    "元",
    "total",
    "Total",
    "TOTAL",
];
const CURRENCIES: [&str; 16] = [
    "元整",
    "元正",
    "(元)",
    "元",
    "圆整",
    "圆",
    "圓",
    "圜",
    "整",
    "RMB",
    "rmb",
    "CNY",
    "cny",
    "¥",
    "人民币",
    "(人民币)",
];
const MINUSES: [&str; 12] = [
    "(负数)", "(负)", "负数", "负", "負", "-", "−", "–", "﹣", "﹘", "‐", "‑",
];

/// Whether the text is digits with at most points between them, so that nothing has to be removed.
pub(super) fn is_bare(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.ends_with(|last: char| last.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// The bare number in `text`, which is compact: sign first, no currency, no grouping.
pub(super) fn figures(text: &str) -> Option<String> {
    let (unbracketed, in_brackets) = without_brackets(text);
    let (mut rest, mut minuses) = (unbracketed, u32::from(in_brackets));
    loop {
        if let Some(after) = MINUSES.iter().find_map(|minus| rest.strip_prefix(minus)) {
            rest = after;
            minuses += 1;
        } else if let Some(after) = without_label(rest) {
            rest = after;
        } else {
            break;
        }
    }
    let rest = without_currency(rest);
    let rest = if minuses == 0 {
        rest.strip_prefix('+').unwrap_or(rest)
    } else {
        rest
    };
    // As some accounts print it: `939.48-`.
    let (rest, minuses) = rest
        .strip_suffix('-')
        .map_or((rest, minuses), |before| (before, minuses + 1));
    let rest = with_one_point(rest)?;
    let (whole, fraction) = rest
        .split_once('.')
        .map_or((&*rest, ""), |(whole, fraction)| (whole, fraction));
    let is_cut = rest.contains('.') && fraction.is_empty();
    let is_plain = rest
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','));
    if minuses > 1 || is_cut || !is_plain || fraction.contains(',') {
        return None;
    }
    let sign = if minuses == 1 { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{}{point}{fraction}", ungrouped(whole)?))
}

/// Digits with an optional fraction and, as JSON allows, an exponent.
pub(super) fn exact(figures: &str) -> Option<Decimal> {
    let (mantissa, exponent) = figures
        .split_once(['e', 'E'])
        .map_or((figures, None), |(mantissa, exponent)| {
            (mantissa, Some(exponent))
        });
    let digits = mantissa.strip_prefix('-').unwrap_or(mantissa);
    if !digits.starts_with(|first: char| first.is_ascii_digit())
        || !digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return None;
    }
    // Checked first in any case: `from_scientific` would round a long mantissa silently.
    let value = Decimal::from_str_exact(mantissa).ok()?;
    match exponent {
        None => Some(value),
        Some(_) => Decimal::from_scientific(figures).ok(),
    }
}

/// Figures in brackets are negative. With a currency there, they may as well be a remark: that is
/// not decided here.
fn without_brackets(text: &str) -> (&str, bool) {
    let inner = text
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    inner
        .filter(|inner| inner.starts_with(|first: char| first.is_ascii_digit()))
        .map_or((text, false), |inner| (inner, true))
}

/// Without one label, in brackets or before a colon or not.
fn without_label(text: &str) -> Option<&str> {
    let opened = text.trim_start_matches(['(', '[', '【', '<', '《']);
    let after = LABELS.iter().find_map(|label| opened.strip_prefix(label))?;
    Some(after.trim_start_matches([')', ']', '】', '>', '》', ':', '为', '=']))
}

/// Without what may stand behind the figures: `元整`, `(元)`, `¥`, and the end of a sentence.
fn without_currency(text: &str) -> &str {
    let text = text.trim_end_matches(['。', ';', '；', '、']);
    let once = without_one_currency(text);
    without_one_currency(once)
}

fn without_one_currency(text: &str) -> &str {
    CURRENCIES
        .iter()
        .find_map(|currency| text.strip_suffix(currency))
        .unwrap_or(text)
}

/// `939元4角8分` and `939。48` with a point. Without any of these it is the text itself.
fn with_one_point(text: &str) -> Option<Cow<'_, str>> {
    if let Some((yuan, parts)) = text.split_once(['元', '圆']) {
        let digit = |text: &str| text.len() == 1 && text.as_bytes()[0].is_ascii_digit();
        let (jiao, fen) = match parts.split_once('角') {
            Some((jiao, rest)) => (jiao, rest.trim_end_matches(['整', '正'])),
            None => ("0", parts),
        };
        let fen = if fen.is_empty() {
            "0"
        } else {
            fen.strip_suffix('分')?
        };
        let is_whole = !yuan.is_empty() && yuan.bytes().all(|byte| byte.is_ascii_digit());
        return (is_whole && digit(jiao) && digit(fen))
            .then(|| Cow::Owned(format!("{yuan}.{jiao}{fen}")));
    }
    let Some((whole, fraction)) = text.split_once(['。', '·']) else {
        return Some(Cow::Borrowed(text));
    };
    // Only where nothing else can be meant: two decimals at the end.
    (fraction.len() == 2 && !whole.contains('.')).then(|| Cow::Owned(format!("{whole}.{fraction}")))
}

/// Takes out commas, if they stand where thousands are grouped.
fn ungrouped(whole: &str) -> Option<String> {
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let grouped = whole.contains(',');
    let sound =
        !first.is_empty() && (!grouped || first.len() <= 3) && groups.all(|group| group.len() == 3);
    sound.then(|| whole.replace(',', ""))
}
