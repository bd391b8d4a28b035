use super::*;
use crate::dev::scenario::CallNumbers;
use std::time::Duration;

fn refused(text: &str) -> String {
    SandboxScenario::parse(text, "bad.toml")
        .unwrap_err()
        .to_string()
}

#[test]
fn the_example_is_a_scenario() {
    let scenario = SandboxScenario::parse(
        include_str!("../../../../tests/data/scenarios/example.toml"),
        "example.toml",
    )
    .unwrap();
    assert!(scenario.faults.len() > 10);
}

#[test]
fn an_empty_file_is_a_sandbox_without_faults() {
    let scenario = SandboxScenario::parse("", "empty.toml").unwrap();
    assert!(scenario.faults.is_empty());
    assert_eq!(
        (
            scenario.recognition.rate_per_second,
            scenario.storage.access_key_id.as_str()
        ),
        (10, "sandbox")
    );
}

#[test]
fn every_part_of_a_fault_is_read() {
    let scenario = SandboxScenario::parse(
            "[[fault]]\nstage = 'verification'\nanswer = '300'\nsample = '01-*'\ncalls = { from = 2 }\nafter = '1s'\nuntil = '3s'\nqr = 0\n\
             probability = 0.5\nretry_after = '2s'\nmessage = 'm'\nhttp_status = 400\ndelay = '10ms'",
            "one.toml",
        )
        .unwrap();
    let fault = &scenario.faults[0];
    assert_eq!(
        (fault.calls.clone(), fault.qr, fault.http_status),
        (CallNumbers::Between(2, u32::MAX), Some(false), Some(400))
    );
    assert_eq!(
        (fault.after, fault.until),
        (Duration::from_secs(1), Some(Duration::from_secs(3)))
    );
}

#[test]
fn a_mistake_is_reported_with_file_and_line() {
    let fault = "[[fault]]\nstage = 'verification'\nanswer = '316'\n";
    let table = [
        (
            "seed = 1\n[recognition]\nrate = 3".to_owned(),
            "bad.toml, line 3: unknown field `rate`",
        ),
        (
            "[storage]\nlatency = 'soon'".to_owned(),
            "bad.toml, line 2: \"soon\" is not a duration",
        ),
        (
            "[[fault]]\nstage = 'storage'\nanswer = '316'".to_owned(),
            "bad.toml, line 3: storage cannot answer \"316\"",
        ),
        (
            "[[fault]]\nstage = 'verification'\n\nanswer = 'OUT_OF_QOUTA'".to_owned(),
            "bad.toml, line 4: verification cannot answer",
        ),
        (
            "[[fault]]\nstage = 'broker'\nanswer = '1'".to_owned(),
            "bad.toml, line 2: there is no stage \"broker\"",
        ),
        (
            "[[fault]]\nanswer = '1'".to_owned(),
            "bad.toml, line 1: missing field `stage`",
        ),
        (
            format!("{fault}sample = '99-mars'"),
            "bad.toml, line 4: no sample has this name",
        ),
        (
            format!("{fault}calls = [0]"),
            "bad.toml, line 4: `calls` is a list of numbers, counted from 1",
        ),
        (
            format!("{fault}calls = 'some'"),
            "bad.toml, line 4: `calls` is \"all\"",
        ),
        (
            format!("{fault}calls = {{ from = 3, to = 2 }}"),
            "bad.toml, line 4: the range of calls ends before it begins",
        ),
        (
            format!("{fault}probability = 1.5"),
            "bad.toml, line 4: `probability` is between 0 and 1",
        ),
        (format!("{fault}qr = 2"), "bad.toml, line 4: `qr` is 0 or 1"),
        (
            format!("{fault}http_status = 42"),
            "bad.toml, line 4: `http_status`",
        ),
        (
            format!("{fault}key = 'a'"),
            "bad.toml, line 4: `key` is for storage",
        ),
        (
            format!("{fault}after = '2s'\nuntil = '1s'"),
            "bad.toml, line 5: `until` is not later",
        ),
        (
            format!("{fault}job = 'a'"),
            "bad.toml, line 4: `job` is for policy scenarios",
        ),
        (
            "[[fault]]\nstage = 'recognition'\nanswer = 'connect'".to_owned(),
            "bad.toml, line 3: \"connect\" is for policy scenarios",
        ),
        (
            "[[fault]]\nstage = 'recognition'\nanswer = 'OUT_OF_QUOTA'".to_owned(),
            "bad.toml, line 3: recognition cannot answer",
        ),
        ("[[fault]".to_owned(), "bad.toml, line 1: "),
    ];
    for (text, expected) in table {
        let problem = refused(&text);
        assert!(
            problem.starts_with(expected),
            "{text}\n  {problem}\n  {expected}"
        );
    }
}

#[test]
fn a_missing_file_is_reported_by_its_path() {
    assert!(
        SandboxScenario::read(Path::new("/nowhere/s.toml"))
            .unwrap_err()
            .to_string()
            .starts_with("/nowhere/s.toml: ")
    );
}
