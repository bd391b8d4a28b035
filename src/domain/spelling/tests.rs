use super::*;
use proptest::prelude::*;

#[test]
fn full_width_forms_become_what_they_stand_for() {
    assert_eq!(
        compact(" ￥１，９３９．４８　（Ａ）\u{200b}\n"),
        "¥1,939.48(A)"
    );
    assert_eq!(compact("²½"), "²½", "no figure becomes another");
}

#[test]
fn a_name_is_the_same_in_every_spelling() {
    for (one, other) in [
        ("阿卜杜拉·买买提", "阿卜杜拉•买买提"),
        ("阿卜杜拉·买买提", "阿卜杜拉・买买提"),
        ("阿卜杜拉·买买提", "阿卜杜拉．买买提"),
        ("阿卜杜拉·买买提", "阿卜杜拉･买买提"),
        ("阿卜杜拉·买买提", "阿卜杜拉.买买提"),
        ("阿卜杜拉·买买提", "阿卜杜拉 ‧ 买买提"),
        ("阿卜杜拉·买买提", "阿卜杜拉∙买买提"),
        ("阿卜杜拉·买买提", "阿卜杜拉买买提"),
        ("北京（协和） 医院", "北京(协和)医院"),
        ("⽅⼀⼤", "方一大"),
        ("⻢⻰", "马龙"),
        ("\u{f9d1}李", "六李"),
        ("Ｊｏｈｎ ＳＭＩＴＨ", "john smith"),
        ("张\u{200b}三\u{feff}", "张三"),
        ("张\u{e0100}三\u{fe00}", "张三"),
        ("e\u{301}", "é"),
    ] {
        assert!(name(one).is_some());
        assert_eq!(name(one), name(other), "{one} {other}");
    }
    assert_ne!(name("张三"), name("张二"));
}

#[test]
fn a_missing_part_of_a_name_is_not_compared() {
    let long = "名".repeat(MAX_NAME_BYTES);
    for text in [
        "",
        "  ",
        "·",
        "张\u{fffd}",
        "\u{fffd}\u{fffd}",
        "张*",
        "张＊三",
        "??",
        "张？",
        "□三",
        "〓",
        &long,
    ] {
        assert_eq!(name(text), None, "{text}");
    }
    for text in [
        "张••",
        "张●",
        "张 · ·",
        "●三",
        "张○○",
        "张◯",
        "张×",
        "张××",
        "张XX",
        "张Ｘ三",
        "张某",
        "某医院",
        "张··三",
    ] {
        assert_eq!(name(text), None, "{text} hides a part of a name");
    }
    for text in [
        "J. R. Smith Jr.",
        "张三。",
        "Max Xu",
        "X光医院abc",
        "阿卜杜拉·买买提·艾力",
    ] {
        assert!(name(text).is_some(), "{text}");
    }
}

#[test]
fn a_number_is_its_digits() {
    for text in [
        "0103152099",
        "103152099",
        "００103152099",
        "No.0103152099",
        "№ 0103152099",
        "NO：0103 1520-99",
        "票据号码：0103152099",
        "(0103152099)",
        "票号:No0103152099号",
    ] {
        assert_eq!(number(text).as_deref(), Some("103152099"), "{text}");
    }
    assert_eq!(number("000").as_deref(), Some("0"));
    assert_ne!(number("A103152099"), number("B103152099"));
    assert_ne!(number("103152099"), number("1031520990"));
    for text in [
        "",
        "No.",
        "1031XXXX7250",
        "1031****7250",
        "XXXXX",
        "10\u{fffd}1",
    ] {
        assert_eq!(number(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,20}") {
        let _ = (compact(&text), name(&text), number(&text));
    }
}
