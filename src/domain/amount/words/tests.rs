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
        assert_eq!(
            from_words(words).map(|value| value.to_string()).as_deref(),
            Some(expected),
            "{words}"
        );
    }
}

#[test]
fn words_of_every_kind_are_read_as_a_person_does() {
    for line in include_str!("../../../../tests/data/readings/words.txt").lines() {
        let (text, expected) = line.split_once('\t').unwrap();
        let read = from_words(text).map_or("text".to_owned(), |value| value.to_string());
        assert_eq!(read, expected, "{text}");
    }
}

#[test]
fn numerals_below_a_hundred_are_read() {
    for (text, expected) in [
        ("三", Some(3)),
        ("零陆", Some(6)),
        ("十", Some(10)),
        ("十二", Some(12)),
        ("叁拾壹", Some(31)),
        ("廿一", Some(21)),
        ("卅", Some(30)),
        ("九十九", Some(99)),
        ("", None),
        ("一百", None),
        ("十十", None),
        ("二一", None),
        ("元", None),
    ] {
        assert_eq!(small_numeral(text), expected, "{text}");
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
    let mut text = if yuan > 0 || (jiao == 0 && fen == 0) {
        format!("{}元", whole_words(yuan))
    } else {
        String::new()
    };
    if jiao > 0 {
        text.push(DIGITS[usize::try_from(jiao).unwrap()]);
        text.push('角');
    } else if yuan > 0 && fen > 0 {
        text.push('零');
    }
    if fen > 0 {
        text + &format!("{}分", DIGITS[usize::try_from(fen).unwrap()])
    } else {
        text + "整"
    }
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
    if text.is_empty() {
        "零".to_owned()
    } else {
        text
    }
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
