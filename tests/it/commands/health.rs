//! `health`: what a container without a shell asks.

use crate::harness::program::{ConfigFile, output};
use crate::harness::rabbitmq::free_port;
use crate::harness::system::{On, Setup};
use invoice_worker::settings::secret::Secret;

const LISTEN: &str = "INVOICE_WORKER__TELEMETRY__LISTEN";

#[tokio::test]
async fn a_worker_is_asked_where_it_listens_whether_it_lives_and_whether_it_is_ready() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let listen = format!("0.0.0.0:{}", free_port());
    let environment = [(LISTEN, listen.as_str())];
    let file = ConfigFile::of(&system);
    let path = file.path();
    let health = ["health", "-c", &path];
    let readiness = ["health", "--ready", "-c", &path];

    let gone = output(&health, &environment).await;
    assert!(
        gone.code == Some(1)
            && gone
                .stderr
                .contains("no worker answers at http://127.0.0.1:"),
        "{gone:?}"
    );

    let mut program = file.run(&environment);
    let _ = program.event("consuming").await;
    let alive = output(&health, &environment).await;
    assert_eq!((alive.code, alive.stdout.as_str()), (Some(0), "alive\n"));
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("one", &key);
    system.submit(&job).await;
    assert_eq!(system.result().await["verdict"], "genuine");
    let ready = output(&readiness, &environment).await;
    assert!(
        ready.code == Some(0) && ready.stdout.contains(r#""state":"consuming""#),
        "{ready:?}"
    );
    assert_eq!(program.stop().await.code, Some(0));

    // Without a broker it lives, and is not ready.
    system.config.broker.urls = vec![Secret::new(&format!("amqp://127.0.0.1:{}", free_port()))];
    let file = ConfigFile::of(&system);
    let path = file.path();
    let mut program = file.run(&environment);
    program.telemetry().await;
    assert_eq!(
        output(&["health", "-c", &path], &environment).await.code,
        Some(0)
    );
    let unready = output(&["health", "--ready", "-c", &path], &environment).await;
    assert!(
        unready.code == Some(1) && unready.stdout.contains(r#""ready":false"#),
        "{unready:?}"
    );
    assert_eq!(program.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_worker_that_cannot_be_asked_is_a_mistake_of_the_configuration() {
    let ended = output(&["health"], &[(LISTEN, "127.0.0.1:0")]).await;
    assert!(
        ended.code == Some(64) && ended.stderr.contains("telemetry.listen"),
        "{ended:?}"
    );
}
