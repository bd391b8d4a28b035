//! A machine whose clock is wrong: its worker says so, and takes no jobs.

use crate::harness::program::ConfigFile;
use crate::harness::system::{On, Setup};
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that knows nothing, and whose clock shows this.
async fn server_at(ahead: SignedDuration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 64 * 1024];
                let _ = connection.read(&mut request).await;
                let date = Timestamp::now()
                    .saturating_add(ahead)
                    .unwrap()
                    .strftime("%a, %d %b %Y %H:%M:%S GMT")
                    .to_string();
                let answer = format!(
                    "HTTP/1.1 404 Not Found\r\nDate: {date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                let _ = connection.write_all(answer.as_bytes()).await;
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_clock_is_five_days_behind_its_stores_takes_no_jobs() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let key = system.sample("01-beijing-outpatient").await;
    system.submit(&system.job("job", &key)).await;
    system.config.storage.endpoint_url = server_at(SignedDuration::from_hours(5 * 24)).await;
    let file = ConfigFile::of(&system);
    let mut program = file.run(&[]);
    let telemetry = program.telemetry().await;
    let event = program.event("the clock of this machine is wrong").await;
    assert!(
        event["problem"].as_str().unwrap().contains("behind"),
        "{event}"
    );
    let ready = reqwest::get(format!("{telemetry}/readyz")).await.unwrap();
    assert_eq!(ready.status(), 503);
    assert!(ready.text().await.unwrap().contains("clock"));
    assert_eq!(
        system.depth(&system.config.broker.jobs_queue.clone()).await,
        1,
        "nothing is taken"
    );
    assert_eq!(program.stop().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_brokers_management_api_agrees_with_a_worker_its_clock_is_right() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let five_days = SignedDuration::from_hours(5 * 24);
    system.config.storage.endpoint_url = server_at(five_days).await;
    for (ahead, event) in [
        (SignedDuration::ZERO, "consuming"),
        (five_days, "the clock of this machine is wrong"),
    ] {
        let management = server_at(ahead).await;
        let file = ConfigFile::of(&system);
        let mut program = file.run(&[("INVOICE_WORKER__BROKER__MANAGEMENT_URL", &management)]);
        program.event(event).await;
        assert!(matches!(program.stop().await.code, Some(0 | 1)));
    }
}
