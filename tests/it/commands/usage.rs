//! Help, bad usage, and the policy for people.

use crate::harness::program::{ConfigFile, NONE, output};

#[tokio::test]
async fn help_and_version_go_to_stdout() {
    for arguments in [
        &["--help"][..],
        &["run", "--help"],
        &["process", "--help"],
        &["--version"],
    ] {
        let ended = output(arguments, &NONE).await;
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.stderr);
        assert!(
            !ended.stdout.is_empty() && ended.stderr.is_empty(),
            "{arguments:?}: {ended:?}"
        );
    }
}

#[tokio::test]
async fn bad_usage_is_reported_on_stderr_with_status_64() {
    for (arguments, told) in [
        (&[][..], "Usage"),
        (&["walk"], "walk"),
        (&["run", "--loudly"], "--loudly"),
        (&["process"], "IMAGE"),
        (&["demo", "--jobs", "0"], "--jobs"),
        (&["sandbox", "--listen", "here"], "--listen"),
        (&["policy", "explain"], "CODE"),
    ] {
        let ended = output(arguments, &NONE).await;
        assert_eq!(ended.code, Some(64), "{arguments:?}: {ended:?}");
        assert!(
            ended.stderr.contains(told) && ended.stdout.is_empty(),
            "{arguments:?}: {ended:?}"
        );
    }
}

#[tokio::test]
async fn the_policy_is_shown_and_explained() {
    let shown = output(&["policy", "show"], &NONE).await;
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(
        shown.stdout.contains("316") && shown.stdout.contains("OUT_OF_QUOTA"),
        "{}",
        shown.stdout
    );

    let explained = output(&["policy", "explain", "316"], &NONE).await;
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
    assert!(
        explained.stdout.contains("parked for 30m") && explained.stdout.contains("maintenance"),
        "{}",
        explained.stdout
    );
}

#[tokio::test]
async fn a_policy_file_with_a_mistake_is_reported_with_its_line() {
    let folder = ConfigFile::with("[policy]\nfile = \"rules.toml\"\n");
    std::fs::write(
        folder.file("rules.toml"),
        "[[rule]]\nstage = \"verification\"\ncode = [\"316\"]\ndo = [{ action = \"dance\" }]\n",
    )
    .unwrap();
    let rules = folder.file("rules.toml").display().to_string();
    let ended = output(
        &["policy", "show", "-c", &folder.path()],
        &[("INVOICE_WORKER__POLICY__FILE", &rules)],
    )
    .await;
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(
        ended.stderr.contains("rules.toml") && ended.stderr.contains("dance"),
        "{}",
        ended.stderr
    );

    let ended = output(
        &["policy", "explain", "316"],
        &[("INVOICE_WORKER__POLICY__FILE", "/nowhere/rules.toml")],
    )
    .await;
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("policy.file: /nowhere/rules.toml cannot be read"),
        "{}",
        ended.stderr
    );
}
