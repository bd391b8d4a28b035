//! Every assumption, judged by observations that are as documented.

mod differences;
mod limits;
mod proposals;

use super::*;
use crate::domain::failure::Billed;
use crate::domain::stage::Stage;
use serde_json::{Value, json};
use std::time::Duration;

fn settings() -> CertifySettings {
    CertifySettings {
        is_signed: true,
        has_app_code: true,
        recognition_timeout: Duration::from_secs(30),
        verification_timeout: Duration::from_secs(30),
        recognition_rate: 10.0,
        verification_rate: 10.0,
        max_image_bytes: 5 << 20,
    }
}

fn answer(call: CertifyCall, code: &str, http_status: u16, object: Value) -> CallObservation {
    CallObservation {
        planned: PlannedCall::of(call),
        credentials: match call {
            CertifyCall::RecognitionOtherPayload => CallCredentials::UnsignedPayload,
            CertifyCall::RecognitionAppCode => CallCredentials::AppCode,
            other if other.stage() == Stage::Recognition => CallCredentials::SignedPayload,
            _ => CallCredentials::ApiSecret,
        },
        code: code.to_owned(),
        answer: Some(ObservedAnswer {
            http_status,
            content_type: Some("application/json".to_owned()),
            seconds_ahead: Some(1),
            has_retry_after: false,
            bytes: 100,
            object: Some(object),
            is_strict: true,
        }),
        billed: Billed::Yes,
        duration: Duration::from_millis(800),
        picture_bytes: 100 << 10,
    }
}

fn recognised() -> Value {
    let mut data = json!({
        "AdmissionDate": "2020-06-01", "Date": "2020年06月03日", "InvoiceNum": "0103152099",
        "CostCategories": [[{"name": "收费项目", "word": "检查费"}, {"name": "金额", "word": "11.88"}]],
        "CostDetail": [], "RegionSupplement": [{"name": "自费", "word": "42.67"}],
    });
    for name in field_types::RECOGNITION_FIELDS {
        if data.get(name).is_none() {
            data[name] = "".into();
        }
    }
    json!({"code": 200, "msg": "成功", "taskNo": "65605503936940344488", "data": data})
}

fn verified() -> Value {
    json!({
        "status": "OK", "request_id": "87de", "qrcode_scan_result": 1,
        "data": {
            "invoice_standard_result": {"note_no": "1031", "total_cost": 207, "hospital_days": null,
                "cost_categories": [{"name": "检查费", "cost": 191}], "cost_detail_list": [],
                "payments_info": [{"name": "预缴金额", "cost": "无"}], "img_status": []},
            "invoice_additional_result": {"note_no": "1031", "img_status": [{"yizuofei": "0"}]},
        },
    })
}

fn gateway(message: &str) -> Value {
    json!({"error_code": "APIG.0303", "error_msg": message, "request_id": "1"})
}

fn refused(status: &str) -> Value {
    json!({"status": status, "reason": "no", "request_id": "1"})
}

/// Every call, answered as the documents say.
fn documented() -> Observations {
    use CertifyCall as C;
    let plan = CertifyPlan::new(&settings(), 1, 100);
    let mut seen = Observations::new(settings(), &plan);
    seen.made = vec![
        answer(
            C::RecognitionWrongSecret,
            "APIG.0303",
            401,
            gateway("signature verification failed"),
        ),
        answer(
            C::RecognitionLateSignature,
            "APIG.0303",
            401,
            gateway("signature expired"),
        ),
        answer(
            C::VerificationWrongSecret,
            "UNAUTHORIZED",
            401,
            refused("UNAUTHORIZED"),
        ),
        answer(
            C::VerificationSmallSides,
            "INVALID_ARGUMENT",
            400,
            refused("INVALID_ARGUMENT"),
        ),
        answer(
            C::VerificationNoBill,
            "DETETION_FAILED",
            400,
            refused("DETETION_FAILED"),
        ),
        answer(
            C::VerificationLargeFile,
            "DETETION_FAILED",
            400,
            refused("DETETION_FAILED"),
        ),
        answer(
            C::VerificationHalfFile,
            "DETETION_FAILED",
            400,
            refused("DETETION_FAILED"),
        ),
        answer(C::RecognitionPicture, "200", 200, recognised()),
        answer(C::VerificationPicture, "OK", 200, verified()),
        answer(C::RecognitionOtherPayload, "200", 200, recognised()),
        answer(C::RecognitionAppCode, "200", 200, recognised()),
        answer(C::RecognitionTurned, "200", 200, recognised()),
        answer(C::VerificationRotated, "OK", 200, verified()),
        answer(C::VerificationTurned, "OK", 200, verified()),
        answer(
            C::RecognitionSmallSides,
            "400",
            200,
            json!({"code": 400, "msg": "参数错误", "taskNo": "1"}),
        ),
    ];
    seen
}

fn differing(seen: &Observations) -> Vec<(&'static str, AssumptionFinding)> {
    let judged = assumptions().map(|assumption| (assumption.name, (assumption.judge)(seen)));
    judged
        .filter(|(_, finding)| finding.verdict == AssumptionVerdict::Differs)
        .collect()
}

#[test]
fn nothing_differs_where_all_is_as_documented() {
    assert_eq!(differing(&documented()), []);
    let open: Vec<&str> = assumptions()
        .filter(|assumption| {
            (assumption.judge)(&documented()).verdict == AssumptionVerdict::NotObserved
        })
        .map(|assumption| assumption.name)
        .collect();
    let never = [
        "recognition.limits",
        "recognition.url_transfer",
        "recognition.throttling",
        "verification.error_code",
        "verification.url_transfer",
        "verification.throttling",
    ];
    assert_eq!(open.len(), never.len(), "{open:?}");
    assert!(never.iter().all(|name| open.contains(name)), "{open:?}");
}

#[test]
fn where_no_call_was_made_nothing_is_told_but_why() {
    let plan = CertifyPlan::new(&settings(), 1, 1);
    let seen = Observations::new(settings(), &plan);
    for assumption in assumptions() {
        let finding = (assumption.judge)(&seen);
        assert_eq!(
            finding.verdict,
            AssumptionVerdict::NotObserved,
            "{}",
            assumption.name
        );
        assert!(!finding.text.is_empty(), "{}", assumption.name);
    }
}
