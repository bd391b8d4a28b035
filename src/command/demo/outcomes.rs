//! What became of each job of the demo, and what it cost.

use super::jobs::DemoJob;
use crate::command::table::{Column, Table};
use crate::domain::progress::Totals;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

const LEGEND: &str =
    "paid: calls that cost; retries: made again in place; parked: waits in a queue.";

/// The answer to one job.
#[derive(Default)]
pub(super) struct DemoOutcome {
    pub(super) result: Option<Value>,
    pub(super) totals: Totals,
    /// The time from submission to the result's arrival.
    pub(super) after: Duration,
}

pub(super) fn write(
    out: &mut impl Write,
    jobs: &[DemoJob],
    outcomes: &HashMap<String, DemoOutcome>,
    took: Duration,
    columns: usize,
) -> io::Result<()> {
    let mut table = Table::new([
        Column::text("job"),
        Column::text("image").detail(1),
        Column::text("outcome"),
        Column::text("why").detail(2),
        Column::number("paid"),
        Column::number("retries"),
        Column::number("parked"),
        Column::number("after"),
    ]);
    let mut sum = Totals::default();
    let missing = DemoOutcome::default();
    for job in jobs {
        let outcome = outcomes.get(&job.job_id).unwrap_or(&missing);
        sum.billed += outcome.totals.billed;
        sum.retries += outcome.totals.retries;
        sum.parked += outcome.totals.parked;
        let (verdict, why) = verdict_and_reasons(outcome.result.as_ref());
        let texts = [job.job_id.clone(), job.title.clone(), verdict, why];
        table.row(
            texts
                .into_iter()
                .chain(numbers(outcome.totals, outcome.after)),
        );
    }
    let answered = outcomes.values().filter(|outcome| outcome.result.is_some());
    let answered = format!("{} of {}", answered.count(), jobs.len());
    let texts = [
        answered,
        String::new(),
        "answered".to_owned(),
        String::new(),
    ];
    table.row(texts.into_iter().chain(numbers(sum, took)));
    writeln!(out, "{}\n{LEGEND}", table.render(columns))
}

fn numbers(totals: Totals, after: Duration) -> [String; 4] {
    [
        totals.billed.to_string(),
        totals.retries.to_string(),
        totals.parked.to_string(),
        format!("{:.1} s", after.as_secs_f64()),
    ]
}

/// The verdict and flags of a completed job, or the status of any other; and why: the code that it
/// failed with, and the checks that did.
fn verdict_and_reasons(result: Option<&Value>) -> (String, String) {
    let Some(result) = result else {
        return ("no answer".into(), String::new());
    };
    let list = |key: &str| result[key].as_array().into_iter().flatten();
    let verdict = result["verdict"].as_str().or(result["status"].as_str());
    let flags = list("flags").filter_map(Value::as_str);
    let verdict: Vec<&str> = verdict.into_iter().chain(flags).collect();
    let error = &result["error"];
    let error = error["stage"].as_str().zip(error["code"].as_str());
    let error = error.map(|(stage, code)| {
        if code.starts_with(stage) {
            code.to_owned()
        } else {
            format!("{stage} {code}")
        }
    });
    let checks = list("checks")
        .filter(|check| check["outcome"] == "failed")
        .filter_map(|check| check["id"].as_str().map(str::to_owned));
    let reasons: Vec<String> = error.into_iter().chain(checks).collect();
    (verdict.join(", "), reasons.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(columns: usize) -> String {
        let job = |id: &str, title: &str| DemoJob {
            job_id: id.to_owned(),
            after: None,
            title: title.to_owned(),
            body: String::new(),
        };
        let jobs = [
            job("DEMO-06", "06-jiangsu-outpatient-red-lettered.jpg"),
            job("DEMO-09", "09-beijing-outpatient-misread.jpg"),
            job("DEMO-not-an-image", "a text file"),
            job("DEMO-again", "the first image once more"),
        ];
        let outcome = |result: Value, billed, seconds| DemoOutcome {
            result: Some(result),
            totals: Totals {
                billed,
                ..Totals::default()
            },
            after: Duration::from_millis(seconds),
        };
        let failed = |id: &str| json!({"id": id, "outcome": "failed"});
        let outcomes = HashMap::from([
            (
                "DEMO-06".to_owned(),
                outcome(
                    json!({"verdict": "red_lettered", "checks": [failed("not_red_lettered")],
                        "error": {"stage": "recognition", "code": "400"}}),
                    2,
                    800,
                ),
            ),
            (
                "DEMO-09".to_owned(),
                outcome(
                    json!({"verdict": "genuine", "flags": ["posted", "reimbursed"],
                        "checks": [failed("total_equals_words"), failed("recognized_equals_verified.total_cost")]}),
                    2,
                    12_345,
                ),
            ),
            (
                "DEMO-not-an-image".to_owned(),
                outcome(
                    json!({"status": "invalid_job", "error": {"stage": "image", "code": "image.unsupported_format"}}),
                    0,
                    90,
                ),
            ),
        ]);
        let mut out = Vec::new();
        let took = Duration::from_millis(12_345);
        write(&mut out, &jobs, &outcomes, took, columns).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_table_uses_the_width_of_the_terminal() {
        insta::assert_snapshot!(shown(60), @r"
        job              outcome       paid  retries  parked   after
        ───────────────  ────────────  ────  ───────  ──────  ──────
        DEMO-06          red_lettered     2        0       0   0.8 s
          image: 06-jiangsu-outpatient-red-lettered.jpg; why:
          recognition 400, not_red_lettered
        DEMO-09          genuine,         2        0       0  12.3 s
                         posted,
                         reimbursed
          image: 09-beijing-outpatient-misread.jpg; why:
          total_equals_words, recognized_equals_verified.total_cost
        DEMO-not-an-     invalid_job      0        0       0   0.1 s
        image
          image: a text file; why: image.unsupported_format
        DEMO-again       no answer        0        0       0   0.0 s
          image: the first image once more
        3 of 4           answered         4        0       0  12.3 s

        paid: calls that cost; retries: made again in place; parked: waits in a queue.
        ");
        insta::assert_snapshot!(shown(80), @r"
        job                outcome                      paid  retries  parked   after
        ─────────────────  ───────────────────────────  ────  ───────  ──────  ──────
        DEMO-06            red_lettered                    2        0       0   0.8 s
          image: 06-jiangsu-outpatient-red-lettered.jpg; why: recognition 400,
          not_red_lettered
        DEMO-09            genuine, posted, reimbursed     2        0       0  12.3 s
          image: 09-beijing-outpatient-misread.jpg; why: total_equals_words,
          recognized_equals_verified.total_cost
        DEMO-not-an-image  invalid_job                     0        0       0   0.1 s
          image: a text file; why: image.unsupported_format
        DEMO-again         no answer                       0        0       0   0.0 s
          image: the first image once more
        3 of 4             answered                        4        0       0  12.3 s

        paid: calls that cost; retries: made again in place; parked: waits in a queue.
        ");
        insta::assert_snapshot!(shown(120), @r"
        job                image                                   outcome                      paid  retries  parked   after
        ─────────────────  ──────────────────────────────────────  ───────────────────────────  ────  ───────  ──────  ──────
        DEMO-06            06-jiangsu-outpatient-red-lettered.jpg  red_lettered                    2        0       0   0.8 s
          why: recognition 400, not_red_lettered
        DEMO-09            09-beijing-outpatient-misread.jpg       genuine, posted, reimbursed     2        0       0  12.3 s
          why: total_equals_words, recognized_equals_verified.total_cost
        DEMO-not-an-image  a text file                             invalid_job                     0        0       0   0.1 s
          why: image.unsupported_format
        DEMO-again         the first image once more               no answer                       0        0       0   0.0 s
        3 of 4                                                     answered                        4        0       0  12.3 s

        paid: calls that cost; retries: made again in place; parked: waits in a queue.
        ");
        insta::assert_snapshot!(shown(180), @r"
        job                image                                   outcome                      why                                                        paid  retries  parked   after
        ─────────────────  ──────────────────────────────────────  ───────────────────────────  ─────────────────────────────────────────────────────────  ────  ───────  ──────  ──────
        DEMO-06            06-jiangsu-outpatient-red-lettered.jpg  red_lettered                 recognition 400, not_red_lettered                             2        0       0   0.8 s
        DEMO-09            09-beijing-outpatient-misread.jpg       genuine, posted, reimbursed  total_equals_words, recognized_equals_verified.total_cost     2        0       0  12.3 s
        DEMO-not-an-image  a text file                             invalid_job                  image.unsupported_format                                      0        0       0   0.1 s
        DEMO-again         the first image once more               no answer                                                                                  0        0       0   0.0 s
        3 of 4                                                     answered                                                                                   4        0       0  12.3 s

        paid: calls that cost; retries: made again in place; parked: waits in a queue.
        ");
    }
}
