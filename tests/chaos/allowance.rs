//! How often a picture's answer may be bought although nobody was killed: once, but for what says
//! otherwise.

use super::faults::ASKED_TWICE;
use super::pictures::Bill;
use super::plan::{Asks, Order, Origin};
use invoice_worker::domain::failure::Stage;
use std::collections::{BTreeMap, BTreeSet};

/// By stage and the picture's SHA-256.
pub(crate) type Allowance = BTreeMap<(Stage, String), usize>;

/// `doubtful` messages may have been submitted twice; with `midnight` in between, yesterday's
/// verdicts are asked for anew.
pub(crate) fn of(
    orders: &[Order],
    bills: &[Bill],
    doubtful: &BTreeSet<String>,
    midnight: bool,
) -> Allowance {
    let mut allowance = Allowance::new();
    for order in orders {
        let (Asks::Bill { bill, .. }, Some(picture)) = (&order.asks, order.picture(bills)) else {
            continue;
        };
        // Two workers may have the same message at the same moment.
        let times = 1 + usize::from(doubtful.contains(&order.correlation()));
        let asked = if bills[*bill].name == ASKED_TWICE {
            2
        } else {
            1
        };
        for (stage, asked) in [
            (Stage::Recognition, 1),
            (Stage::Verification, asked * (1 + usize::from(midnight))),
        ] {
            let allowed = allowance
                .entry((stage, picture.sha256.clone()))
                .or_default();
            match order.origin {
                Origin::New | Origin::AtOnce(_) => *allowed += times * asked,
                Origin::SameFile(_) | Origin::AnotherRun(_) | Origin::Again(_) => {
                    *allowed += (times - 1) * asked;
                }
            }
        }
    }
    allowance
}
