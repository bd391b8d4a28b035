//! Who paid how much of a bill, by the names that are printed on it.

use super::reading::Reading;
use super::spelling::compact;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One line of a bill's payments: its printed name, what that means, and the amount.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Payment {
    pub name: Option<String>,
    /// Absent for a name that no document lists.
    pub kind: Option<PaymentKind>,
    pub amount: Option<Reading<Decimal>>,
}

/// The meaning of a payment's name. Public: consumers depend on these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentKind {
    /// The basic insurance's pooling fund.
    Fund,
    /// The patient's own insurance account.
    Account,
    /// The patient, in money.
    Cash,
    /// The patient's share of what is covered.
    SelfPay,
    /// What is not covered at all.
    OwnExpense,
    /// The patient's share of an item because of its class.
    Classified,
    /// Another fund or insurance beside the basic one.
    AdditionalFund,
    /// The insurance against serious illness or large sums.
    SeriousIllness,
    /// Reliefs, aid, and what others bear or advance.
    Relief,
    /// A balance or a running total: no payment of this bill.
    Balance,
    /// Paid in advance.
    Prepaid,
    /// Paid in addition to what was paid in advance.
    ToppedUp,
    /// Paid back.
    Refunded,
    /// No amount at all: numbers and explanations.
    Text,
}

/// The names of the verification document's table and sample, and what they mean.
pub const OF_VERIFICATION: [(&str, PaymentKind); 36] = [
    ("预缴金额", PaymentKind::Prepaid),
    ("补缴金额", PaymentKind::ToppedUp),
    ("退费金额", PaymentKind::Refunded),
    ("医保统筹基金支付", PaymentKind::Fund),
    ("其他支付", PaymentKind::AdditionalFund),
    ("个人账户支付", PaymentKind::Account),
    ("个人现金支付", PaymentKind::Cash),
    ("个人自付", PaymentKind::SelfPay),
    ("个人自费", PaymentKind::OwnExpense),
    ("分类自负", PaymentKind::Classified),
    ("个人自负", PaymentKind::SelfPay),
    ("附加基金支付", PaymentKind::AdditionalFund),
    ("医保当年账户余额", PaymentKind::Balance),
    ("医保历年账户余额", PaymentKind::Balance),
    ("政策性减免", PaymentKind::Relief),
    ("医院承担", PaymentKind::Relief),
    ("道路救助基金垫付", PaymentKind::Relief),
    ("道路救助基金垫付信息", PaymentKind::Text),
    ("个人自理", PaymentKind::Classified),
    ("个人现金支付明细", PaymentKind::Text),
    ("医保统筹基金支付明细", PaymentKind::Text),
    ("其他支付明细", PaymentKind::Text),
    ("大病保险支付", PaymentKind::SeriousIllness),
    ("其他保险支付", PaymentKind::AdditionalFund),
    ("医疗救助支付", PaymentKind::Relief),
    ("个人账户余额", PaymentKind::Balance),
    ("长期累计", PaymentKind::Balance),
    ("乙类自付", PaymentKind::Classified),
    ("按比例自付", PaymentKind::SelfPay),
    ("公务员补助", PaymentKind::AdditionalFund),
    ("师职补助", PaymentKind::AdditionalFund),
    ("医疗救助", PaymentKind::Relief),
    ("产前检查", PaymentKind::AdditionalFund),
    ("起付标准", PaymentKind::SelfPay),
    ("大额(病)保险报销", PaymentKind::SeriousIllness),
    ("大病补充保险报销", PaymentKind::SeriousIllness),
];

/// The regional names of the recognition document, and what they mean.
pub const OF_RECOGNITION: [(&str, PaymentKind); 28] = [
    ("个人支付金额", PaymentKind::Cash),
    ("其他医保支付", PaymentKind::AdditionalFund),
    ("交易流水号", PaymentKind::Text),
    ("基金支付", PaymentKind::Fund),
    ("单位补充险[原公疗]支付", PaymentKind::AdditionalFund),
    ("年度门诊大额累计支付", PaymentKind::Balance),
    ("本次医保范围内金额", PaymentKind::Balance),
    ("本次支付后个人账户余额", PaymentKind::Balance),
    ("残军补助支付", PaymentKind::AdditionalFund),
    ("累计医保内范围金额", PaymentKind::Balance),
    ("自付一", PaymentKind::SelfPay),
    ("自付二", PaymentKind::Classified),
    ("自费", PaymentKind::OwnExpense),
    ("起付金额", PaymentKind::SelfPay),
    ("超封顶金额", PaymentKind::SelfPay),
    ("退休补充支付", PaymentKind::AdditionalFund),
    ("门诊大额支付", PaymentKind::SeriousIllness),
    ("个人账户余额", PaymentKind::Balance),
    ("统筹累计支付", PaymentKind::Balance),
    ("自负", PaymentKind::SelfPay),
    ("起付标准", PaymentKind::SelfPay),
    ("分类自负", PaymentKind::Classified),
    ("历年余额", PaymentKind::Balance),
    ("本年余额", PaymentKind::Balance),
    ("现金支付", PaymentKind::Cash),
    ("附加支付", PaymentKind::AdditionalFund),
    ("历年支付", PaymentKind::Account),
    ("本年支付", PaymentKind::Account),
];

/// How the names of numbers and explanations end: what stands there is never money, so that
/// `0103000123` keeps its zero.
pub const NEVER_MONEY: [&str; 20] = [
    "号", "号码", "编号", "流水", "单号", "卡号", "代码", "编码", "明细", "信息", "备注", "说明",
    "时间", "日期", "名称", "类型", "类别", "方式", "标识", "姓名",
];

impl Payment {
    /// A payment of this printed name; `read` reads its amount where there is one, `text` the text
    /// where there can be none.
    pub fn named(
        name: Option<String>,
        read: impl FnOnce() -> Option<Reading<Decimal>>,
        text: impl FnOnce() -> Option<String>,
    ) -> Self {
        let kind = name.as_deref().and_then(kind_of);
        let amount = if kind == Some(PaymentKind::Text) {
            text().map(Reading::Text)
        } else {
            read()
        };
        Self { name, kind, amount }
    }

    pub fn value(&self) -> Option<Decimal> {
        self.amount.as_ref()?.value().copied()
    }
}

/// What the name means, in full-width or half-width brackets, with or without a colon behind it.
pub fn kind_of(name: &str) -> Option<PaymentKind> {
    let compact = compact(name);
    let bare = compact.trim_end_matches([':', '：']);
    let bare = bare.strip_suffix("(元)").unwrap_or(bare);
    let known = OF_VERIFICATION.iter().chain(&OF_RECOGNITION);
    known
        .clone()
        .find(|(known, _)| *known == bare)
        .map(|(_, kind)| *kind)
        .or_else(|| {
            let is_text = NEVER_MONEY.iter().any(|end| bare.ends_with(end));
            is_text.then_some(PaymentKind::Text)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::amount;

    fn read(name: &str, word: &str) -> String {
        let payment = Payment::named(
            Some(name.to_owned()),
            || amount::from_text(word),
            || Some(word.to_owned()),
        );
        serde_json::to_string(&payment).unwrap()
    }

    #[test]
    fn a_number_that_is_no_amount_keeps_its_zeros() {
        for (name, word, expected) in [
            (
                "交易流水号",
                "0103000123",
                r#"{"name":"交易流水号","kind":"text","amount":{"text":"0103000123"}}"#,
            ),
            (
                "医保卡号",
                "0012",
                r#"{"name":"医保卡号","kind":"text","amount":{"text":"0012"}}"#,
            ),
            (
                "其他支付明细",
                "12.00",
                r#"{"name":"其他支付明细","kind":"text","amount":{"text":"12.00"}}"#,
            ),
            (
                "基金支付",
                "101.75",
                r#"{"name":"基金支付","kind":"fund","amount":"101.75"}"#,
            ),
            (
                "基金支付",
                "12E3",
                r#"{"name":"基金支付","kind":"fund","amount":{"text":"12E3"}}"#,
            ),
            (
                "甲类自付",
                "1.00",
                r#"{"name":"甲类自付","kind":null,"amount":"1.00"}"#,
            ),
        ] {
            assert_eq!(read(name, word), expected);
        }
    }

    #[test]
    fn a_known_name_is_known_in_every_width() {
        for (name, kind) in [
            ("单位补充险［原公疗］支付", PaymentKind::AdditionalFund),
            ("大额（病）保险报销", PaymentKind::SeriousIllness),
            ("基金支付：", PaymentKind::Fund),
            ("个人现金支付（元）", PaymentKind::Cash),
            (" 自付 一 ", PaymentKind::SelfPay),
        ] {
            assert_eq!(kind_of(name), Some(kind), "{name}");
        }
        assert_eq!(kind_of("某某支付"), None);
    }
}
