//! Verification: what the answers look like.

use super::assumption::{Assumption, AssumptionFinding};
use super::call::CertifyCall;
use super::field_types::{ADDITIONAL, FieldDifferences, STANDARD, told};
use super::observation::{CallObservation, Observations};
use super::shape::{kind, shape};
use crate::domain::stage::Stage;
use serde_json::{Map, Value};

const ANSWERS: &[CertifyCall] = &[
    CertifyCall::VerificationPicture,
    CertifyCall::VerificationRotated,
    CertifyCall::VerificationTurned,
];
const STATES: [&str; 4] = ["yidayin", "yikaihongpiao", "yizuofei", "yiruzhang"];
/// The lists of the standard result, with the fields of their entries.
const LISTS: [(&str, &[(&str, &str)]); 3] = [
    ("cost_categories", &[("name", "string"), ("cost", "float")]),
    ("payments_info", &[("name", "string"), ("cost", "any")]),
    (
        "cost_detail_list",
        &[
            ("ocr_name", "string"),
            ("cost", "float"),
            ("amount", "float"),
            ("unit_price", "float"),
            ("spec", "string"),
            ("unit", "string"),
            ("medical_level", "string"),
            ("selfpay", "float"),
            ("medical_type", "int"),
            ("class", "string"),
            ("item_coding", "string"),
            ("origin_ocr_name", "string"),
            ("name", "string"),
        ],
    ),
];

pub(super) const ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        name: "verification.status",
        documented: "status and request_id are strings, with HTTP 200",
        place: "verification.txt, 3",
        calls: ANSWERS,
        judge: status,
    },
    Assumption {
        name: "verification.qr_result",
        documented: "qrcode_scan_result is the int 0 or 1",
        place: "verification.txt, 3",
        calls: ANSWERS,
        judge: qr_result,
    },
    Assumption {
        name: "verification.error_code",
        documented: "the int error_code, where status is VERIFY_FAILED",
        place: "verification.txt, 4.2",
        calls: ANSWERS,
        judge: error_code,
    },
    Assumption {
        name: "verification.standard_result",
        documented: "36 fields with their types",
        place: "verification.txt, 3.2",
        calls: ANSWERS,
        judge: |seen| result(seen, "invoice_standard_result", STANDARD),
    },
    Assumption {
        name: "verification.additional_result",
        documented: "9 fields with their types",
        place: "verification.txt, 3.3",
        calls: ANSWERS,
        judge: |seen| result(seen, "invoice_additional_result", ADDITIONAL),
    },
    Assumption {
        name: "verification.tables",
        documented: "lists of objects: cost_categories, cost_detail_list, payments_info",
        place: "verification.txt, 3.2.1 to 3.2.3",
        calls: ANSWERS,
        judge: tables,
    },
    Assumption {
        name: "verification.img_status",
        documented: "an array of objects by four names; sampled as []",
        place: "verification.txt, 3.3.1",
        calls: ANSWERS,
        judge: img_status,
    },
];

/// The answers in which the registry knew the bill.
fn good(seen: &Observations) -> Result<Vec<&CallObservation>, AssumptionFinding> {
    let good: Vec<&CallObservation> = seen
        .answers(Stage::Verification)
        .filter(|made| made.code == "OK")
        .collect();
    if good.is_empty() {
        let why = seen.why_not(CertifyCall::VerificationPicture);
        return Err(AssumptionFinding::not_observed(format!(
            "the registry knew no bill: {why}; name a picture of a real one"
        )));
    }
    Ok(good)
}

fn results<'a>(
    seen: &'a Observations,
    name: &'static str,
) -> Result<Vec<&'a Map<String, Value>>, AssumptionFinding> {
    let objects = good(seen)?
        .into_iter()
        .filter_map(|made| made.field("data")?.get(name)?.as_object());
    Ok(objects.collect())
}

/// A judge that needs answers says why there are none.
fn judged(outcome: Result<AssumptionFinding, AssumptionFinding>) -> AssumptionFinding {
    outcome.unwrap_or_else(|finding| finding)
}

fn answered(seen: &Observations) -> Result<Vec<&CallObservation>, AssumptionFinding> {
    let answered: Vec<&CallObservation> = seen.answers(Stage::Verification).collect();
    if answered.is_empty() {
        let why = seen.why_not(CertifyCall::VerificationPicture);
        return Err(AssumptionFinding::not_observed(why));
    }
    Ok(answered)
}

fn status(seen: &Observations) -> AssumptionFinding {
    judged(answered(seen).map(|answered| {
        let wrong = answered.into_iter().find_map(|made| {
            let is_text = |name| made.field(name).is_some_and(Value::is_string);
            if !is_text("status") || !is_text("request_id") {
                Some(format!("one is no string in {}", made.told()))
            } else {
                (made.http_status() != Some(200)).then(|| made.told())
            }
        });
        let text = wrong
            .clone()
            .unwrap_or_else(|| "strings, HTTP 200".to_owned());
        AssumptionFinding::as_documented(wrong.is_none(), text)
    }))
}

fn qr_result(seen: &Observations) -> AssumptionFinding {
    judged(answered(seen).map(|answered| {
        let mut kinds: Vec<String> = Vec::new();
        for made in answered {
            let told = match made.field("qrcode_scan_result") {
                Some(Value::Number(number)) if number.as_u64().is_some_and(|code| code <= 1) => {
                    continue;
                }
                Some(other) => format!("{} in {}", kind(other), made.code),
                None => format!("absent in {}", made.code),
            };
            if !kinds.contains(&told) {
                kinds.push(told);
            }
        }
        let text = if kinds.is_empty() {
            "int, 0 or 1".to_owned()
        } else {
            told(&kinds)
        };
        AssumptionFinding::as_documented(kinds.is_empty(), text)
    }))
}

fn error_code(seen: &Observations) -> AssumptionFinding {
    let mut failed = seen.at(Stage::Verification).filter(|made| {
        let status = made.field("status").and_then(Value::as_str);
        status == Some("VERIFY_FAILED")
    });
    match failed.next() {
        None => AssumptionFinding::not_observed("no bill failed its verification"),
        Some(made) => {
            let is = made.field("error_code").map_or("absent", kind);
            let text = format!("{is}; {}", made.told());
            AssumptionFinding::as_documented(is == "int", text)
        }
    }
}

fn result(
    seen: &Observations,
    name: &'static str,
    documented: &[(&str, &str)],
) -> AssumptionFinding {
    judged(results(seen, name).map(|results| {
        if results.is_empty() {
            return AssumptionFinding::differs(format!("{name} is no object"));
        }
        let mut differences = FieldDifferences::default();
        for result in results {
            differences.add(result, documented);
        }
        if !differences.types.is_empty() {
            AssumptionFinding::differs(told(&differences.types))
        } else if differences.unknown.is_empty() {
            AssumptionFinding::documented("no field of another type or name")
        } else {
            AssumptionFinding::observed(format!("not documented: {}", told(&differences.unknown)))
        }
    }))
}

fn tables(seen: &Observations) -> AssumptionFinding {
    judged(results(seen, "invoice_standard_result").map(|results| {
        let (mut differences, mut wrong) = (FieldDifferences::default(), Vec::new());
        let mut rows = 0;
        for result in results {
            for (name, fields) in LISTS {
                let entries = match result.get(name) {
                    None | Some(Value::Null) => continue,
                    Some(Value::Array(entries)) => entries,
                    Some(other) => {
                        wrong.push(format!("{name} is {}", shape(other)));
                        continue;
                    }
                };
                rows += entries.len();
                for entry in entries {
                    match entry {
                        Value::Object(entry) => differences.add(entry, fields),
                        other => wrong.push(format!("an entry of {name} is {}", kind(other))),
                    }
                }
            }
        }
        wrong.extend(differences.types);
        wrong.dedup();
        if !wrong.is_empty() {
            AssumptionFinding::differs(told(&wrong))
        } else if rows == 0 {
            AssumptionFinding::not_observed("no list had an entry")
        } else if differences.unknown.is_empty() {
            AssumptionFinding::documented(format!("{rows} entries, all as documented"))
        } else {
            AssumptionFinding::observed(format!("not documented: {}", told(&differences.unknown)))
        }
    }))
}

fn img_status(seen: &Observations) -> AssumptionFinding {
    let of = |name| results(seen, name);
    let sent = of("invoice_standard_result").and_then(|mut standard| {
        standard.extend(of("invoice_additional_result")?);
        Ok(standard)
    });
    judged(sent.map(|results| {
        let sent = results.iter().filter_map(|result| result.get("img_status"));
        let (mut shapes, mut wrong) = (Vec::new(), Vec::new());
        for status in sent.filter(|status| !status.is_null()) {
            let is_documented = status.as_array().is_some_and(|items| {
                let has_state_names = |item: &Value| {
                    let fields = item.as_object();
                    fields.is_some_and(|fields| {
                        fields.keys().all(|name| STATES.contains(&name.as_str()))
                    })
                };
                items.iter().all(has_state_names)
            });
            let list = if is_documented {
                &mut shapes
            } else {
                &mut wrong
            };
            let told = shape(status);
            if !list.contains(&told) {
                list.push(told);
            }
        }
        if !wrong.is_empty() {
            AssumptionFinding::differs(told(&wrong))
        } else if shapes.is_empty() {
            AssumptionFinding::observed("null, or absent")
        } else {
            AssumptionFinding::documented(told(&shapes))
        }
    }))
}
