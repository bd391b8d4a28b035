//! A broker's user that may not do everything: told as such by every command, and a worker that
//! takes no job while it is so.

use crate::harness::program::{ConfigFile, output};
use crate::harness::rabbitmq;
use crate::harness::rabbitmq::users::{self, Permissions};
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::permissions::PermissionPatterns;
use invoice_worker::domain::failure::Stage;
use invoice_worker::settings::secret::Secret;
use serde_json::Value;

const REFUSED: &str = "the broker refuses this user; trying again until it does not";

/// Queues that exist, and a configuration of a user that may do so much with them.
async fn system_of(
    permissions: impl FnOnce(Permissions) -> Permissions,
) -> (System, String, ConfigFile) {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let user = users::user(&permissions(PermissionPatterns::of_worker(
        &system.config.broker,
    )))
    .await;
    system.config.broker.urls = vec![Secret::new(&rabbitmq::url_of(&user, &user, "%2f").await)];
    let file = ConfigFile::of(&system);
    (system, user, file)
}

fn nothing() -> Permissions {
    Permissions {
        configure: "^$".into(),
        write: "^$".into(),
        read: "^$".into(),
    }
}

async fn ready(telemetry: &str) -> (u16, Value) {
    let response = reqwest::get(format!("{telemetry}/readyz")).await.unwrap();
    (
        response.status().as_u16(),
        serde_json::from_str(&response.text().await.unwrap()).unwrap(),
    )
}

#[tokio::test]
async fn a_worker_that_may_not_publish_consumes_nothing_until_it_may() {
    let without_default_exchange = |all: Permissions| Permissions {
        write: all.write.replace(r"amq\.default|", ""),
        ..all
    };
    let (mut system, user, file) = system_of(without_default_exchange).await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("waits", &key);
    system.submit(&job).await;
    let mut program = file.run(&[]);
    let telemetry = program.telemetry().await;
    let event = program.event(REFUSED).await;
    let problem = event["problem"].as_str().unwrap();
    for part in [
        format!("user {user} has no write permission on the default exchange (amq.default)"),
        r"its write pattern has to match amq\.default".to_owned(),
        format!("rabbitmqctl set_permissions -p / {user} "),
    ] {
        assert!(problem.contains(&part), "{part}: {problem}");
    }
    let (status, body) = ready(&telemetry).await;
    assert_eq!(status, 503, "{body}");
    assert!(
        body["problem"]
            .as_str()
            .unwrap()
            .contains("no write permission"),
        "{body}"
    );
    assert_eq!(
        system.depth(&system.config.broker.jobs_queue).await,
        1,
        "nothing was consumed"
    );

    users::grant(&user, &PermissionPatterns::of_worker(&system.config.broker)).await;
    program.event("consuming").await;
    assert_eq!(system.result().await["verdict"], "genuine");
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn a_worker_that_may_not_do_anything_stops_when_it_is_asked_to() {
    let (_system, user, file) = system_of(|_| nothing()).await;
    let mut program = file.run(&[]);
    let problem = program.event(REFUSED).await["problem"].to_string();
    assert!(
        problem.contains(&format!("user {user} has no configure permission on queue")),
        "{problem}"
    );
    assert!(problem.contains("no read permission on queue"), "{problem}");
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn rights_that_are_taken_away_while_the_worker_runs_end_its_consuming_and_are_reported() {
    let (mut system, user, file) = system_of(|all| all).await;
    let mut program = file.run(&[]);
    let telemetry = program.telemetry().await;
    program.event("consuming").await;
    let all = PermissionPatterns::of_worker(&system.config.broker);
    users::grant(
        &user,
        &Permissions {
            write: r"^amq\.gen-.*$".into(),
            ..all.clone()
        },
    )
    .await;
    let event = program.event(REFUSED).await;
    assert!(
        event["problem"]
            .as_str()
            .unwrap()
            .contains("no write permission on the default exchange"),
        "{event}"
    );
    assert_eq!(ready(&telemetry).await.0, 503);
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("later", &key);
    system.submit(&job).await;
    assert_eq!(
        system.depth(&system.config.broker.jobs_queue).await,
        1,
        "nothing is consumed"
    );
    users::grant(&user, &all).await;
    program.event("consuming").await;
    assert_eq!(system.result().await["verdict"], "genuine");
    assert_eq!(program.stop().await.code, Some(0));
}

/// The answer is paid for and kept; it cannot be published, and the worker does not wait for that
/// until it is killed.
#[tokio::test]
async fn a_worker_that_may_not_publish_any_more_stops_with_a_job_in_hand_and_pays_for_it_once() {
    let (mut system, user, file) = system_of(|all| all).await;
    let mut program = file.run(&[]);
    program.event("consuming").await;
    let all = PermissionPatterns::of_worker(&system.config.broker);
    users::grant(
        &user,
        &Permissions {
            write: all.write.replace(r"amq\.default|", ""),
            ..all.clone()
        },
    )
    .await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("in hand", &key);
    system.submit(&job).await;
    let event = program.event(REFUSED).await;
    assert!(
        event["problem"]
            .as_str()
            .unwrap()
            .contains("no write permission on the default exchange"),
        "{event}"
    );
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    system.holds(&system.config.broker.jobs_queue, 1).await;

    users::grant(&user, &all).await;
    let mut program = file.run(&[]);
    program.event("consuming").await;
    assert_eq!(system.result().await["verdict"], "genuine");
    assert_eq!(program.stop().await.code, Some(0));
    let calls = system.sandbox.calls();
    assert_eq!(
        (
            calls.count(Stage::Recognition).billed,
            calls.count(Stage::Verification).billed
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn check_names_each_right_that_is_missing_and_the_command_that_grants_them() {
    let (system, user, file) = system_of(|_| nothing()).await;
    let ended = output(&["check", "-c", &file.path()], &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        !ended.stdout.contains("as they have to be"),
        "{}",
        ended.stdout
    );
    let rights: Vec<&str> = ended
        .stdout
        .lines()
        .filter(|line| line.starts_with("FAILED  rights"))
        .collect();
    let queues = &system.config.broker;
    for part in [
        format!(
            "user {user} has no configure permission on queue {}",
            queues.results_queue
        ),
        format!(
            "user {user} has no read permission on queue {}",
            queues.jobs_queue
        ),
        format!(
            "user {user} has no write permission on exchange {}",
            queues.control_exchange
        ),
        format!("user {user} has no write permission on the default exchange (amq.default)"),
        "no configure permission on the queues that the broker names (amq.gen-…)".to_owned(),
    ] {
        assert!(
            rights.iter().any(|line| line.contains(&part)),
            "{part}: {}",
            ended.stdout
        );
    }
    let command = PermissionPatterns::of_worker(queues).command(Some(&user), Some("/"));
    assert!(
        rights.last().unwrap().contains(&command),
        "{command}: {}",
        ended.stdout
    );
    assert!(
        ended
            .stdout
            .contains("cannot be compared without the configure permission"),
        "{}",
        ended.stdout
    );

    users::grant(&user, &PermissionPatterns::of_worker(queues)).await;
    let ended = output(&["check", "-c", &file.path()], &[]).await;
    assert!(ended.stdout.contains("ok      rights"), "{ended:?}");
    assert!(ended.stdout.contains("as they have to be"), "{ended:?}");
}

#[tokio::test]
async fn the_failed_commands_say_which_right_they_lack() {
    let (system, user, file) = system_of(|_| nothing()).await;
    let told = format!(
        "user {user} has no read permission on queue {}",
        system.config.broker.failed_queue
    );
    system
        .session
        .publisher()
        .publish(
            &system.config.broker.failed_queue,
            &system.job("failed", "x"),
        )
        .await
        .unwrap();
    let ended = output(&["failed", "list", "-c", &file.path()], &[]).await;
    assert!(
        ended.code == Some(1) && ended.stderr.contains(&told),
        "{ended:?}"
    );
}
