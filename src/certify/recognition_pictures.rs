//! Recognition: which pictures it takes.

use super::assumption::{Assumption, AssumptionFinding};
use super::call::CertifyCall;
use super::observation::{CallObservation, Observations};

pub(super) const ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        name: "recognition.exif",
        documented: "nothing; the worker turns such a picture upright before it sends it",
        place: "",
        calls: &[CertifyCall::RecognitionTurned],
        judge: exif,
    },
    Assumption {
        name: "recognition.refusal",
        documented: "what is wrong with a picture is code 400 in HTTP 200, and billed",
        place: "recognition.txt, 公共code返回码说明",
        calls: &[CertifyCall::RecognitionSmallSides],
        judge: refusal,
    },
    Assumption {
        name: "recognition.limits",
        documented: "4 MiB encoded, sides from 15 to 4096 pixels, a url of 1024 bytes",
        place: "recognition.txt, 图片要求",
        calls: &[],
        judge: |_| {
            AssumptionFinding::not_observed(
                "a refusal is billed, and the worker keeps within these limits",
            )
        },
    },
    Assumption {
        name: "recognition.url_transfer",
        documented: "url instead of base64",
        place: "recognition.txt, 请求参数",
        calls: &[],
        judge: |_| AssumptionFinding::not_observed("pictures are sent, and not published for it"),
    },
];

fn exif(seen: &Observations) -> AssumptionFinding {
    let call = CertifyCall::RecognitionTurned;
    let (Some(turned), Some(usual)) = (seen.of(call), seen.of(CertifyCall::RecognitionPicture))
    else {
        return AssumptionFinding::not_observed(seen.why_not(call));
    };
    if turned.code != "200" {
        return AssumptionFinding::not_observed(seen.why_not(call));
    }
    let number = |made: &CallObservation| {
        let number = made.field("data")?.get("InvoiceNum")?.as_str()?;
        (!number.is_empty()).then(|| number.to_owned())
    };
    match (number(usual), number(turned)) {
        (None, _) => AssumptionFinding::not_observed("no number was read of the upright picture"),
        (upright, lying) if upright == lying => {
            AssumptionFinding::observed("read as if it were upright")
        }
        _ => AssumptionFinding::observed("not read as the upright one; the worker turns it itself"),
    }
}

fn refusal(seen: &Observations) -> AssumptionFinding {
    let call = CertifyCall::RecognitionSmallSides;
    match seen.of(call) {
        Some(made) if made.answer.is_some() && !made.is_throttled() => {
            let is_documented = made.code == "400" && made.http_status() == Some(200);
            AssumptionFinding::as_documented(is_documented, made.told())
        }
        _ => AssumptionFinding::not_observed(seen.why_not(call)),
    }
}
