//! What is checked.

use crate::domain::invoice::{Day, Invoice, Money, Registry};
use crate::domain::job::Expectations;
use crate::domain::qr::QrClaim;
use crate::domain::spelling;
use jiff::civil::Date;

/// Everything that is known about one bill.
#[derive(Clone, Copy, Default)]
pub struct Subject<'a> {
    pub recognised: Option<&'a Invoice>,
    pub verified: Option<&'a Invoice>,
    pub registry: Option<&'a Registry>,
    /// The claim of the bill's QR code, where it was read here.
    pub qr: Option<&'a QrClaim>,
    pub expect: Option<&'a Expectations>,
    /// In China.
    pub today: Date,
}

impl<'a> Subject<'a> {
    /// The registry's text: of the standard result where that is whole, else of the additional one.
    pub(super) fn registered_text(
        &self,
        standard: fn(&Invoice) -> Option<&String>,
        additional: fn(&Registry) -> Option<&String>,
    ) -> Option<&'a String> {
        let whole = |number: &&String| spelling::number(number).is_some();
        let standard = self.verified.and_then(standard);
        let additional = self.registry.and_then(additional);
        standard
            .filter(whole)
            .or(additional.filter(whole))
            .or(standard)
            .or(additional)
    }

    pub(super) fn registered_total(&self) -> Option<&'a Money> {
        let standard = self
            .verified
            .and_then(|invoice| invoice.total_cost.as_ref());
        standard.or_else(|| self.registry?.total_cost.as_ref())
    }

    pub(super) fn registered_date(&self) -> Option<&'a Day> {
        let standard = self
            .verified
            .and_then(|invoice| invoice.billing_date.as_ref());
        standard.or_else(|| self.registry?.billing_date.as_ref())
    }
}
