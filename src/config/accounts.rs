//! The accounts behind the stages. `[recognition]` and `[verification]` are one each.

use super::whole::Config;
use crate::budget::AccountPrice;
use crate::domain::account::{AccountName, VendorName};
use crate::domain::stage::Stage;
use crate::ledger::PricedAccount;
use crate::provider::AccountSettings;

impl Config {
    /// The accounts that read images.
    pub fn recognition_accounts(&self) -> Vec<AccountSettings<'_>> {
        let (name, vendor) = (AccountName::RECOGNITION, VendorName::HUAWEI);
        vec![AccountSettings::new(name, vendor, &self.recognition)]
    }

    /// The accounts as the ledger knows them.
    pub fn priced_accounts(&self) -> Vec<PricedAccount> {
        let (recognition, verification) = (&self.recognition, &self.verification);
        vec![
            PricedAccount {
                stage: Stage::Recognition,
                name: AccountName::RECOGNITION,
                tariff: recognition.price.clone(),
                currency: recognition.currency.clone(),
            },
            PricedAccount {
                stage: Stage::Verification,
                name: AccountName::VERIFICATION,
                tariff: verification.price.clone(),
                currency: verification.currency.clone(),
            },
        ]
    }

    /// The price of a call with each account.
    pub fn account_prices(&self) -> Vec<AccountPrice> {
        let priced = self.priced_accounts().into_iter();
        priced
            .map(|account| AccountPrice {
                account: account.name,
                tariff: account.tariff,
                currency: account.currency,
            })
            .collect()
    }

    /// The accounts that ask the fiscal registry.
    pub fn verification_accounts(&self) -> Vec<AccountSettings<'_>> {
        let (name, vendor) = (AccountName::VERIFICATION, VendorName::DEEPFINCH);
        vec![AccountSettings::new(name, vendor, &self.verification)]
    }
}
