//! Recognition: what the provider's answers look like.

use super::assumption::{Assumption, AssumptionFinding};
use super::call::CertifyCall;
use super::field_types::{RECOGNITION_FIELDS, RECOGNITION_TABLES, told};
use super::observation::Observations;
use super::redact::shown_name;
use super::shape::{kind, pattern, shape};
use crate::domain::stage::Stage;
use serde_json::{Map, Value};

const ANSWERS: &[CertifyCall] = &[
    CertifyCall::RecognitionPicture,
    CertifyCall::RecognitionOtherPayload,
    CertifyCall::RecognitionAppCode,
    CertifyCall::RecognitionTurned,
];
const TABLE: &str = "[[{name, word}]]";
const LIST: &str = "[{name, word}]";
const DATES: [&str; 3] = ["Date", "AdmissionDate", "DischargeDate"];

pub(super) const ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        name: "recognition.success",
        documented: "HTTP 200, and code is the int 200",
        place: "recognition.txt, 响应结果",
        calls: ANSWERS,
        judge: success,
    },
    Assumption {
        name: "recognition.envelope",
        documented: "msg and taskNo are strings, data is an object",
        place: "recognition.txt, 响应结果",
        calls: ANSWERS,
        judge: envelope,
    },
    Assumption {
        name: "recognition.texts",
        documented: "every value of data is a string, \"\" where nothing was read",
        place: "recognition.txt, 响应结果",
        calls: ANSWERS,
        judge: texts,
    },
    Assumption {
        name: "recognition.fields",
        documented: "26 fields and three tables",
        place: "recognition.txt, 响应结果",
        calls: ANSWERS,
        judge: fields,
    },
    Assumption {
        name: "recognition.amount_spelling",
        documented: "AmountInFiguers, spelled so",
        place: "recognition.txt, 响应结果",
        calls: ANSWERS,
        judge: amount_spelling,
    },
    Assumption {
        name: "recognition.dates",
        documented: "2020-06-01 or 2020年06月03日",
        place: "recognition.txt, 响应结果",
        calls: ANSWERS,
        judge: dates,
    },
    Assumption {
        name: "recognition.tables",
        documented: "CostCategories and CostDetail [[{name, word}]], RegionSupplement [{name, word}]",
        place: "recognition.txt, CostCategories字段说明",
        calls: ANSWERS,
        judge: tables,
    },
];

/// The good answers.
fn answers(seen: &Observations) -> Result<Vec<&Value>, AssumptionFinding> {
    let answers: Vec<&Value> = seen
        .answers(Stage::Recognition)
        .filter_map(|made| made.object())
        .collect();
    if answers.is_empty() {
        let why = seen.why_not(CertifyCall::RecognitionPicture);
        return Err(AssumptionFinding::not_observed(why));
    }
    Ok(answers)
}

/// `data` of each good answer in which it is an object.
fn data(seen: &Observations) -> Result<Vec<&Map<String, Value>>, AssumptionFinding> {
    let found: Vec<&Map<String, Value>> = answers(seen)?
        .into_iter()
        .filter_map(|answer| answer.get("data")?.as_object())
        .collect();
    if found.is_empty() {
        return Err(AssumptionFinding::not_observed("data is no object"));
    }
    Ok(found)
}

/// A judge that needs answers says why there are none.
fn judged(outcome: Result<AssumptionFinding, AssumptionFinding>) -> AssumptionFinding {
    outcome.unwrap_or_else(|finding| finding)
}

fn success(seen: &Observations) -> AssumptionFinding {
    let mut differing = seen.answers(Stage::Recognition).filter_map(|made| {
        let status = made.http_status()?;
        let code = made.field("code")?;
        let is_documented = status == 200 && code.is_u64();
        (!is_documented).then(|| format!("HTTP {status}, and code is {}", kind(code)))
    });
    let differing = differing.next();
    judged(answers(seen).map(|_| {
        let text = differing
            .clone()
            .unwrap_or_else(|| "HTTP 200, int".to_owned());
        AssumptionFinding::as_documented(differing.is_none(), text)
    }))
}

fn envelope(seen: &Observations) -> AssumptionFinding {
    judged(answers(seen).map(|answers| {
        let wanted = [("msg", "string"), ("taskNo", "string"), ("data", "object")];
        let mut wrong = Vec::new();
        for answer in answers {
            for (name, kind_of_it) in wanted {
                let is = answer.get(name).map_or("absent", kind);
                let text = format!("{name} is {is}");
                if is != kind_of_it && !wrong.contains(&text) {
                    wrong.push(text);
                }
            }
        }
        let text = if wrong.is_empty() {
            "strings, and an object".to_owned()
        } else {
            told(&wrong)
        };
        AssumptionFinding::as_documented(wrong.is_empty(), text)
    }))
}

fn texts(seen: &Observations) -> AssumptionFinding {
    judged(data(seen).map(|all| {
        let mut wrong: Vec<String> = Vec::new();
        for (name, value) in all.iter().flat_map(|data| data.iter()) {
            let is_table = RECOGNITION_TABLES.contains(&name.as_str());
            let text = format!("{} is {}", shown_name(name), kind(value));
            if !is_table && !value.is_string() && !wrong.contains(&text) {
                wrong.push(text);
            }
        }
        let text = if wrong.is_empty() {
            "all strings".to_owned()
        } else {
            told(&wrong)
        };
        AssumptionFinding::as_documented(wrong.is_empty(), text)
    }))
}

fn fields(seen: &Observations) -> AssumptionFinding {
    judged(data(seen).map(|all| {
        let has = |name: &str| all.iter().any(|data| data.contains_key(name));
        let documented = |name: &str| {
            RECOGNITION_FIELDS.contains(&name)
                || RECOGNITION_TABLES.contains(&name)
                || name == "AmountInFigures"
        };
        let unknown = all.iter().flat_map(|data| data.keys());
        let mut unknown: Vec<String> = unknown
            .filter(|name| !documented(name))
            .map(|name| shown_name(name))
            .collect();
        unknown.sort();
        unknown.dedup();
        let absent: Vec<String> = RECOGNITION_FIELDS
            .iter()
            .filter(|name| !has(name) && **name != "AmountInFiguers")
            .map(|name| (*name).to_owned())
            .collect();
        let mut parts = Vec::new();
        if !unknown.is_empty() {
            parts.push(format!("not documented: {}", told(&unknown)));
        }
        if !absent.is_empty() {
            parts.push(format!("absent: {}", told(&absent)));
        }
        if parts.is_empty() {
            AssumptionFinding::documented("all of them, and no other")
        } else {
            AssumptionFinding::observed(parts.join("; "))
        }
    }))
}

fn amount_spelling(seen: &Observations) -> AssumptionFinding {
    judged(data(seen).map(|all| {
        let has = |name: &str| all.iter().any(|data| data.contains_key(name));
        match (has("AmountInFiguers"), has("AmountInFigures")) {
            (true, false) => AssumptionFinding::documented("AmountInFiguers"),
            (false, true) => AssumptionFinding::differs("AmountInFigures; the worker reads both"),
            (true, true) => AssumptionFinding::differs("both spellings; the worker reads both"),
            (false, false) => AssumptionFinding::not_observed("neither spelling was sent"),
        }
    }))
}

fn dates(seen: &Observations) -> AssumptionFinding {
    judged(data(seen).map(|all| {
        let texts = all
            .iter()
            .flat_map(|data| DATES.iter().filter_map(|name| data.get(*name)?.as_str()));
        let mut patterns: Vec<String> =
            texts.filter(|text| !text.is_empty()).map(pattern).collect();
        patterns.sort();
        patterns.dedup();
        if patterns.is_empty() {
            return AssumptionFinding::not_observed("no date was read");
        }
        let is_documented =
            |pattern: &String| pattern == "9999-99-99" || pattern == "9999年99月99日";
        AssumptionFinding::as_documented(patterns.iter().all(is_documented), told(&patterns))
    }))
}

fn tables(seen: &Observations) -> AssumptionFinding {
    judged(data(seen).map(|all| {
        let (mut seen_shapes, mut wrong) = (Vec::new(), Vec::new());
        for (data, name) in all
            .iter()
            .flat_map(|data| RECOGNITION_TABLES.iter().map(move |name| (data, *name)))
        {
            let wanted = if name == "RegionSupplement" {
                LIST
            } else {
                TABLE
            };
            let Some(value) = data.get(name) else {
                continue;
            };
            let is = shape(value);
            if is == "[]" {
                continue;
            }
            let text = format!("{name} {is}");
            if is != wanted && !wrong.contains(&text) {
                wrong.push(text);
            } else if is == wanted && !seen_shapes.contains(&name.to_owned()) {
                seen_shapes.push(name.to_owned());
            }
        }
        if !wrong.is_empty() {
            AssumptionFinding::differs(told(&wrong))
        } else if seen_shapes.is_empty() {
            AssumptionFinding::not_observed("no table had a row")
        } else {
            AssumptionFinding::documented(format!("seen in {}", told(&seen_shapes)))
        }
    }))
}
