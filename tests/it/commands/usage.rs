//! Help, bad usage, and the policy for people.

use crate::harness::program::{ConfigFile, NONE, output};
use invoice_worker::build_info::{COMMIT, VERSION};
use tempfile::TempDir;

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
        (&["submit", "--wait"], "IMAGE"),
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

/// Every command, as the first page of the help lists them.
async fn commands() -> Vec<String> {
    let help = output(&["--help"], &NONE).await.stdout;
    let listed = help.split("Commands:\n").nth(1).unwrap();
    let names = listed
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

#[tokio::test]
async fn the_version_names_the_commit() {
    let told = output(&["--version"], &NONE).await;
    assert_eq!(
        told.stdout,
        format!("invoice-worker {VERSION} ({COMMIT})\n")
    );
}

#[tokio::test]
async fn help_names_statuses_variables_and_an_example_of_each_command() {
    let help = output(&["--help"], &NONE).await.stdout;
    for told in [
        "Exit status",
        "64 ",
        "130",
        "INVOICE_WORKER_CONFIG",
        "INVOICE_WORKER__SECTION__KEY",
        "NO_COLOR",
        "COLUMNS",
    ] {
        assert!(help.contains(told), "{told}: {help}");
    }
    let commands = commands().await;
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        let help = output(&[&command, "--help"], &NONE).await.stdout;
        let example = help.split("Example").nth(1).unwrap_or_default();
        assert!(
            example.contains(&format!("invoice-worker {command}")),
            "{command}: {help}"
        );
    }
}

#[tokio::test]
async fn the_file_may_be_named_before_the_command_and_behind_it() {
    let file = ConfigFile::with("[policy]\nfile = \"nowhere.toml\"\n");
    let path = file.path();
    for arguments in [
        &["-c", &path, "policy", "show"][..],
        &["policy", "-c", &path, "show"],
        &["policy", "show", "--config", &path],
    ] {
        let ended = output(arguments, &NONE).await;
        assert_eq!(ended.code, Some(64), "{arguments:?}: {ended:?}");
        assert!(
            ended.stderr.contains("nowhere.toml cannot be read"),
            "{arguments:?}: {ended:?}"
        );
    }
    for (arguments, told) in [
        (
            &["-c", &path, "policy", "show", "-c", &path][..],
            "stands before the command and behind it",
        ),
        (&["-c", &path, "man"], "reads no configuration"),
        (&["-c", &path, "demo"], "reads no configuration"),
    ] {
        let ended = output(arguments, &NONE).await;
        assert_eq!(ended.code, Some(64), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(told), "{arguments:?}: {ended:?}");
    }
}

#[tokio::test]
async fn shells_complete_every_command() {
    let commands = commands().await;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = output(&["completions", shell], &NONE).await;
        assert_eq!(script.code, Some(0), "{shell}: {script:?}");
        for command in &commands {
            assert!(script.stdout.contains(command), "{shell}: {command}");
        }
        if shell == "bash" {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("script");
            std::fs::write(&path, &script.stdout).unwrap();
            let mut bash = std::process::Command::new("bash");
            let read = bash.arg("-n").arg(&path).output().unwrap();
            assert!(read.status.success(), "{read:?}");
        }
    }
    let ended = output(&["completions", "cmd"], &NONE).await;
    assert_eq!(ended.code, Some(64), "{ended:?}");
}

#[tokio::test]
async fn there_is_a_manual_page_for_each_command() {
    let page = output(&["man"], &NONE).await.stdout;
    for told in [".TH invoice-worker 1", "SUBCOMMANDS", "Exit status"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    let folder = TempDir::new().unwrap();
    let to = folder.path().join("man1").display().to_string();
    let ended = output(&["man", "--to", &to], &NONE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for command in commands().await {
        let page = folder
            .path()
            .join(format!("man1/invoice-worker-{command}.1"));
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.contains(".TH"), "{command}: {text}");
    }
}
