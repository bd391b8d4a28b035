//! The accounts behind a stage.

use super::account::Account;
use crate::clock::skew::ClockReading;
use crate::domain::account::AccountName;

/// The accounts that answer one question: never none.
pub struct Accounts<A>(Vec<Account<A>>);

impl<A> Accounts<A> {
    /// `None` without any account.
    pub fn new(accounts: Vec<Account<A>>) -> Option<Self> {
        (!accounts.is_empty()).then_some(Self(accounts))
    }

    /// The account that the next call is made with: the first, until there is a choice.
    pub fn chosen(&self) -> &Account<A> {
        &self.0[0]
    }

    pub fn iter(&self) -> impl Iterator<Item = &Account<A>> {
        self.0.iter()
    }

    /// This worker's share of the rates of all.
    pub fn rate_per_second(&self) -> f64 {
        let rates = self.iter().map(|account| account.quota().rate_per_second());
        rates.sum()
    }

    /// The times that their last answers gave.
    pub fn clock_readings(&self) -> impl Iterator<Item = (AccountName, ClockReading)> {
        self.iter()
            .filter_map(|account| Some((account.id().name, account.clock_reading()?)))
    }

    pub fn named(&self, name: AccountName) -> Option<&Account<A>> {
        self.iter().find(|account| account.id().name == name)
    }
}

impl<A> From<Account<A>> for Accounts<A> {
    fn from(only: Account<A>) -> Self {
        Self(vec![only])
    }
}
