//! A result as a claims clerk reads it.

use crate::command::terminal::{hanging, plain};
use serde_json::Value;
use std::io::{self, Write};

const LABEL_WIDTH: usize = 14;

pub(super) fn write(
    out: &mut impl Write,
    image: &str,
    body: &str,
    columns: usize,
) -> io::Result<()> {
    let result: Value = serde_json::from_str(body).unwrap_or_default();
    writeln!(out, "{image}")?;
    let mut line = |label: &str, text: String| {
        if text.is_empty() {
            Ok(())
        } else {
            let lead = format!("  {label:<LABEL_WIDTH$}");
            writeln!(out, "{}", hanging(&lead, &text, columns))
        }
    };
    line("Outcome", outcome(&result))?;
    line("Reason", reason(&result))?;
    line(
        "Remarks",
        list(&result["flags"], |flag| flag.as_str().map(remark)),
    )?;
    let bill = if result["verification"].is_null() {
        &result["recognition"]["invoice"]
    } else {
        &result["verification"]["invoice"]
    };
    line(
        "Bill",
        join(&[
            ("code", &bill["note_code"]),
            ("number", &bill["note_no"]),
            ("check code", &bill["check_code"]),
        ]),
    )?;
    line(
        "Kind",
        join(&[
            ("", &bill["note_kind"]),
            ("", &bill["province"]),
            ("billed", &bill["billing_date"]),
        ]),
    )?;
    line("Hospital", text(&bill["hospital_name"]))?;
    line("Patient", text(&bill["patient_name"]))?;
    line("Total", text(&bill["total_cost"]))?;
    line(
        "Stay",
        join(&[
            ("from", &bill["admission_date"]),
            ("to", &bill["discharge_date"]),
            ("days", &bill["hospital_days"]),
        ]),
    )?;
    line("Checks", checks(&result["checks"]))?;
    line("Calls", calls(&result["calls"]))?;
    writeln!(out)
}

fn outcome(result: &Value) -> String {
    let meaning = match (result["status"].as_str(), result["verdict"].as_str()) {
        (Some("completed"), Some("genuine")) => "genuine: the fiscal registry knows this bill",
        (Some("completed"), Some("voided")) => "voided: the registry says the bill was cancelled",
        (Some("completed"), Some("red_lettered")) => {
            "red-lettered: the registry says the bill was reversed"
        }
        (Some("completed"), Some("mismatch")) => {
            "mismatch: the registry's record differs from the bill"
        }
        (Some("completed"), Some("not_found")) => "not found: the registry does not know this bill",
        (Some("completed"), Some("invalid")) => {
            "invalid: the registry says this is no valid e-invoice"
        }
        (Some("completed"), Some("not_usable")) => "not usable: the bill must not be circulated",
        (Some("completed"), Some("recognized")) => "read, not verified",
        (Some("undetermined"), _) => {
            "undetermined: no answer could be had; a person has to look at it (this never means fake)"
        }
        (Some("invalid_job"), _) => "the image cannot be processed",
        _ => "unreadable result",
    };
    meaning.to_owned()
}

fn reason(result: &Value) -> String {
    let error = &result["error"];
    if error.is_null() {
        return String::new();
    }
    format!(
        "{} {}: {}",
        text(&error["stage"]),
        text(&error["code"]),
        text(&error["message"])
    )
}

fn remark(flag: &str) -> String {
    let meaning = match flag {
        "posted" => "already entered in a buyer's books",
        "printed" => "a paper copy was printed",
        "reimbursed" => "already reimbursed elsewhere",
        "registry_status_unknown" => "the registry's status could not be understood",
        "seen_before" => "another job brought this bill before",
        other => other,
    };
    meaning.to_owned()
}

fn checks(checks: &Value) -> String {
    let Some(checks) = checks.as_array().filter(|checks| !checks.is_empty()) else {
        return String::new();
    };
    let count = |outcome: &str| {
        checks
            .iter()
            .filter(|check| check["outcome"] == outcome)
            .count()
    };
    let mut summary = format!(
        "{} passed, {} failed, {} not possible",
        count("passed"),
        count("failed"),
        count("skipped")
    );
    for check in checks.iter().filter(|check| check["outcome"] == "failed") {
        let sides = format!(
            "expected {}, found {}",
            text(&check["expected"]),
            text(&check["actual"])
        );
        summary.extend(["\n", &text(&check["id"]), ": ", &sides]);
    }
    summary
}

fn calls(calls: &Value) -> String {
    let codes = list(calls, |call| {
        Some(format!(
            "{} {} ({} ms)",
            text(&call["stage"]),
            text(&call["code"]),
            text(&call["duration_ms"])
        ))
    });
    let paid = calls.as_array().map_or(0, |calls| {
        calls.iter().filter(|call| call["billed"] != "no").count()
    });
    if codes.is_empty() {
        String::new()
    } else {
        format!("{codes}; {paid} paid")
    }
}

fn join(parts: &[(&str, &Value)]) -> String {
    let parts: Vec<String> = parts
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(label, value)| format!("{label} {}", text(value)).trim().to_owned())
        .collect();
    parts.join(", ")
}

fn list(values: &Value, render: impl Fn(&Value) -> Option<String>) -> String {
    values
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(render)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The value as text, without characters that would steer the terminal or begin a line. An object
/// `{"text": …}` is its text.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => plain(text),
        Value::Object(reading) => plain(
            reading
                .get("text")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        ),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_break_in_a_providers_text_begins_no_line() {
        let invoice = json!({"hospital_name": "H\n  Outcome       genuine", "total_cost": {"text": "1\u{1b}[2J"}});
        let result = json!({"status": "undetermined", "recognition": {"invoice": invoice}, "verification": null});
        let mut out = Vec::new();
        write(&mut out, "a.jpg", &result.to_string(), 80).unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert_eq!(
            shown
                .lines()
                .filter(|line| line.trim_start().starts_with("Outcome"))
                .count(),
            1,
            "{shown}"
        );
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
}
