//! A budget that is used up, as the operator on call sees it.

use crate::harness::eventually::eventually;
use crate::harness::program::{ConfigFile, NONE, output};
use crate::harness::system::{On, Setup};
use serde_json::{Value, json};

async fn text_of(url: &str) -> String {
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.status(), 200, "{url}");
    answer.text().await.unwrap()
}

#[tokio::test]
async fn a_budget_that_is_used_up_shows_in_log_metrics_and_readiness() {
    let mut setup = Setup::new(On::RabbitMq).await;
    let entry = "account = \"recognition\"\namount = 1";
    setup.config.budget = vec![toml::from_str(entry).unwrap()];
    let mut system = setup.prepare().await;
    let file = ConfigFile::of(&system);
    let mut program = file.run(&NONE);
    let telemetry = program.telemetry().await;
    program.event("consuming").await;
    let first = system.sample("01-beijing-outpatient").await;
    let second = system.sample("02-henan-inpatient").await;
    let (first, second) = (system.job("CLM-1", &first), system.job("CLM-2", &second));
    assert_eq!(system.ask(&first).await["status"], "completed");
    let used_up = "a budget is used up: its jobs wait until it opens";
    let told = program.event(used_up).await;
    assert_eq!(
        (&told["budget"], &told["amount"], &told["spent"]),
        (
            &json!("recognition per day in calls"),
            &json!("1 call"),
            &json!("1")
        )
    );
    system.submit(&second).await;
    let parked = program.event("job parked").await;
    assert_eq!(
        (&parked["code"], &parked["until"]),
        (&json!("budget"), &told["opens"])
    );

    let metrics = text_of(&format!("{telemetry}/metrics")).await;
    for line in [
        "invoice_budget_amount{budget=\"recognition per day in calls\"} 1",
        "invoice_budget_spent{budget=\"recognition per day in calls\"} 1",
        "invoice_budget_used_up{budget=\"recognition per day in calls\"} 1",
        "invoice_budgets_unknown 0",
        "invoice_parked_total{stage=\"worker\",code=\"budget\"} 1",
    ] {
        assert!(
            metrics.lines().any(|told| told == line),
            "{line}: {metrics}"
        );
    }
    let ready: Value = text_of(&format!("{telemetry}/readyz"))
        .await
        .parse()
        .unwrap();
    let closed = &ready["closed"][0];
    assert_eq!(
        (&closed["stage"], &closed["code"], &closed["until"]),
        (&json!("recognition"), &json!("budget"), &told["opens"])
    );
    assert_eq!(
        closed["reason"],
        "1 of 1 call per day of recognition is spent"
    );
    let explained = output(&["policy", "explain", "budget"], &NONE).await;
    assert!(
        explained.stdout.contains("a larger budget.amount"),
        "{explained:?}"
    );

    // What was spent is known before anything is bought, and told once in the life of a worker.
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for message in ["80 % of a budget is spent", used_up] {
        assert_eq!(ended.stderr.matches(message).count(), 1, "{}", ended.stderr);
    }
}

/// A broker without the right to read the ledger: `check` says so, and jobs with a budget wait.
#[tokio::test]
async fn check_fails_where_a_budget_has_no_ledger_to_read() {
    let mut setup = Setup::new(On::RabbitMq).await;
    setup.config.budget = vec![toml::from_str("amount = 100").unwrap()];
    setup.config.broker.declare_topology = true;
    let system = setup.prepare().await;
    let mut config = system.config.clone();
    config.broker.declare_topology = false;
    let file = ConfigFile::of_config(&config);
    let checked = async || output(&["check", "-c", &file.path()], &NONE).await;
    let name = &config.broker.ledger_queue;
    let missing = checked().await;
    let says = format!("stream {name} is not there, and jobs with a budget wait without it");
    assert!(missing.stdout.contains(&says), "{missing:?}");
    assert_eq!(missing.code, Some(1), "{missing:?}");
    let declaring = ConfigFile::of(&system);
    let mut program = declaring.run(&NONE);
    program.event("consuming").await;
    eventually("a ledger", async || {
        system.session.has_queue(name).await.unwrap()
    })
    .await;
    assert_eq!(program.stop().await.code, Some(0));
    let there = checked().await;
    assert!(
        there.stdout.contains(&format!("{name} is there")),
        "{there:?}"
    );
}
