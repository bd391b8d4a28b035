//! What a budget is for: an account, a submitter, a period and an amount. Pure.

use super::amount::BudgetAmount;
use super::config::Config;
use super::period::Period;
use super::price::AccountPrice;
use crate::domain::account::AccountName;
use crate::settings::tariff::Currency;
use crate::settings::units::Pattern;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use std::fmt;

/// One budget.
#[derive(Clone, Debug)]
pub(super) struct BudgetTerms {
    /// Its name in the log, in metrics and among the workers.
    pub(super) name: String,
    /// `None`: for all accounts.
    pub(super) account: Option<AccountName>,
    submitter: Pattern,
    /// The account and the submitter, for people.
    whose: String,
    pub(super) period: Period,
    pub(super) amount: BudgetAmount,
}

impl BudgetTerms {
    /// The terms of a validated entry of the configuration.
    pub(super) fn of(config: &Config) -> Self {
        Self {
            name: config.name(),
            account: AccountName::parse(&config.account),
            submitter: config.submitter.clone(),
            whose: config.whose(),
            period: config.per,
            amount: config.amount.clone(),
        }
    }

    /// Whether it is for calls with this account, and for this submitter.
    pub(super) fn concerns(&self, account: AccountName, submitter: &str) -> bool {
        self.account.is_none_or(|own| own == account) && self.submitter.matches(submitter)
    }

    /// The cost of a call with the account at this time: one call, or the account's price.
    /// `told` is the price that the ledger has told, where that is known.
    pub(super) fn cost(
        &self,
        account: AccountName,
        at: Timestamp,
        told: Option<(Decimal, &Currency)>,
        (prices, timezone): (&[AccountPrice], &TimeZone),
    ) -> Decimal {
        let BudgetAmount::Money { currency, .. } = &self.amount else {
            return Decimal::ONE;
        };
        if let Some((price, of)) = told
            && of == currency
            // Others can write to the stream, and no call gives money back.
            && price.is_sign_positive()
        {
            return price;
        }
        let day = at.to_zoned(timezone.clone()).date();
        let known = prices.iter().find(|price| price.account == account);
        known
            .filter(|price| price.currency == *currency)
            .and_then(|price| price.tariff.on_or_first(day))
            .unwrap_or_default()
    }
}

/// Writes `200 calls per day of recognition`.
impl fmt::Display for BudgetTerms {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            amount,
            period,
            whose,
            ..
        } = self;
        write!(formatter, "{amount} per {period} of {whose}")
    }
}
