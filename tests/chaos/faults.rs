//! What the sandbox answers: about a fifth of all calls something else than it should, and about
//! some bills always the same.
//!
//! A picture's first two calls at a provider may go wrong, the third does not: that is within every
//! budget of the policy, so what a job has to end with is known, whatever is drawn. Kills use calls
//! up, which leaves fewer faults.

use invoice_worker::dev::sandbox::SandboxScenario;
use std::fmt::Write;
use std::time::Duration;

/// Fewer than any rule's attempts.
const FAULTY_CALLS: &str = "{ from = 1, to = 2 }";
/// Only as often as jobs wait in place for the store; beyond that they wait five minutes.
const FAULTY_READS: &str = "{ from = 1, to = 2 }";
/// Of the jobs that lost their worker's connection each tries once more to store what it paid for,
/// and then nobody does.
const FAULTY_WRITES: &str = "{ from = 1, to = 1 }";
/// Retries in place, and parks beyond them.
const FAULTY_DOWNLOADS: &str = "{ from = 1, to = 5 }";

/// Of every call to a provider at least, and at most twice that: long enough to be in the air when
/// something breaks.
const LATENCY: Duration = Duration::from_millis(120);

/// Answer, share of the calls in thousandths, and further keys.
type Share = (&'static str, u32, &'static str);

const DOWNLOADS: [Share; 8] = [
    ("http.500", 30, ""),
    ("http.503", 20, ""),
    ("SlowDown", 40, ""),
    ("truncated", 40, ""),
    ("reset", 20, ""),
    ("closed", 20, ""),
    ("timeout", 5, ""),
    ("slow", 40, "delay = '400ms'"),
];

const CHECKPOINTS: [Share; 5] = [
    ("http.500", 50, ""),
    ("SlowDown", 50, ""),
    ("closed", 30, ""),
    ("timeout", 3, ""),
    ("slow", 50, "delay = '200ms'"),
];

const RECOGNITION: [Share; 14] = [
    ("http.502", 25, ""),
    ("APIG.0201", 15, "http_status = 502"),
    ("APIG.0203", 15, ""),
    ("APIG.0601", 15, ""),
    ("APIG.0308", 25, ""),
    ("500", 4, ""),
    ("502", 10, ""),
    ("timeout", 8, ""),
    ("closed", 20, ""),
    ("reset", 20, ""),
    ("truncated", 20, ""),
    ("garbage", 20, ""),
    ("oversize", 4, ""),
    ("999", 5, ""),
];

const VERIFICATION: [Share; 17] = [
    ("http.503", 25, ""),
    ("INTERNAL_ERROR", 20, ""),
    ("RATE_LIMIT_EXCEEDED", 25, ""),
    ("100", 10, ""),
    ("198", 8, ""),
    ("311", 8, ""),
    ("313", 6, ""),
    ("314", 4, ""),
    ("316", 6, ""),
    ("317", 8, ""),
    ("321", 6, ""),
    ("timeout", 8, ""),
    ("closed", 20, ""),
    ("reset", 20, ""),
    ("truncated", 20, ""),
    ("garbage", 20, ""),
    ("oversize", 4, ""),
];

/// What the picture deserves, in pieces: not for bills about which something else is said.
const SLOW: [Share; 1] = [("slow", 20, "delay = '800ms'")];

/// What is always said about a bill: stage, whom, answer.
const FINAL: [(&str, &str, &str); 6] = [
    (
        "recognition",
        "sample = '06-jiangsu-outpatient-red-lettered'",
        "400",
    ),
    (
        "verification",
        "sample = '07-shandong-outpatient-posted'",
        "320",
    ),
    (
        "verification",
        "sample = '08-hebei-inpatient-reimbursed'",
        "306",
    ),
    (
        "verification",
        "sample = '09-beijing-outpatient-misread'",
        "300",
    ),
    (
        "verification",
        "sample = '12-shanghai-inpatient-long'",
        "315",
    ),
    ("verification", "note_no = '0099887766'", "321"),
];

/// Verification's good answers are these and `OK`: what a verdict rests on, kept and never bought
/// again.
pub(crate) const VERDICTS: [&str; 3] = ["320", "306", "315"];
/// It takes the same answer twice, the second time upright.
pub(crate) const ASKED_TWICE: &str = "08-hebei-inpatient-reimbursed";

/// Nothing goes wrong that is not meant for good.
pub(crate) fn quiet() -> SandboxScenario {
    scenario(&finals(), 0, 0)
}

pub(crate) fn faulty(seed: u64, rate: u32) -> SandboxScenario {
    // Whether the store honours conditions is asked once; a worker that is not told does without.
    let mut faults = "[[fault]]\nstage = 'storage'\nkey = 'checkpoints/probe.json'\noperation = '*'\nanswer = 'genuine'\n".to_owned();
    let drawn = |faults: &mut String, shares: &[Share], whom: &str| {
        for (answer, thousandths, details) in shares {
            let probability = f64::from(*thousandths) / 1_000.0;
            writeln!(
                faults,
                "[[fault]]\nanswer = '{answer}'\nprobability = {probability:.3}\n{details}\n{whom}"
            )
            .unwrap();
        }
    };
    drawn(
        &mut faults,
        &DOWNLOADS,
        &format!("stage = 'storage'\nkey = 'images/*'\ncalls = {FAULTY_DOWNLOADS}"),
    );
    for (operation, calls) in [("get", FAULTY_READS), ("put", FAULTY_WRITES)] {
        let whom = format!(
            "stage = 'storage'\nkey = 'checkpoints/*'\noperation = '{operation}'\ncalls = {calls}"
        );
        drawn(&mut faults, &CHECKPOINTS, &whom);
    }
    drawn(
        &mut faults,
        &RECOGNITION,
        &format!("stage = 'recognition'\ncalls = {FAULTY_CALLS}"),
    );
    drawn(
        &mut faults,
        &VERIFICATION,
        &format!("stage = 'verification'\ncalls = {FAULTY_CALLS}"),
    );
    faults += &finals();
    for stage in ["recognition", "verification"] {
        drawn(&mut faults, &SLOW, &format!("stage = '{stage}'"));
    }
    scenario(&faults, seed, rate)
}

fn finals() -> String {
    let mut faults = String::new();
    for (stage, whom, answer) in FINAL {
        let qr = if stage == "verification" {
            "qr = 1"
        } else {
            ""
        };
        writeln!(
            faults,
            "[[fault]]\nstage = '{stage}'\n{whom}\nanswer = '{answer}'\n{qr}"
        )
        .unwrap();
    }
    faults
}

fn scenario(faults: &str, seed: u64, rate: u32) -> SandboxScenario {
    let mut scenario = SandboxScenario::parse(faults, "the chaos").unwrap();
    scenario.seed = seed;
    scenario.pictures_apart = true;
    scenario.recognition.rate_per_second = rate;
    scenario.verification.rate_per_second = rate;
    for (latency, jitter) in [
        (
            &mut scenario.recognition.latency,
            &mut scenario.recognition.jitter,
        ),
        (
            &mut scenario.verification.latency,
            &mut scenario.verification.jitter,
        ),
    ] {
        if rate > 0 {
            (*latency, *jitter) = (LATENCY, LATENCY);
        }
    }
    scenario
}
