//! One call is answered otherwise: that is named, with the setting that answers it, and nothing else.

use super::*;

pub(super) type Change = fn(&mut CallObservation);

pub(super) fn status(made: &mut CallObservation, code: &str, http_status: u16) {
    code.clone_into(&mut made.code);
    made.answer.as_mut().unwrap().http_status = http_status;
}

fn object(made: &mut CallObservation) -> &mut Value {
    made.answer.as_mut().unwrap().object.as_mut().unwrap()
}

fn check(cases: &[(CertifyCall, Change, &[&str])]) {
    for (call, change, names) in cases {
        let mut seen = documented();
        let made = seen
            .made
            .iter_mut()
            .find(|made| made.call() == *call)
            .unwrap();
        change(made);
        let differing = differing(&seen);
        let found: Vec<&str> = differing.iter().map(|(name, _)| *name).collect();
        assert_eq!(&found, names, "{call}: {differing:?}");
    }
}

#[test]
fn each_difference_of_recognition_is_named_and_no_other() {
    use CertifyCall as C;
    let cases: &[(C, Change, &[&str])] = &[
        (
            C::RecognitionPicture,
            |made| status(made, "APIG.0101", 404),
            &["recognition.url"],
        ),
        (
            C::RecognitionPicture,
            |made| status(made, "400", 200),
            &["recognition.form"],
        ),
        (
            C::RecognitionPicture,
            |made| status(made, "APIG.0303", 401),
            &["recognition.signed_payload"],
        ),
        (
            C::RecognitionOtherPayload,
            |made| status(made, "APIG.0303", 401),
            &["recognition.unsigned_payload"],
        ),
        (
            C::RecognitionAppCode,
            |made| status(made, "APIG.0303", 401),
            &["recognition.app_code"],
        ),
        (
            C::RecognitionLateSignature,
            |made| status(made, "200", 200),
            &["recognition.clock_tolerance"],
        ),
        (
            C::RecognitionTurned,
            |made| {
                status(made, "APIG.0303", 401);
                *object(made) = gateway("signature expired");
            },
            &["recognition.clock_tolerance"],
        ),
        (
            C::RecognitionWrongSecret,
            |made| {
                *object(made) =
                    json!({"error_code": "APIG.0303", "error_msg": 1, "request_id": "1"});
            },
            &["recognition.gateway_error"],
        ),
        (
            C::RecognitionWrongSecret,
            |made| status(made, "APIG.0303", 200),
            &["recognition.gateway_status"],
        ),
        (
            C::RecognitionPicture,
            |made| object(made)["code"] = "200".into(),
            &["recognition.success"],
        ),
        (
            C::RecognitionPicture,
            |made| object(made)["taskNo"] = 1.into(),
            &["recognition.envelope"],
        ),
        (
            C::RecognitionPicture,
            |made| object(made)["data"]["Sex"] = 1.into(),
            &["recognition.texts"],
        ),
        (
            C::RecognitionPicture,
            |made| object(made)["data"]["AmountInFigures"] = "1".into(),
            &["recognition.amount_spelling"],
        ),
        (
            C::RecognitionPicture,
            |made| object(made)["data"]["Date"] = "03/06/2020".into(),
            &["recognition.dates"],
        ),
        (
            C::RecognitionPicture,
            |made| object(made)["data"]["CostDetail"] = json!([{"项目": "x"}]),
            &["recognition.tables"],
        ),
        (
            C::RecognitionSmallSides,
            |made| status(made, "400", 400),
            &["recognition.refusal"],
        ),
        (
            C::RecognitionPicture,
            |made| made.answer.as_mut().unwrap().is_strict = false,
            &["recognition.json"],
        ),
        (
            C::RecognitionPicture,
            |made| made.answer.as_mut().unwrap().seconds_ahead = None,
            &["recognition.date"],
        ),
        (
            C::RecognitionPicture,
            |made| made.answer.as_mut().unwrap().seconds_ahead = Some(-301),
            &["recognition.date"],
        ),
        (
            C::RecognitionOtherPayload,
            |made| status(made, "APIG.0308", 503),
            &["recognition.throttling"],
        ),
        (
            C::RecognitionOtherPayload,
            |made| status(made, "timeout", 200),
            &["recognition.latency"],
        ),
    ];
    check(cases);
}

#[test]
fn each_difference_of_verification_is_named_and_no_other() {
    use CertifyCall as C;
    let cases: &[(C, Change, &[&str])] = &[
        (
            C::VerificationPicture,
            |made| status(made, "NOT_FOUND", 404),
            &["verification.url"],
        ),
        (
            C::VerificationPicture,
            |made| status(made, "UNAUTHORIZED", 401),
            &["verification.credentials"],
        ),
        (
            C::VerificationPicture,
            |made| status(made, "INVALID_ARGUMENT", 400),
            &["verification.form"],
        ),
        (
            C::VerificationWrongSecret,
            |made| status(made, "UNAUTHORIZED", 200),
            &["verification.unauthorized"],
        ),
        (
            C::VerificationWrongSecret,
            |made| object(made)["reason"] = 1.into(),
            &["verification.refusal"],
        ),
        (
            C::VerificationNoBill,
            |made| status(made, "DETETION_FAILED", 200),
            &["verification.no_bill"],
        ),
        (
            C::VerificationSmallSides,
            |made| status(made, "DETETION_FAILED", 400),
            &["verification.sides"],
        ),
        (
            C::VerificationLargeFile,
            |made| status(made, "INVALID_ARGUMENT", 400),
            &["verification.size"],
        ),
        (
            C::VerificationRotated,
            |made| status(made, "INVALID_ARGUMENT", 400),
            &["verification.auto_rotate"],
        ),
        (
            C::VerificationTurned,
            |made| status(made, "DETETION_FAILED", 400),
            &["verification.exif"],
        ),
        (
            C::VerificationPicture,
            |made| object(made)["request_id"] = 1.into(),
            &["verification.status"],
        ),
        (
            C::VerificationPicture,
            |made| object(made)["qrcode_scan_result"] = true.into(),
            &["verification.qr_result"],
        ),
        (
            C::VerificationPicture,
            |made| {
                status(made, "300", 200);
                *object(made) = json!({"status": "VERIFY_FAILED", "error_code": "300", "request_id": "1", "qrcode_scan_result": 1});
            },
            &["verification.error_code"],
        ),
        (
            C::VerificationPicture,
            |made| object(made)["data"]["invoice_standard_result"]["total_cost"] = "207".into(),
            &["verification.standard_result"],
        ),
        (
            C::VerificationPicture,
            |made| object(made)["data"]["invoice_additional_result"]["query_num"] = "2".into(),
            &["verification.additional_result"],
        ),
        (
            C::VerificationPicture,
            |made| {
                object(made)["data"]["invoice_standard_result"]["cost_categories"][0]["cost"] =
                    "191".into();
            },
            &["verification.tables"],
        ),
        (
            C::VerificationPicture,
            |made| {
                object(made)["data"]["invoice_standard_result"]["img_status"] =
                    json!({"yizuofei": "0"});
            },
            &["verification.img_status"],
        ),
    ];
    check(cases);
}
