//! From what the registry says about a bill to a verdict and flags.

use super::invoice::{Registry, Reimbursement, StatusAnswer};
use super::reading::Reading;
use super::result::{Flag, Verdict};

/// `None`: a state under "voided" or "red-lettered" could not be understood, so the job ends
/// `registry_status_unknown`.
///
/// Voided goes before red-lettered. A registry that sends no status has nothing against the bill
/// that it found.
pub fn of_registry(registry: &Registry) -> (Option<Verdict>, Vec<Flag>) {
    let verdict = registry.status.map_or(Some(Verdict::Genuine), |status| {
        match (status.voided, status.red_lettered) {
            (StatusAnswer::Yes, _) => Some(Verdict::Voided),
            (StatusAnswer::Unknown, _) | (StatusAnswer::No, StatusAnswer::Unknown) => None,
            (StatusAnswer::No, StatusAnswer::Yes) => Some(Verdict::RedLettered),
            (StatusAnswer::No, StatusAnswer::No) => Some(Verdict::Genuine),
        }
    });
    (verdict, flags(registry))
}

/// In the contract's order.
fn flags(registry: &Registry) -> Vec<Flag> {
    let says = |wanted: StatusAnswer| {
        registry.status.map_or([false; 2], |status| {
            [status.posted == wanted, status.printed == wanted]
        })
    };
    let [posted, printed] = says(StatusAnswer::Yes);
    let flags = [
        (Flag::Posted, posted),
        (Flag::Printed, printed),
        (
            Flag::Reimbursed,
            registry.reimbursements.iter().any(is_real),
        ),
        (
            Flag::RegistryStatusUnknown,
            says(StatusAnswer::Unknown).contains(&true),
        ),
    ];
    flags
        .into_iter()
        .filter_map(|(flag, set)| set.then_some(flag))
        .collect()
}

/// An agency paid something, or something that cannot be read. An entry of zero, or one that only
/// repeats the bill's number, is no reimbursement.
fn is_real(reimbursement: &Reimbursement) -> bool {
    match &reimbursement.amount {
        Some(Reading::Value(amount)) => amount.is_sign_positive() && !amount.is_zero(),
        Some(Reading::Text(_)) => true,
        None => reimbursement.agency.is_some() || reimbursement.date.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::amount;
    use crate::domain::invoice::RegistryStatus;
    use StatusAnswer::{No, Unknown, Yes};

    fn registry(
        voided: StatusAnswer,
        red_lettered: StatusAnswer,
        posted: StatusAnswer,
        printed: StatusAnswer,
    ) -> Registry {
        Registry {
            status: Some(RegistryStatus {
                printed,
                red_lettered,
                voided,
                posted,
            }),
            ..Registry::default()
        }
    }

    #[test]
    fn voided_goes_before_red_lettered_and_unknown_is_never_clean() {
        for (voided, red_lettered, verdict) in [
            (No, No, Some(Verdict::Genuine)),
            (No, Yes, Some(Verdict::RedLettered)),
            (Yes, No, Some(Verdict::Voided)),
            (Yes, Yes, Some(Verdict::Voided)),
            (Yes, Unknown, Some(Verdict::Voided)),
            (No, Unknown, None),
            (Unknown, No, None),
            (Unknown, Yes, None),
            (Unknown, Unknown, None),
        ] {
            assert_eq!(
                of_registry(&registry(voided, red_lettered, No, No)),
                (verdict, vec![]),
                "{voided:?} {red_lettered:?}"
            );
        }
    }

    #[test]
    fn a_use_of_the_bill_is_a_flag_and_leaves_the_verdict() {
        let genuine = Some(Verdict::Genuine);
        assert_eq!(
            of_registry(&registry(No, No, Yes, Yes)),
            (genuine, vec![Flag::Posted, Flag::Printed])
        );
        assert_eq!(
            of_registry(&registry(No, No, Unknown, Yes)),
            (genuine, vec![Flag::Printed, Flag::RegistryStatusUnknown])
        );
        let reimbursed = Registry {
            reimbursements: vec![Reimbursement {
                agency: Some("医保局".to_owned()),
                ..Reimbursement::default()
            }],
            ..registry(No, No, No, Unknown)
        };
        assert_eq!(
            of_registry(&reimbursed),
            (genuine, vec![Flag::Reimbursed, Flag::RegistryStatusUnknown])
        );
    }

    #[test]
    fn only_a_real_reimbursement_is_flagged() {
        let paid = |agency: Option<&str>, amount: &str| Reimbursement {
            agency: agency.map(str::to_owned),
            amount: amount::from_text(amount),
            note_no: Some("1".to_owned()),
            ..Reimbursement::default()
        };
        for (entries, is_flagged) in [
            (vec![], false),
            (vec![paid(None, "")], false),
            (vec![paid(Some("医保局"), "0.00")], false),
            (vec![paid(Some("医保局"), "-1.00")], false),
            (vec![paid(Some("医保局"), "")], true),
            (vec![paid(None, "1.00")], true),
            (vec![paid(None, "?"), paid(None, "0")], true),
        ] {
            let registry = Registry {
                reimbursements: entries,
                ..Registry::default()
            };
            assert_eq!(of_registry(&registry).1 == [Flag::Reimbursed], is_flagged);
        }
    }

    #[test]
    fn a_registry_without_a_status_has_nothing_against_the_bill() {
        assert_eq!(
            of_registry(&Registry::default()),
            (Some(Verdict::Genuine), vec![])
        );
    }
}
