//! Verification: the way to the provider, and how it refuses.

use super::assumption::{Assumption, AssumptionFinding};
use super::call::CertifyCall;
use super::observation::{CallObservation, Observations};
use serde_json::Value;

const PICTURE: &[CertifyCall] = &[CertifyCall::VerificationPicture];

pub(super) const ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        name: "verification.url",
        documented: "POST to …/ocr/medical/verify_e_invoice",
        place: "verification.txt, 1",
        calls: PICTURE,
        judge: url,
    },
    Assumption {
        name: "verification.credentials",
        documented: "X-DF-API-ID and X-DF-API-SECRET as headers",
        place: "verification.txt, 2.1",
        calls: PICTURE,
        judge: credentials,
    },
    Assumption {
        name: "verification.form",
        documented: "multipart/form-data, the picture as file",
        place: "verification.txt, 2.2",
        calls: PICTURE,
        judge: form,
    },
    Assumption {
        name: "verification.unauthorized",
        documented: "HTTP 401, status UNAUTHORIZED, in JSON",
        place: "verification.txt, 4.1",
        calls: &[CertifyCall::VerificationWrongSecret],
        judge: unauthorized,
    },
    Assumption {
        name: "verification.refusal",
        documented: "status, reason and request_id are strings",
        place: "verification.txt, 3 and 4.1",
        calls: &[
            CertifyCall::VerificationWrongSecret,
            CertifyCall::VerificationNoBill,
        ],
        judge: refusal,
    },
    Assumption {
        name: "verification.no_bill",
        documented: "HTTP 400, status DETETION_FAILED, spelled so",
        place: "verification.txt, 4.1",
        calls: &[CertifyCall::VerificationNoBill],
        judge: no_bill,
    },
];

/// The usual call, where an answer came.
fn usual(seen: &Observations) -> Result<&CallObservation, AssumptionFinding> {
    answered(seen, CertifyCall::VerificationPicture)
}

/// The call, where it was answered and not for coming too fast.
pub(super) fn answered(
    seen: &Observations,
    call: CertifyCall,
) -> Result<&CallObservation, AssumptionFinding> {
    seen.of(call)
        .filter(|made| made.answer.is_some() && !made.is_throttled())
        .ok_or_else(|| AssumptionFinding::not_observed(seen.why_not(call)))
}

fn url(seen: &Observations) -> AssumptionFinding {
    usual(seen).map_or_else(
        |why| why,
        |made| {
            let is_there = made.code != "NOT_FOUND" && !made.code.starts_with("http.");
            AssumptionFinding::as_documented(is_there, format!("answered {}", made.told()))
        },
    )
}

fn credentials(seen: &Observations) -> AssumptionFinding {
    usual(seen).map_or_else(
        |why| why,
        |made| {
            let told = made.told();
            if made.is_refused_access() {
                AssumptionFinding::differs(format!("refused: {told}"))
            } else if made.is_about_the_picture() || made.http_status() == Some(400) {
                AssumptionFinding::documented(format!("accepted: {told}"))
            } else {
                AssumptionFinding::not_observed(format!("the call ended: {told}"))
            }
        },
    )
}

fn form(seen: &Observations) -> AssumptionFinding {
    usual(seen).map_or_else(
        |why| why,
        |made| {
            let told = made.told();
            if made.is_about_the_picture() || is_no_bill(made) {
                AssumptionFinding::documented(format!("read: {told}"))
            } else if made.code == "INVALID_ARGUMENT" {
                AssumptionFinding::differs(format!("refused: {told}"))
            } else {
                AssumptionFinding::not_observed(format!("the call ended: {told}"))
            }
        },
    )
}

/// Looked at, and no bill was found in the picture.
pub(super) fn is_no_bill(made: &CallObservation) -> bool {
    matches!(made.code.as_str(), "DETETION_FAILED" | "DETECTION_FAILED")
}

fn unauthorized(seen: &Observations) -> AssumptionFinding {
    answered(seen, CertifyCall::VerificationWrongSecret).map_or_else(
        |why| why,
        |made| {
            let is_documented = made.code == "UNAUTHORIZED" && made.http_status() == Some(401);
            AssumptionFinding::as_documented(is_documented, made.told())
        },
    )
}

fn refusal(seen: &Observations) -> AssumptionFinding {
    let calls = [
        CertifyCall::VerificationWrongSecret,
        CertifyCall::VerificationNoBill,
    ];
    let made: Vec<&CallObservation> = calls
        .iter()
        .filter_map(|call| answered(seen, *call).ok())
        .filter(|made| !made.is_about_the_picture())
        .collect();
    if made.is_empty() {
        return AssumptionFinding::not_observed(seen.why_not(calls[0]));
    }
    let mut wrong: Vec<String> = Vec::new();
    for refused in made {
        for name in ["status", "reason", "request_id"] {
            let is_text = refused.field(name).is_some_and(Value::is_string);
            let text = format!("{name} is no string in {}", refused.told());
            if !is_text && !wrong.contains(&text) {
                wrong.push(text);
            }
        }
    }
    let text = if wrong.is_empty() {
        "all of them are".to_owned()
    } else {
        wrong.join(", ")
    };
    AssumptionFinding::as_documented(wrong.is_empty(), text)
}

fn no_bill(seen: &Observations) -> AssumptionFinding {
    answered(seen, CertifyCall::VerificationNoBill).map_or_else(
        |why| why,
        |made| {
            if made.is_refused_access() {
                return AssumptionFinding::not_observed(format!("refused before: {}", made.told()));
            }
            let is_documented = made.code == "DETETION_FAILED" && made.http_status() == Some(400);
            AssumptionFinding::as_documented(is_documented, made.told())
        },
    )
}
