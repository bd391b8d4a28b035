//! Recognition: the way to the provider, through its gateway.

use super::assumption::{Assumption, AssumptionFinding};
use super::call::{CallCredentials, CertifyCall};
use super::observation::{CallObservation, Observations};
use super::proposal::SettingProposal;
use super::shape::{kind, shape};
use serde_json::Value;

const PICTURE: &[CertifyCall] = &[CertifyCall::RecognitionPicture];
const ACCESS: &[CertifyCall] = &[
    CertifyCall::RecognitionPicture,
    CertifyCall::RecognitionOtherPayload,
];

pub(super) const ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        name: "recognition.url",
        documented: "POST to the address that the marketplace shows",
        place: "recognition.txt, 请求方法",
        calls: PICTURE,
        judge: url,
    },
    Assumption {
        name: "recognition.form",
        documented: "a form with base64, urlencoded once",
        place: "recognition.txt, 图片要求",
        calls: PICTURE,
        judge: form,
    },
    Assumption {
        name: "recognition.signed_payload",
        documented: "a signature over the body's SHA-256 is accepted",
        place: "the gateway's signing guide",
        calls: ACCESS,
        judge: signed_payload,
    },
    Assumption {
        name: "recognition.unsigned_payload",
        documented: "a signature that says UNSIGNED-PAYLOAD is accepted",
        place: "the gateway's signing guide",
        calls: ACCESS,
        judge: unsigned_payload,
    },
    Assumption {
        name: "recognition.app_code",
        documented: "X-Apig-AppCode is accepted instead of a signature",
        place: "the gateway's signing guide",
        calls: &[
            CertifyCall::RecognitionPicture,
            CertifyCall::RecognitionAppCode,
        ],
        judge: app_code,
    },
    Assumption {
        name: "recognition.clock_tolerance",
        documented: "15 minutes; a later signature is refused, and the message says \"expired\"",
        place: "the gateway's signing guide",
        calls: &[
            CertifyCall::RecognitionLateSignature,
            CertifyCall::RecognitionTurned,
        ],
        judge: clock_tolerance,
    },
    Assumption {
        name: "recognition.gateway_error",
        documented: "error_code \"APIG.NNNN\", error_msg and request_id, all strings",
        place: "the gateway's guide, error codes",
        calls: &[CertifyCall::RecognitionWrongSecret],
        judge: gateway_error,
    },
    Assumption {
        name: "recognition.gateway_status",
        documented: "a 4xx, so that it is not billed; 401 is usual",
        place: "the gateway's guide, error codes",
        calls: &[CertifyCall::RecognitionWrongSecret],
        judge: gateway_status,
    },
];

fn url(seen: &Observations) -> AssumptionFinding {
    let Some(made) = seen.of(CertifyCall::RecognitionPicture) else {
        return AssumptionFinding::not_observed(seen.why_not(CertifyCall::RecognitionPicture));
    };
    match (made.code.as_str(), made.http_status()) {
        ("200", _) => AssumptionFinding::documented("answered"),
        (_, None) => AssumptionFinding::not_observed(format!("no answer: {}", made.code)),
        _ if made.is_refused_access() || made.is_throttled() => {
            AssumptionFinding::not_observed(format!("refused before: {}", made.told()))
        }
        (code, Some(status)) if code.parse::<u16>().is_ok() && status == 200 => {
            AssumptionFinding::documented(format!("the provider answered {code}"))
        }
        _ => AssumptionFinding::differs(format!("answered {}", made.told())),
    }
}

fn form(seen: &Observations) -> AssumptionFinding {
    match seen.of(CertifyCall::RecognitionPicture) {
        Some(made) if made.is_about_the_picture() => AssumptionFinding::documented("read"),
        Some(made) if made.code == "400" => {
            AssumptionFinding::differs("refused as 参数错误, code 400")
        }
        _ => AssumptionFinding::not_observed(seen.why_not(CertifyCall::RecognitionPicture)),
    }
}

/// The first call with right credentials of this kind, at the right time.
fn with(seen: &Observations, credentials: CallCredentials) -> Option<&CallObservation> {
    let calls = [
        CertifyCall::RecognitionPicture,
        CertifyCall::RecognitionOtherPayload,
        CertifyCall::RecognitionAppCode,
    ];
    let mut made = calls.iter().filter_map(|call| seen.of(*call));
    made.find(|made| made.credentials == credentials)
}

fn is_accepted(seen: &Observations, credentials: CallCredentials) -> Option<bool> {
    let made = with(seen, credentials).filter(|made| made.answer.is_some())?;
    (!made.is_throttled()).then(|| !made.is_refused_access())
}

/// Judges a kind of credentials; the proposal is for where they are refused and others are accepted.
fn accepted(
    seen: &Observations,
    credentials: CallCredentials,
    usual: CertifyCall,
) -> AssumptionFinding {
    let Some(made) = with(seen, credentials) else {
        let why = if seen.settings.is_signed || credentials == CallCredentials::AppCode {
            seen.why_not(usual)
        } else {
            "not asked: recognition.auth is \"app_code\"".to_owned()
        };
        return AssumptionFinding::not_observed(why);
    };
    match is_accepted(seen, credentials) {
        Some(true) => AssumptionFinding::documented(format!("accepted: {}", made.told())),
        Some(false) => AssumptionFinding::differs(format!("refused: {}", made.told()))
            .proposing(instead(seen, credentials)),
        None => AssumptionFinding::not_observed(format!("the call ended: {}", made.told())),
    }
}

fn instead(seen: &Observations, refused: CallCredentials) -> Option<SettingProposal> {
    let takes = |credentials| is_accepted(seen, credentials) == Some(true);
    let propose = |key, value, why| Some(SettingProposal::new("recognition", key, value, why));
    match refused {
        CallCredentials::UnsignedPayload if takes(CallCredentials::SignedPayload) => propose(
            "sign_payload",
            "true",
            "the gateway refuses UNSIGNED-PAYLOAD, and takes a signed body",
        ),
        CallCredentials::SignedPayload if takes(CallCredentials::UnsignedPayload) => propose(
            "sign_payload",
            "false",
            "the gateway refuses a signed body, and takes UNSIGNED-PAYLOAD",
        ),
        CallCredentials::SignedPayload | CallCredentials::UnsignedPayload
            if takes(CallCredentials::AppCode) =>
        {
            propose(
                "auth",
                "\"app_code\"",
                "the gateway refuses the signature, and takes the app code",
            )
        }
        _ => None,
    }
}

fn signed_payload(seen: &Observations) -> AssumptionFinding {
    let usual = CertifyCall::RecognitionOtherPayload;
    accepted(seen, CallCredentials::SignedPayload, usual)
}

fn unsigned_payload(seen: &Observations) -> AssumptionFinding {
    let usual = CertifyCall::RecognitionOtherPayload;
    accepted(seen, CallCredentials::UnsignedPayload, usual)
}

fn app_code(seen: &Observations) -> AssumptionFinding {
    if !seen.settings.has_app_code {
        return AssumptionFinding::not_observed("no recognition.app_code is configured");
    }
    let usual = CertifyCall::RecognitionAppCode;
    accepted(seen, CallCredentials::AppCode, usual)
}

fn clock_tolerance(seen: &Observations) -> AssumptionFinding {
    let Some(late) = seen.of(CertifyCall::RecognitionLateSignature) else {
        return AssumptionFinding::not_observed(
            seen.why_not(CertifyCall::RecognitionLateSignature),
        );
    };
    let within = seen.of(CertifyCall::RecognitionTurned);
    if within.is_some_and(CallObservation::is_expired) {
        return AssumptionFinding::differs("a signature of 10 minutes ago is refused as expired");
    }
    if late.answer.is_none() || late.is_throttled() {
        return AssumptionFinding::not_observed(format!("the call ended: {}", late.told()));
    }
    if !late.is_refused_access() {
        let told = late.told();
        return AssumptionFinding::differs(format!("20 minutes ago is not refused: {told}"));
    }
    if !late.is_expired() {
        return AssumptionFinding::differs(format!(
            "20 minutes ago is refused ({}), and the message does not say expired",
            late.told()
        ));
    }
    let taken = match within {
        Some(within) if !within.is_refused_access() && within.answer.is_some() => {
            "10 minutes ago is accepted"
        }
        _ => "10 minutes ago was not seen",
    };
    AssumptionFinding::documented(format!("20 minutes ago is refused as expired, {taken}"))
}

fn gateway_error(seen: &Observations) -> AssumptionFinding {
    let call = CertifyCall::RecognitionWrongSecret;
    let Some(made) = seen.of(call).filter(|made| made.answer.is_some()) else {
        return AssumptionFinding::not_observed(seen.why_not(call));
    };
    let Some(object) = made.object() else {
        return AssumptionFinding::differs(format!("no JSON object: {}", made.told()));
    };
    let missing = ["error_code", "error_msg", "request_id"]
        .into_iter()
        .filter(|name| !object.get(name).is_some_and(Value::is_string));
    let missing: Vec<String> = missing
        .map(|name| format!("{name} is {}", object.get(name).map_or("absent", kind)))
        .collect();
    let is_named = made.code.starts_with("APIG.");
    AssumptionFinding::as_documented(
        missing.is_empty() && is_named,
        if missing.is_empty() {
            made.told()
        } else {
            format!("{}: {}", shape(object), missing.join(", "))
        },
    )
}

fn gateway_status(seen: &Observations) -> AssumptionFinding {
    let call = CertifyCall::RecognitionWrongSecret;
    let Some(made) = seen.of(call) else {
        return AssumptionFinding::not_observed(seen.why_not(call));
    };
    match made.http_status() {
        Some(401) => AssumptionFinding::documented("HTTP 401"),
        Some(status @ 400..=499) => AssumptionFinding::observed(format!("HTTP {status}")),
        Some(status) => AssumptionFinding::differs(format!(
            "a wrong secret is answered with HTTP {status}, {}",
            made.code
        )),
        None => AssumptionFinding::not_observed(format!("no answer: {}", made.code)),
    }
}
