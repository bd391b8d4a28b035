//! The accounts behind the stages. `[recognition]` and `[verification]` are one each.

use super::whole::Config;
use crate::domain::account::{AccountName, VendorName};
use crate::provider::AccountSettings;

impl Config {
    /// The accounts that read images.
    pub fn recognition_accounts(&self) -> Vec<AccountSettings<'_>> {
        let (name, vendor) = (AccountName::RECOGNITION, VendorName::HUAWEI);
        vec![AccountSettings::new(name, vendor, &self.recognition)]
    }

    /// The accounts that ask the fiscal registry.
    pub fn verification_accounts(&self) -> Vec<AccountSettings<'_>> {
        let (name, vendor) = (AccountName::VERIFICATION, VendorName::DEEPFINCH);
        vec![AccountSettings::new(name, vendor, &self.verification)]
    }
}
