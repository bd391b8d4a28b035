//! Money by currency, and figures for people.

use crate::ledger::CallPrice;
use crate::settings::tariff::Currency;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Money by currency.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MoneySum(BTreeMap<Currency, Decimal>);

impl MoneySum {
    pub(super) fn add(&mut self, price: &CallPrice) {
        let sum = self.0.entry(price.currency.clone()).or_default();
        *sum = sum.saturating_add(price.price);
    }

    /// The same shared out among so many; `None` among none.
    pub(super) fn per(&self, number: u64) -> Option<Self> {
        let number = Decimal::from(number);
        let shares = self.0.iter().map(|(currency, sum)| {
            let share = sum.checked_div(number)?.round_dp(4);
            Some((currency.clone(), share))
        });
        shares.collect::<Option<_>>().map(Self)
    }

    /// What this is more than the other; negative where it is less.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        for (currency, sum) in &other.0 {
            let left = rest.0.entry(currency.clone()).or_default();
            *left = left.saturating_sub(*sum);
        }
        rest.0.retain(|_, left| !left.is_zero());
        rest
    }

    pub(super) fn to_json(&self) -> Value {
        let money = self.0.iter();
        let money = money.map(|(currency, sum)| (currency.to_string(), json!(sum.to_string())));
        Value::Object(money.collect::<Map<_, _>>())
    }

    /// A line for each currency; nothing where there is no money.
    pub(super) fn to_text(&self) -> String {
        let money = self.0.iter();
        let lines = money.map(|(currency, sum)| format!("{} {currency}", grouped(*sum)));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// `1234567.50` as `1,234,567.50`.
pub(super) fn grouped(number: impl ToString + Copy) -> String {
    let text = number.to_string();
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut shown = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && !shown.ends_with('-') {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(amount: &str, currency: &str) -> CallPrice {
        CallPrice {
            price: amount.parse().unwrap(),
            currency: currency.parse().unwrap(),
        }
    }

    #[test]
    fn money_is_added_by_currency_and_never_through_a_float() {
        let mut money = MoneySum::default();
        for _ in 0..3 {
            money.add(&price("0.10", "CNY"));
        }
        money.add(&price("1000", "EUR"));
        assert_eq!(money.to_text(), "0.30 CNY\n1,000 EUR");
        assert_eq!(
            money.to_json().to_string(),
            r#"{"CNY":"0.30","EUR":"1000"}"#
        );
        let mut less = MoneySum::default();
        less.add(&price("0.10", "CNY"));
        assert_eq!(less.minus(&money).to_text(), "-0.20 CNY\n-1,000 EUR");
        let share = money.per(7).unwrap();
        assert_eq!(share.to_text(), "0.0429 CNY\n142.8571 EUR");
        assert_eq!(money.per(0), None);
        // Amounts that no worker writes end at the largest one that there is.
        let mut money = MoneySum::default();
        for _ in 0..2 {
            money.add(&CallPrice {
                price: Decimal::MAX,
                ..price("1", "CNY")
            });
        }
        assert!(
            money
                .to_text()
                .starts_with("79,228,162,514,264,337,593,543,950,335")
        );
    }

    #[test]
    fn thousands_are_kept_apart() {
        for (number, shown) in [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1,000"),
            ("-1000.5", "-1,000.5"),
            ("-100", "-100"),
            ("1234567.50", "1,234,567.50"),
        ] {
            assert_eq!(grouped(number), shown);
        }
    }
}
