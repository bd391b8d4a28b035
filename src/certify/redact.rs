//! An answer without what is personal or secret: structure, types, lengths and codes stay, texts and
//! digits become placeholders of the same kind.
//!
//! A date stays a date, an amount an amount, an amount in words an amount in words, and zero zero, so
//! that the worker reads the redacted answer as it would read the other. Whatever is not known to be
//! harmless is replaced.

use serde_json::{Map, Number, Value};

const LETTER: char = '某';
/// A longer run of digits in a name or a code may be the number of something.
const MOST_DIGITS: usize = 5;
const MOST_NAME_BYTES: usize = 40;

/// Fields of the answer itself whose values say how the call went.
const CODES: [&str; 4] = ["code", "error_code", "status", "qrcode_scan_result"];
/// Fields whose texts say it in words.
const MESSAGES: [&str; 5] = ["msg", "error_msg", "reason", "message", "error"];
/// Fields with a number from a documented list, which says nothing about a person.
const LISTED: [&str; 2] = ["type", "medical_type"];
/// Words that the documents use as names of columns and payments.
const NAMES: &str = "收费项目 金额 编码 项目 规格 数量 单价 个人支付金额 其他医保支付 交易流水号 基金支付 \
    单位补充险[原公疗]支付 年度门诊大额累计支付 本次医保范围内金额 本次支付后个人账户余额 残军补助支付 \
    累计医保内范围金额 自付一 自付二 自费 起付金额 超封顶金额 退休补充支付 门诊大额支付 个人账户余额 统筹累计支付 \
    自负 起付标准 分类自负 历年余额 本年余额 现金支付 附加支付 历年支付 本年支付 预缴金额 补缴金额 退费金额 \
    医保统筹基金支付 其他支付 个人账户支付 个人现金支付 个人自付 个人自费 个人自负 附加基金支付 医保当年账户余额 \
    医保历年账户余额 政策性减免 医院承担 道路救助基金垫付 道路救助基金垫付信息 个人自理 个人现金支付明细 \
    医保统筹基金支付明细 其他支付明细 大病保险支付 其他保险支付 医疗救助支付 长期累计 乙类自付 按比例自付 公务员补助 \
    师职补助 医疗救助 产前检查 大额(病)保险报销 大病补充保险报销";
/// Words in which a state of a bill is told.
const STATES: &str = "是 否 0 1 true false True False 已打印 已开红票 已作废 已入账";
/// Words of messages. The policy goes by some of them.
const MESSAGE_WORDS: &str = "signature expired time server verification failed incorrect app authentication \
    information the throttling threshold has been reached policy api over ratelimit limit day days second minute hour \
    bad request invalid argument unauthorized not found no is required error network result parse invoice exist \
    note check code billing date total cost bill query exception e verify params format rate count financial system \
    circulation province maintain access data source out auth area support unknown detection detect image size range \
    file too large quota used up permission to call this interface key internal download in of a an or";
const MESSAGES_WHOLE: [&str; 5] = [
    "成功",
    "参数错误",
    "服务商维护，请稍候再试",
    "官方数据源维护，请稍候再试",
    "其他，以实际返回为准",
];
const NUMERALS: &str = "壹贰弍貳叁叄參肆伍陆陸柒捌玖";
const NUMERAL_UNITS: &str = "零〇拾佰仟万萬亿億元圆圓角分整正";
const DATE_UNITS: &str = "年月日时分秒";

/// The answer's object without what is personal or secret.
pub(super) fn redacted(object: &Value) -> Value {
    let Value::Object(fields) = object else {
        return inner("", object);
    };
    let redact = |name: &String, value: &Value| {
        let redacted = match (name.as_str(), value) {
            (name, value) if CODES.contains(&name) && is_code(value) => value.clone(),
            (name, Value::String(text)) if MESSAGES.contains(&name) => message(text).into(),
            (name, value) => inner(name, value),
        };
        (shown_name(name), redacted)
    };
    Value::Object(renamed(
        fields.iter().map(|(name, value)| redact(name, value)),
    ))
}

/// The name of a field where it can be one, and a placeholder otherwise.
pub(super) fn shown_name(name: &str) -> String {
    let is_plain = name.len() <= MOST_NAME_BYTES
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !has_long_number(name);
    if is_plain || listed(NAMES, name) {
        name.to_owned()
    } else {
        placeholder(name)
    }
}

/// The name of an answer where it is as codes are, and a placeholder otherwise.
pub(super) fn shown_code(code: &str) -> String {
    if is_code(&Value::from(code)) {
        code.to_owned()
    } else {
        placeholder(code)
    }
}

fn inner(name: &str, value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Number(_) if LISTED.contains(&name) && is_code(value) => value.clone(),
        Value::Number(number) => redacted_number(number),
        Value::String(text) if name == "name" && listed(NAMES, text) => value.clone(),
        Value::String(text) if listed(STATES, text) && is_state(name) => value.clone(),
        Value::String(text) => placeholder(text).into(),
        Value::Array(items) => items.iter().map(|item| inner(name, item)).collect(),
        Value::Object(fields) => {
            let each = fields.iter().map(|(own, value)| {
                // The values below keep the name of what they belong to.
                let context = if matches!(name, "checksum" | "img_status") {
                    name
                } else {
                    own.as_str()
                };
                let redacted = match value {
                    Value::Number(_) if context == "checksum" && is_code(value) => value.clone(),
                    other => inner(context, other),
                };
                (shown_name(own), redacted)
            });
            Value::Object(renamed(each))
        }
    }
}

/// Two names may have become the same placeholder.
fn renamed(fields: impl Iterator<Item = (String, Value)>) -> Map<String, Value> {
    let mut all = Map::new();
    for (mut name, value) in fields {
        while all.contains_key(&name) {
            name.push('x');
        }
        all.insert(name, value);
    }
    all
}

fn is_state(name: &str) -> bool {
    name == "img_status"
}

/// A short number, or a word as codes are.
fn is_code(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_i64().is_some_and(|code| code.abs() < 100_000),
        Value::String(text) => {
            text.len() <= MOST_NAME_BYTES
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
                && !has_long_number(text)
        }
        Value::Bool(_) | Value::Null => true,
        Value::Array(_) | Value::Object(_) => false,
    }
}

fn has_long_number(text: &str) -> bool {
    let mut runs = text.split(|character: char| !character.is_ascii_digit());
    runs.any(|run| run.len() > MOST_DIGITS)
}

fn listed(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|known| known == word)
}

/// Known words stay. Of the others, and of numbers, the kind and the length stay.
fn message(text: &str) -> String {
    if MESSAGES_WHOLE.contains(&text) {
        return text.to_owned();
    }
    let mut redacted = String::with_capacity(text.len());
    let mut word = String::new();
    for character in text.chars().chain(['\n']) {
        if character.is_alphanumeric() {
            word.push(character);
            continue;
        }
        if listed(MESSAGE_WORDS, &word.to_ascii_lowercase()) {
            redacted.push_str(&word);
        } else {
            redacted.push_str(&placeholder(&word));
        }
        word.clear();
        redacted.push(character);
    }
    redacted.pop();
    redacted
}

/// A text of the same kind and length.
fn placeholder(text: &str) -> String {
    let is_zero = text
        .chars()
        .all(|character| !('1'..='9').contains(&character));
    let is_numeral = |character: char| NUMERALS.contains(character);
    let is_amount_in_words = text
        .chars()
        .all(|character| is_numeral(character) || NUMERAL_UNITS.contains(character));
    let is_dated = text.contains(|character: char| character.is_ascii_digit());
    // Without decimals an amount is the same however many of them are written.
    let decimals = decimals_of(text);
    let replaced = |(at, character): (usize, char)| match character {
        '0'..='9' if is_zero => character,
        '0'..='9' if decimals.is_some_and(|point| at > point) => '0',
        '0'..='9' => '1',
        numeral if is_amount_in_words && is_numeral(numeral) => '壹',
        unit if is_amount_in_words => unit,
        unit if is_dated && DATE_UNITS.contains(unit) => unit,
        'a'..='z' => 'x',
        'A'..='Z' => 'X',
        mark if mark.is_ascii() || "，。、：；（）【】￥¥".contains(mark) => mark,
        _ => LETTER,
    };
    text.char_indices().map(replaced).collect()
}

/// The place of the decimal point in a number.
fn decimals_of(text: &str) -> Option<usize> {
    let is_number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b",.-".contains(&byte));
    let point = text.find('.').filter(|_| is_number)?;
    text.ends_with(|last: char| last.is_ascii_digit())
        .then_some(point)
        .filter(|point| !text[point + 1..].contains('.'))
}

fn redacted_number(number: &Number) -> Value {
    let written = number.to_string();
    let digits = placeholder(&written);
    let parsed: Option<Number> = serde_json::from_str(&digits).ok();
    parsed.map_or(Value::from(1), Value::Number)
}

#[cfg(test)]
mod tests;
