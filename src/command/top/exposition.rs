//! Reads the metrics of this program out of Prometheus text. Pure.
//!
//! What answers may be no worker: everything is bounded, what cannot be read is left out, and no
//! label can move the cursor.

use crate::command::terminal::plain;

/// The metrics that are shown; all others are left out.
const NAMES: [&str; 19] = [
    QUOTA,
    SHARE,
    CALLS,
    COST,
    BUDGET_AMOUNT,
    BUDGET_SPENT,
    BUDGET_USED_UP,
    BUDGETS_UNKNOWN,
    IN_FLIGHT,
    JOBS,
    PARKED,
    RETURNED,
    PAUSED,
    STAGE_CLOSED,
    PROVINCE_CLOSED,
    CLOSED_UNTIL,
    NEXT_PROBE,
    BUILD,
    STARTED,
];
pub(super) const QUOTA: &str = "invoice_provider_quota_per_second";
pub(super) const SHARE: &str = "invoice_provider_rate_limit_per_second";
pub(super) const CALLS: &str = "invoice_provider_calls_total";
pub(super) const COST: &str = "invoice_cost_total";
pub(super) const BUDGET_AMOUNT: &str = "invoice_budget_amount";
pub(super) const BUDGET_SPENT: &str = "invoice_budget_spent";
pub(super) const BUDGET_USED_UP: &str = "invoice_budget_used_up";
pub(super) const BUDGETS_UNKNOWN: &str = "invoice_budgets_unknown";
pub(super) const IN_FLIGHT: &str = "invoice_jobs_in_flight";
pub(super) const JOBS: &str = "invoice_jobs_total";
pub(super) const PARKED: &str = "invoice_parked_total";
pub(super) const RETURNED: &str = "invoice_returned_total";
pub(super) const PAUSED: &str = "invoice_paused";
pub(super) const STAGE_CLOSED: &str = "invoice_stage_closed";
pub(super) const PROVINCE_CLOSED: &str = "invoice_province_closed";
pub(super) const CLOSED_UNTIL: &str = "invoice_closed_until_timestamp_seconds";
pub(super) const NEXT_PROBE: &str = "invoice_next_probe_timestamp_seconds";
pub(super) const BUILD: &str = "invoice_build_info";
/// Programs of all kinds have it.
pub(super) const STARTED: &str = "process_start_time_seconds";

/// A worker has some hundreds.
const MAX_SAMPLES: usize = 5_000;
const MAX_LINE_BYTES: usize = 4 << 10;
const MAX_LABELS: usize = 8;
/// Longer values are cut.
const MAX_LABEL_CHARS: usize = 64;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    name: &'static str,
    labels: Vec<(String, String)>,
    pub(super) value: f64,
}

/// The metrics of one worker.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Samples(Vec<Sample>);

impl Sample {
    /// The part that it has in common with the same metric of another look.
    pub(super) fn series(&self) -> Series<'_> {
        (self.name, &self.labels)
    }

    /// The label's value; empty where there is none.
    pub(super) fn label(&self, name: &str) -> &str {
        let found = self.labels.iter().find(|(label, _)| label == name);
        found.map_or("", |(_, value)| value)
    }
}

impl Samples {
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| line.len() <= MAX_LINE_BYTES);
        Self(lines.filter_map(sample).take(MAX_SAMPLES).collect())
    }

    pub(super) fn of(&self, name: &'static str) -> impl Iterator<Item = &Sample> {
        self.0.iter().filter(move |sample| sample.name == name)
    }

    /// Whether there is a metric that only a worker has.
    pub(super) fn are_of_a_worker(&self) -> bool {
        self.0.iter().any(|sample| sample.name != STARTED)
    }
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(|character: char| character == '{' || character.is_whitespace())?;
    let (name, rest) = line.split_at(end);
    let name = NAMES.into_iter().find(|known| *known == name)?;
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
    value.is_finite().then_some(Sample {
        name,
        labels,
        value,
    })
}

/// A metric's name and labels.
pub(super) type Series<'a> = (&'static str, &'a [(String, String)]);

type Labels = Vec<(String, String)>;

/// The labels, and what stands behind them.
fn labels(mut rest: &str) -> Option<(Labels, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, value) = rest.split_once("=\"")?;
        let (value, behind) = quoted(value)?;
        if labels.len() == MAX_LABELS {
            return None;
        }
        labels.push((harmless(name.trim()), value));
        rest = behind;
    }
}

/// The text up to the closing quote, and what stands behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut is_escaped = false;
    for (index, character) in text.char_indices() {
        match character {
            '"' if !is_escaped => return Some((harmless(&value), &text[index + 1..])),
            '\\' if !is_escaped => is_escaped = true,
            // An escaped line break would be a control character.
            'n' if is_escaped => is_escaped = false,
            other => {
                is_escaped = false;
                value.push(other);
            }
        }
    }
    None
}

fn harmless(text: &str) -> String {
    let kept: String = text
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_LABEL_CHARS)
        .collect();
    plain(&kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_a_name_with_labels_and_a_value() {
        let read = |line: &str| {
            let samples = Samples::parse(line);
            samples.0.first().map(|sample| {
                let labels: Vec<String> = sample
                    .labels
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                (labels.join(" "), sample.value)
            })
        };
        for (line, labels, value) in [
            ("invoice_jobs_in_flight 3", "", 3.0),
            ("invoice_jobs_in_flight 3 1700000000000", "", 3.0),
            ("invoice_jobs_in_flight{} 1e3", "", 1_000.0),
            (
                r#"invoice_parked_total{stage="verification",code="316"} 7"#,
                "stage=verification code=316",
                7.0,
            ),
            (r#"invoice_parked_total{ stage = "x" } 7"#, "stage=x", 7.0),
            (
                r#"invoice_province_closed{province="河南",} 1"#,
                "province=河南",
                1.0,
            ),
            (
                r#"invoice_paused{reason="a\"b\\c\nd}e,f=\"g"} 1"#,
                r#"reason=a"b\cd}e,f="g"#,
                1.0,
            ),
            (
                "invoice_paused{reason=\"\u{1b}[2J\u{9b}31m\u{202e}x\"} 1",
                r"reason=[2J31m\u{202e}x",
                1.0,
            ),
        ] {
            let expected = (labels.to_owned(), value);
            assert_eq!(read(&line.replace(" = ", "=")), Some(expected), "{line}");
        }
        for line in [
            "",
            "# TYPE invoice_jobs_in_flight gauge",
            "invoice_jobs_in_flight",
            "invoice_jobs_in_flight NaN",
            "invoice_jobs_in_flight +Inf",
            "invoice_jobs_in_flight three",
            "invoice_jobs_in_flight_more 3",
            "process_cpu_seconds_total 3",
            r#"invoice_paused{reason="open} 1"#,
            r"invoice_paused{reason=bare} 1",
            r#"invoice_paused{reason="x" 1"#,
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_too_much_is_left_out() {
        let many = r#"invoice_paused{reason="x"} 1"#.to_owned() + "\n";
        assert_eq!(Samples::parse(&many.repeat(6_000)).0.len(), MAX_SAMPLES);
        let long = format!("invoice_paused{{reason=\"{}\"}} 1", "x".repeat(5_000));
        assert!(!Samples::parse(&long).are_of_a_worker());
        let cut = format!("invoice_paused{{reason=\"{}\"}} 1", "x".repeat(100));
        let label = Samples::parse(&cut).0[0].label("reason").len();
        assert_eq!(label, MAX_LABEL_CHARS);
        let labels = r#"a="x","#.repeat(9);
        let labelled = format!("invoice_paused{{{labels}}} 1");
        assert!(!Samples::parse(&labelled).are_of_a_worker());
        assert!(!Samples::parse("process_start_time_seconds 1").are_of_a_worker());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_print_control_characters(text in "(invoice_paused)?[{]?\\PC{0,40}(=\"\\PC{0,20}\")?[}]? [0-9]?") {
            for sample in Samples::parse(&text).0 {
                for (name, value) in &sample.labels {
                    prop_assert!(!name.chars().chain(value.chars()).any(char::is_control));
                }
            }
        }
    }
}
