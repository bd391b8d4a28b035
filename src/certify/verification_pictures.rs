//! Verification: which pictures it takes.

use super::assumption::{Assumption, AssumptionFinding};
use super::call::CertifyCall;
use super::observation::{CallObservation, Observations};
use super::proposal::SettingProposal;
use super::verification_access::{answered, is_no_bill};

pub(super) const ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        name: "verification.sides",
        documented: "sides above 128 pixels; a smaller picture is INVALID_ARGUMENT, HTTP 400",
        place: "verification.txt, 1 and 4.1",
        calls: &[CertifyCall::VerificationSmallSides],
        judge: sides,
    },
    Assumption {
        name: "verification.size",
        documented: "nothing; the worker sends up to verification.max_image_bytes",
        place: "",
        calls: &[
            CertifyCall::VerificationNoBill,
            CertifyCall::VerificationLargeFile,
            CertifyCall::VerificationHalfFile,
        ],
        judge: size,
    },
    Assumption {
        name: "verification.auto_rotate",
        documented: "auto_rotate=true, and a picture that lies is read",
        place: "verification.txt, 2.2",
        calls: &[CertifyCall::VerificationRotated],
        judge: auto_rotate,
    },
    Assumption {
        name: "verification.exif",
        documented: "nothing; the worker relies on a bill being read in any orientation",
        place: "",
        calls: &[CertifyCall::VerificationTurned],
        judge: exif,
    },
    Assumption {
        name: "verification.url_transfer",
        documented: "url instead of file, fetched within 5 s",
        place: "verification.txt, 2.2",
        calls: &[],
        judge: |_| AssumptionFinding::not_observed("pictures are sent, and not published for it"),
    },
];

fn sides(seen: &Observations) -> AssumptionFinding {
    let made = answered(seen, CertifyCall::VerificationSmallSides);
    made.map_or_else(
        |why| why,
        |made| {
            if made.is_refused_access() {
                return AssumptionFinding::not_observed(format!("refused before: {}", made.told()));
            }
            let is_documented = made.code == "INVALID_ARGUMENT" && made.http_status() == Some(400);
            AssumptionFinding::as_documented(is_documented, made.told())
        },
    )
}

/// The blank picture is taken where it is answered as the short one is: looked at, and found without a
/// bill.
fn size(seen: &Observations) -> AssumptionFinding {
    let made = |call| answered(seen, call);
    let both = made(CertifyCall::VerificationNoBill)
        .and_then(|short| Ok((short, made(CertifyCall::VerificationLargeFile)?)));
    let (short, large) = match both {
        Ok(both) => both,
        Err(why) => return why,
    };
    let bytes = large.picture_bytes;
    if short.code == large.code {
        return if short.is_refused_access() {
            AssumptionFinding::not_observed(format!("refused before: {}", short.told()))
        } else {
            AssumptionFinding::observed(format!("{bytes} bytes are taken"))
        };
    }
    let half = made(CertifyCall::VerificationHalfFile).ok();
    let half = half.filter(|half| half.code == short.code);
    let told = format!("{bytes} bytes are refused: {}", large.told());
    match half {
        None => AssumptionFinding::differs(told),
        Some(half) => {
            let taken = half.picture_bytes;
            let value = format!("\"{}KiB\"", taken >> 10);
            let why = format!("{bytes} bytes were refused, and {taken} were taken");
            AssumptionFinding::differs(format!("{told}; {taken} are taken")).proposing(Some(
                SettingProposal::new("verification", "max_image_bytes", &value, &why),
            ))
        }
    }
}

/// The upright picture and another, where both were looked at and the upright one was read.
fn beside_usual(
    seen: &Observations,
    call: CertifyCall,
) -> Result<(&CallObservation, &CallObservation), AssumptionFinding> {
    let usual = answered(seen, CertifyCall::VerificationPicture)?;
    let other = answered(seen, call)?;
    if usual.is_about_the_picture() {
        Ok((usual, other))
    } else {
        Err(AssumptionFinding::not_observed(format!(
            "the upright picture was not read: {}",
            usual.told()
        )))
    }
}

fn auto_rotate(seen: &Observations) -> AssumptionFinding {
    match beside_usual(seen, CertifyCall::VerificationRotated) {
        Err(why) => why,
        Ok((_, rotated)) => {
            let told = format!("answered {}", rotated.told());
            AssumptionFinding::as_documented(rotated.is_about_the_picture(), told)
        }
    }
}

fn exif(seen: &Observations) -> AssumptionFinding {
    match beside_usual(seen, CertifyCall::VerificationTurned) {
        Err(why) => why,
        Ok((_, turned)) if turned.is_about_the_picture() => {
            AssumptionFinding::observed("read as if it were upright")
        }
        Ok((_, turned)) if is_no_bill(turned) => {
            let is_helped = answered(seen, CertifyCall::VerificationRotated)
                .is_ok_and(CallObservation::is_about_the_picture);
            let why = "a picture that lies is not read without it";
            let proposal = SettingProposal::new("verification", "auto_rotate", "true", why);
            AssumptionFinding::differs(format!("not read: {}", turned.told()))
                .proposing(is_helped.then_some(proposal))
        }
        Ok((_, turned)) => AssumptionFinding::differs(format!("refused: {}", turned.told())),
    }
}
