//! What is closed or paused, and which workers say so. Pure.

use super::exposition::{
    CLOSED_UNTIL, NEXT_PROBE, PAUSED, PROVINCE_CLOSED, STAGE_CLOSED, Sample, Samples,
};
use super::keyed_rows::row;
use std::collections::BTreeMap;

/// By what is closed, and why.
pub(super) type ClosedRows = BTreeMap<(String, String), ClosedRow>;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct ClosedRow {
    /// How many workers say so.
    pub(super) workers: usize,
    pub(super) until: Option<f64>,
    pub(super) next_probe: Option<f64>,
}

/// Something that one worker says is closed.
struct ToldClosed {
    /// The stage or the province.
    name: String,
    what: String,
    why: String,
}

/// The stages at which this worker is paused.
pub(super) fn paused_at(samples: &Samples) -> Vec<String> {
    let paused = samples.of(PAUSED).filter(|sample| is_on(sample));
    paused
        .map(|sample| sample.label("stage").to_owned())
        .collect()
}

/// Adds what one worker says is closed at this time.
pub(super) fn add_closed(rows: &mut ClosedRows, samples: &Samples, now: f64) {
    for ToldClosed { name, what, why } in told(samples, now) {
        let Some(closed) = row(rows, (what, why)) else {
            continue;
        };
        closed.workers += 1;
        let until = samples
            .of(CLOSED_UNTIL)
            .filter(|sample| sample.value > 0.0 && is_about(sample.label("scope"), &name));
        closed.until = until
            .map(|sample| sample.value)
            .chain(closed.until)
            .reduce(f64::max);
        let probe = samples
            .of(NEXT_PROBE)
            .filter(|sample| sample.value > 0.0 && sample.label("stage") == name);
        closed.next_probe = probe
            .map(|sample| sample.value)
            .chain(closed.next_probe)
            .reduce(f64::min);
    }
}

fn told(samples: &Samples, now: f64) -> Vec<ToldClosed> {
    let mut told = Vec::new();
    let mut tell = |name: &str, what: String, why: String| {
        let name = name.to_owned();
        told.push(ToldClosed { name, what, why });
    };
    for sample in samples.of(PAUSED).filter(|sample| is_on(sample)) {
        let (stage, reason) = (sample.label("stage"), sample.label("reason"));
        tell(stage, stage.to_owned(), format!("paused: {reason}"));
    }
    for sample in samples.of(STAGE_CLOSED).filter(|sample| is_on(sample)) {
        let stage = sample.label("stage");
        tell(stage, stage.to_owned(), "closed".to_owned());
    }
    for sample in samples.of(PROVINCE_CLOSED).filter(|sample| is_on(sample)) {
        let province = sample.label("province");
        tell(
            province,
            format!("province {province}"),
            "closed".to_owned(),
        );
    }
    for sample in samples.of(CLOSED_UNTIL) {
        let scope = sample.label("scope");
        let is_known = told.iter().any(|known| is_about(scope, &known.name));
        if sample.value > now && !is_known {
            told.push(ToldClosed {
                name: scope.to_owned(),
                what: scope.to_owned(),
                why: "closed".to_owned(),
            });
        }
    }
    told
}

fn is_on(sample: &Sample) -> bool {
    sample.value > 0.0
}

/// Whether a scope, such as `verification` or `province 河南`, is this stage or province.
fn is_about(scope: &str, name: &str) -> bool {
    let last = scope.rsplit([' ', ':', '/', '=']).next();
    !name.is_empty() && (scope == name || last == Some(name))
}
