//! The provinces, and every spelling in which a bill or a provider names them.

use super::spelling::folded;

/// Two digits of the administrative code, the bare name by which it is known here, its spelling in
/// Latin letters, other spellings.
type ProvinceEntry = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

/// The provinces by the names of their registries. The production corps of Xinjiang has a finance
/// bureau of its own, and comes before the province whose name it begins with.
const PROVINCES: [ProvinceEntry; 35] = [
    (
        "66",
        "新疆生产建设兵团",
        "xpcc",
        &[
            "新疆兵团",
            "生产建设兵团",
            "新疆建设兵团",
            "兵团",
            "xinjiangbingtuan",
            "bingtuan",
        ],
    ),
    ("11", "北京", "beijing", &["京", "peking"]),
    ("12", "天津", "tianjin", &["津", "tientsin"]),
    ("13", "河北", "hebei", &["冀"]),
    ("14", "山西", "shanxi", &["晋", "晉"]),
    (
        "15",
        "内蒙古",
        "innermongolia",
        &[
            "内蒙",
            "內蒙古",
            "內蒙",
            "蒙",
            "neimenggu",
            "neimeng",
            "neimongol",
        ],
    ),
    ("21", "辽宁", "liaoning", &["辽", "遼寧", "遼"]),
    ("22", "吉林", "jilin", &["吉"]),
    ("23", "黑龙江", "heilongjiang", &["黑", "黑龍江"]),
    ("31", "上海", "shanghai", &["沪", "滬", "申"]),
    ("32", "江苏", "jiangsu", &["苏", "江蘇", "蘇"]),
    ("33", "浙江", "zhejiang", &["浙"]),
    ("34", "安徽", "anhui", &["皖"]),
    ("35", "福建", "fujian", &["闽", "閩"]),
    ("36", "江西", "jiangxi", &["赣", "贛"]),
    ("37", "山东", "shandong", &["鲁", "山東", "魯"]),
    ("41", "河南", "henan", &["豫"]),
    ("42", "湖北", "hubei", &["鄂"]),
    ("43", "湖南", "hunan", &["湘"]),
    ("44", "广东", "guangdong", &["粤", "廣東", "粵", "canton"]),
    ("45", "广西", "guangxi", &["桂", "廣西"]),
    ("46", "海南", "hainan", &["琼", "瓊"]),
    ("50", "重庆", "chongqing", &["渝", "重慶"]),
    ("51", "四川", "sichuan", &["川", "蜀", "szechuan"]),
    ("52", "贵州", "guizhou", &["贵", "黔", "貴州"]),
    ("53", "云南", "yunnan", &["云", "滇", "雲南"]),
    ("54", "西藏", "tibet", &["藏", "xizang"]),
    ("61", "陕西", "shaanxi", &["陕", "秦", "陝西"]),
    ("62", "甘肃", "gansu", &["甘", "陇", "甘肅"]),
    ("63", "青海", "qinghai", &["青"]),
    ("64", "宁夏", "ningxia", &["宁", "寧夏"]),
    ("65", "新疆", "xinjiang", &["新", "sinkiang"]),
    ("71", "台湾", "taiwan", &["台", "臺灣", "台灣", "臺湾"]),
    ("81", "香港", "hongkong", &["港", "xianggang"]),
    ("82", "澳门", "macao", &["澳", "澳門", "macau", "aomen"]),
];
/// Kinds of provinces. Longer ones come before those that they end in.
const KINDS: [&str; 10] = [
    "维吾尔自治区",
    "維吾爾自治區",
    "壮族自治区",
    "回族自治区",
    "特别行政区",
    "特別行政區",
    "自治区",
    "自治區",
    "省",
    "市",
];
const LATIN_KINDS: [&str; 13] = [
    "uyghurautonomousregion",
    "uygurautonomousregion",
    "zhuangautonomousregion",
    "huiautonomousregion",
    "autonomousregion",
    "specialadministrativeregion",
    "zizhiqu",
    "municipality",
    "province",
    "sheng",
    "city",
    "shi",
    "sar",
];
/// Places that begin with the name of one province and lie in another.
const ELSEWHERE: [(&str, &str); 3] = [
    ("海南藏族", "青海"),
    ("海南州", "青海"),
    ("河南蒙古族", "青海"),
];
/// The last characters of places within a province.
const PLACES: [char; 6] = ['市', '区', '县', '州', '盟', '旗'];

/// The bare name by which a province is known here: `河南省`, `河南省郑州市`, `Henan Province`, `豫` and
/// `410000` are `河南`.
pub fn known(read: &str) -> Option<&'static str> {
    let text = folded(read);
    let text = text
        .strip_prefix("中国")
        .or_else(|| text.strip_prefix("中华人民共和国"))
        .unwrap_or(&text);
    let elsewhere = ELSEWHERE
        .iter()
        .find(|(prefix, _)| text.starts_with(prefix))
        .map(|(_, name)| *name);
    elsewhere
        .or_else(|| by_code(text))
        .or_else(|| by_name(text))
        .or_else(|| latin(text))
}

/// Whether this is one of the names that [`known`] answers.
pub fn is_known(name: &str) -> bool {
    PROVINCES.iter().any(|(_, known, _, _)| *known == name)
}

/// The name without its kind of place, for provinces that are not known here.
pub fn bare(read: &str) -> String {
    let text = folded(read);
    KINDS
        .iter()
        .find_map(|kind| text.strip_suffix(kind))
        .unwrap_or(&text)
        .to_owned()
}

fn by_code(text: &str) -> Option<&'static str> {
    let code = text.strip_suffix("0000").unwrap_or(text);
    PROVINCES
        .iter()
        .find(|(known, ..)| *known == code)
        .map(|(_, name, ..)| *name)
}

/// The province whose name the text is or begins with, followed by its kind or a place within it.
fn by_name(text: &str) -> Option<&'static str> {
    let spellings = PROVINCES.iter().flat_map(|(_, name, _, others)| {
        let all = [*name].into_iter().chain(others.iter().copied());
        all.map(move |spelling| (spelling, *name))
    });
    let names = |spelling: &str| {
        let Some(rest) = text.strip_prefix(spelling) else {
            return false;
        };
        let has_kind = KINDS.iter().any(|kind| rest.starts_with(kind));
        match spelling.chars().count() {
            _ if rest.is_empty() => true,
            // 青岛, 新乡市 and 吉安市 begin with what is short for a province.
            1 => false,
            2 => has_kind || rest.ends_with(PLACES),
            _ => true,
        }
    };
    spellings
        .filter(|(spelling, _)| names(spelling))
        .max_by_key(|(spelling, _)| spelling.len())
        .map(|(_, name)| name)
}

fn latin(text: &str) -> Option<&'static str> {
    let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
    let has_others = text
        .chars()
        .any(|character| character.is_alphanumeric() && !character.is_ascii_alphabetic());
    let bare = LATIN_KINDS
        .iter()
        .find_map(|kind| letters.strip_suffix(kind))
        .unwrap_or(&letters);
    let names = |entry: &&ProvinceEntry| entry.2 == bare || entry.3.contains(&bare);
    PROVINCES
        .iter()
        .find(names)
        .filter(|_| !has_others)
        .map(|(_, name, ..)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_province_is_known_in_every_spelling() {
        for (spellings, name) in [
            (
                &[
                    "河南",
                    " 河南省 ",
                    "河 南",
                    "河南省郑州市",
                    "河南郑州市",
                    "Henan",
                    "HENAN PROVINCE",
                    "henan sheng",
                    "豫",
                    "410000",
                    "41",
                    "中国河南省",
                ][..],
                "河南",
            ),
            (
                &[
                    "北京",
                    "北京市",
                    "北京市朝阳区",
                    "Beijing",
                    "Beijing Municipality",
                    "京",
                ],
                "北京",
            ),
            (
                &[
                    "内蒙古自治区",
                    "内蒙古",
                    "内蒙",
                    "内蒙古呼和浩特市",
                    "內蒙古",
                    "Inner Mongolia",
                    "neimenggu",
                    "Nei Mongol",
                ],
                "内蒙古",
            ),
            (
                &[
                    "广西壮族自治区",
                    "广西",
                    "广西省",
                    "Guangxi Zhuang Autonomous Region",
                ],
                "广西",
            ),
            (
                &["新疆维吾尔自治区", "新疆", "新疆乌鲁木齐市", "Xinjiang"],
                "新疆",
            ),
            (
                &[
                    "新疆生产建设兵团",
                    "兵团",
                    "新疆兵团",
                    "生产建设兵团",
                    "新疆生产建设兵团第八师",
                    "XPCC",
                ],
                "新疆生产建设兵团",
            ),
            (
                &["香港特别行政区", "香港", "Hong Kong", "Hong Kong SAR"],
                "香港",
            ),
            (&["澳门", "澳門", "Macau", "Macao"], "澳门"),
            (&["陕西", "陕西省西安市", "Shaanxi"], "陕西"),
            (&["山西", "Shanxi Province"], "山西"),
            (&["吉林", "吉林省", "吉林市", "吉林省吉林市"], "吉林"),
            (
                &["青海省", "海南藏族自治州", "河南蒙古族自治县", "青"],
                "青海",
            ),
            (&["海南", "海南省海口市"], "海南"),
            (&["黑龙江省", "黑龍江", "Heilongjiang"], "黑龙江"),
            (&["⿊⻰江"], "黑龙江"),
        ] {
            for spelling in spellings {
                assert_eq!(known(spelling), Some(name), "{spelling}");
            }
        }
        assert!(
            PROVINCES
                .iter()
                .all(|(_, name, ..)| is_known(name) && known(name) == Some(name))
        );
    }

    #[test]
    fn a_name_that_is_no_province_is_unknown() {
        for text in [
            "",
            "  ",
            "省",
            "张三",
            "张三省",
            "新乡市",
            "吉安市",
            "青岛市",
            "台州",
            "99",
            "12345678",
            "x",
            "河南x",
            "Henan 河",
        ] {
            assert_eq!(known(text), None, "{text}");
        }
        assert_eq!(
            (bare("张三省"), bare(" 张 三 ")),
            ("张三".to_owned(), "张三".to_owned())
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,20}") {
            let _ = (known(&text), bare(&text));
        }
    }
}
