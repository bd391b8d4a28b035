//! `policy test`: scenario files against the policy in force.

use crate::harness::program::{ConfigFile, Ended, NONE, output};

const SCENARIO: &str = "[[scenario]]
name = \"316 is waited for\"
[[scenario.answer]]
stage = \"verification\"
code = \"316\"
times = 1
[scenario.expect]
calls = [\"0s recognition 200\", \"0s verification 316\", \"30m verification OK\"]
ends = \"completed genuine\"
";
const SOONER: &str = "[[rule]]
stage = \"verification\"
code = [\"316\"]
do = [{ action = \"park\", delays = [\"10m\"] }, { action = \"fail\" }]
";

/// The scenario, in a folder of its own, under the built-in policy or with rules over it.
async fn tested(scenario: &str, rules: Option<&str>) -> (ConfigFile, Ended) {
    let folder = ConfigFile::with("");
    let file = |name: &str| folder.file(name).display().to_string();
    std::fs::write(file("scenario.toml"), scenario).unwrap();
    if let Some(rules) = rules {
        std::fs::write(file("rules.toml"), rules).unwrap();
        std::fs::write(
            folder.path(),
            format!("[policy]\nfile = {:?}\n", file("rules.toml")),
        )
        .unwrap();
    }
    let ended = output(
        &[
            "policy",
            "test",
            "-c",
            &folder.path(),
            &file("scenario.toml"),
        ],
        &NONE,
    )
    .await;
    (folder, ended)
}

#[tokio::test]
async fn a_scenario_that_goes_as_expected_is_one_line() {
    let (_folder, ended) = tested(SCENARIO, None).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(
        ended.stdout,
        "ok      316 is waited for\n1 of 1 as expected\n"
    );
    assert_eq!(ended.stderr, "");
}

#[tokio::test]
async fn a_scenario_that_an_override_changes_is_reported_as_a_difference() {
    let (folder, ended) = tested(SCENARIO, Some(SOONER)).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let file = folder.file("scenario.toml");
    let told = format!(
        "FAILED  316 is waited for ({}, line 1)\n  calls\n      0s recognition 200\n      0s verification 316\n    - 30m verification OK\n    \
         + 10m verification OK\n0 of 1 as expected\n",
        file.display()
    );
    assert_eq!(ended.stdout, told);
    assert_eq!(ended.stderr, "");
}

#[tokio::test]
async fn a_file_that_cannot_be_meant_is_refused_with_its_line() {
    for (scenario, told) in [
        (
            SCENARIO.replace("30m verification", "later verification"),
            "line 8: \"later verification OK\" is not like \"10m30s verification 317\"",
        ),
        (
            SCENARIO.replace("stage", "staged"),
            "line 4: unknown field `staged`",
        ),
        (String::new(), "line 1: there is no [[scenario]] in it"),
    ] {
        let (folder, ended) = tested(&scenario, None).await;
        assert_eq!(ended.code, Some(64), "{ended:?}");
        assert_eq!(ended.stdout, "");
        let told = format!("{}, {told}", folder.file("scenario.toml").display());
        assert!(ended.stderr.contains(&told), "{told}: {}", ended.stderr);
    }
    let ended = output(&["policy", "test", "/nowhere/scenario.toml"], &NONE).await;
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("/nowhere/scenario.toml: cannot be read: No such file"),
        "{}",
        ended.stderr
    );
}
