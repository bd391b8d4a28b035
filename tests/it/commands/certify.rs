//! `certify`: names what differs from the documents and nothing else, and never pays for more than it
//! may.

mod consent;
mod recording;

use crate::harness::program::{ConfigFile, Ended, NONE, output};
use crate::harness::system::{On, Setup, System};
use invoice_worker::dev::sandbox::{Deviation, Deviations, Sandbox};
use invoice_worker::domain::failure::{Billed, Stage};
use serde_json::Value;
use std::path::PathBuf;

const APP_CODE: (&str, &str) = ("INVOICE_WORKER__RECOGNITION__APP_CODE", "sandbox-app-code");

async fn deviating(deviations: &[Deviation], faults: &str) -> (System, ConfigFile) {
    let mut setup = Setup::new(On::Memory).await.faults(faults);
    setup.scenario.deviations = Deviations(deviations.to_vec());
    let system = setup.prepare().await;
    let file = ConfigFile::of(&system);
    (system, file)
}

struct Certified {
    ended: Ended,
    told: Value,
    recording: PathBuf,
}

/// Runs the command to its end, with consent.
async fn certify(file: &ConfigFile, arguments: &[&str]) -> Certified {
    let recording = file.file("certified.json");
    let (path, recorded) = (file.path(), recording.display().to_string());
    let fixed = [
        "certify",
        "-c",
        &path,
        "--yes",
        "--json",
        "--recording",
        &recorded,
    ];
    let ended = output(&[&fixed, arguments].concat(), &[APP_CODE]).await;
    let told = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    Certified {
        ended,
        told,
        recording,
    }
}

/// The names of the assumptions with this verdict.
fn names<'a>(told: &'a Value, verdict: &str) -> Vec<&'a str> {
    let findings = told["findings"].as_array().unwrap();
    let found = findings.iter().filter(|found| found["verdict"] == verdict);
    found.map(|found| found["name"].as_str().unwrap()).collect()
}

fn paid(sandbox: &Sandbox) -> u64 {
    let calls = sandbox.calls();
    let counts = [Stage::Recognition, Stage::Verification].map(|stage| calls.count(stage));
    counts
        .iter()
        .map(|count| count.billed + count.billed_unknown)
        .sum()
}

#[tokio::test]
async fn nothing_differs_where_nothing_is_planted() {
    let (system, file) = deviating(&[], "").await;
    let Certified { ended, told, .. } = certify(&file, &["--spend", "8"]).await;
    assert_eq!(names(&told, "differs"), [""; 0], "{told:#}");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(told["proposal"], "");
    let open = names(&told, "not_observed");
    let documented = names(&told, "documented");
    assert!(open.len() <= 6 && documented.len() >= 28, "{told:#}");
    assert_eq!(paid(&system.sandbox), 8);
    assert_eq!(told["spend"]["spent"], 8);
}

/// What each difference has to be told under, and what else follows from it.
fn planted(deviation: Deviation) -> &'static [&'static str] {
    match deviation {
        Deviation::UnsignedPayloadRefused => &["recognition.unsigned_payload"],
        Deviation::AppCodeRefused => &["recognition.app_code"],
        Deviation::ShortClockTolerance => &["recognition.clock_tolerance"],
        Deviation::GatewayErrorShape => &["recognition.gateway_error"],
        Deviation::CodeAsText => &["recognition.success"],
        Deviation::AmountSpelling => &["recognition.amount_spelling"],
        Deviation::FlatTables => &["recognition.tables"],
        Deviation::DateUnreadable => &["recognition.date", "verification.date"],
        Deviation::RefusalsInHttp200 => &[
            "verification.unauthorized",
            "verification.no_bill",
            "verification.sides",
        ],
        Deviation::QrAsBoolean => &["verification.qr_result"],
        Deviation::StatusAsObject => &["verification.img_status"],
        Deviation::ExifIgnored => &["verification.exif"],
        Deviation::AutoRotateRefused => &["verification.auto_rotate"],
        Deviation::SmallFiles => &["verification.size"],
    }
}

#[tokio::test]
async fn each_planted_difference_is_named_and_no_other() {
    for deviation in Deviation::ALL {
        let (system, file) = deviating(&[deviation], "").await;
        let Certified { ended, told, .. } = certify(&file, &["--spend", "8"]).await;
        let mut differing = names(&told, "differs");
        let mut expected = planted(deviation).to_vec();
        differing.sort_unstable();
        expected.sort_unstable();
        assert_eq!(differing, expected, "{deviation:?}: {told:#}");
        assert_eq!(ended.code, Some(1), "{deviation:?}");
        assert!(paid(&system.sandbox) <= 8, "{deviation:?}");
        let proposal = told["proposal"].as_str().unwrap();
        let line = match deviation {
            Deviation::UnsignedPayloadRefused => "sign_payload = true",
            Deviation::ExifIgnored => "auto_rotate = true",
            Deviation::SmallFiles => "max_image_bytes = \"2560KiB\"",
            _ => "",
        };
        assert!(proposal.contains(line), "{deviation:?}: {proposal}");
        assert_eq!(
            proposal.is_empty(),
            line.is_empty(),
            "{deviation:?}: {proposal}"
        );
    }
}

#[tokio::test]
async fn all_of_them_together_are_named() {
    let all: Vec<Deviation> = Deviation::ALL.into();
    let (system, file) = deviating(&all, "").await;
    let Certified { told, .. } = certify(&file, &["--spend", "8"]).await;
    let differing = names(&told, "differs");
    // What hides another: a refusal that is not understood tells nothing of the clock.
    for name in all.iter().flat_map(|deviation| planted(*deviation)) {
        assert!(differing.contains(name), "{name}: {told:#}");
    }
    assert!(paid(&system.sandbox) <= 8);
}

#[tokio::test]
async fn never_more_calls_are_paid_for_than_may_be_whatever_fails() {
    let faults = [
        "",
        "[[fault]]\nstage = 'recognition'\nanswer = 'closed'\n[[fault]]\nstage = 'verification'\nanswer = 'closed'",
        "[[fault]]\nstage = 'recognition'\nanswer = '500'\n[[fault]]\nstage = 'verification'\nanswer = '301'",
        "[[fault]]\nstage = 'recognition'\nanswer = 'garbage'\n[[fault]]\nstage = 'verification'\nanswer = 'garbage'",
        "[[fault]]\nstage = 'recognition'\nanswer = 'APIG.0308'\n[[fault]]\nstage = 'verification'\nanswer = 'RATE_LIMIT_EXCEEDED'\ncalls = [1]",
    ];
    for faults in faults {
        for spend in [1_u8, 4] {
            let (system, file) = deviating(&[], faults).await;
            let Certified { told, .. } = certify(&file, &["--spend", &spend.to_string()]).await;
            let paid = paid(&system.sandbox);
            assert!(paid <= u64::from(spend), "{faults} {spend}: {told:#}");
            assert!(told["spend"]["spent"].as_u64().unwrap() >= paid, "{told:#}");
        }
    }
}

#[tokio::test]
async fn a_throttled_call_is_told_and_made_again() {
    let faults = "[[fault]]\nstage = 'recognition'\nanswer = 'APIG.0308'\ntimes = 1\nhttp_status = 503\nretry_after = '1s'";
    let (_system, file) = deviating(&[], faults).await;
    let Certified { told, .. } = certify(&file, &[]).await;
    assert_eq!(
        names(&told, "differs"),
        ["recognition.throttling"],
        "{told:#}"
    );
    assert!(
        told["proposal"]
            .as_str()
            .unwrap()
            .contains("rate_per_second")
    );
}

#[tokio::test]
async fn what_cannot_be_replayed_or_shown_is_refused_before_anything_is_called() {
    let (system, file) = deviating(&[], "").await;
    let (path, other) = (file.path(), file.file("other.json").display().to_string());
    std::fs::write(&other, "{}").unwrap();
    for (arguments, told) in [
        (
            &["sandbox", "--replay", &other][..],
            "no recording of `certify`",
        ),
        (&["sandbox", "--replay", "/nowhere.json"], "cannot be read"),
        (
            &["certify", "-c", &path, "--yes", "/nowhere.jpg"],
            "/nowhere.jpg",
        ),
        (&["certify", "-c", &path, "--yes", &path], "worker.toml"),
        (&["certify", "-c", &path, "--spend", "0"], "--spend"),
    ] {
        let ended = output(arguments, &NONE).await;
        assert_eq!(ended.code, Some(64), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(told), "{arguments:?}: {ended:?}");
    }
    let billed = system.sandbox.calls().all();
    assert!(
        billed.iter().all(|call| call.billed == Billed::No),
        "{billed:?}"
    );
}
