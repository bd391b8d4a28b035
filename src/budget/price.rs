//! What the calls with an account cost.

use crate::domain::account::AccountName;
use crate::settings::tariff::{Currency, Tariff};

/// The price of a call with an account, for budgets of money.
#[derive(Clone, Debug)]
pub struct AccountPrice {
    pub account: AccountName,
    pub tariff: Tariff,
    pub currency: Currency,
}
