//! Several brokers in the list, dead, silent or alive: the worker finds the one that answers.

use crate::harness::program::ConfigFile;
use crate::harness::proxy::{Flow, Proxy};
use crate::harness::rabbitmq;
use crate::harness::system::{On, Setup};
use invoice_worker::settings::secret::Secret;

const OUT_OF_REACH: &str = "the broker is out of reach; trying again until it answers";

#[tokio::test]
async fn with_all_brokers_down_the_worker_waits_for_the_first_that_comes_back() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let wires = [
        Proxy::before(rabbitmq::port().await).await,
        Proxy::before(rabbitmq::port().await).await,
    ];
    let dead = Secret::new(&format!(
        "amqp://guest:guest@127.0.0.1:{}/%2f",
        rabbitmq::free_port()
    ));
    system.config.broker.urls = vec![dead, wires[0].url(), wires[1].url()];
    let file = ConfigFile::of(&system);
    let mut program = file.run(&[]);
    // The first is dead, the second is alive.
    program.event(OUT_OF_REACH).await;
    program.event("consuming").await;

    for wire in &wires {
        wire.refuse(true);
        wire.sever();
    }
    program.event(super::outage::LOST).await;
    let key = system.sample("01-beijing-outpatient").await;
    system.submit(&system.job("job", &key)).await;
    // Each of them was tried, and more than once.
    for wire in &wires {
        wire.refused(2).await;
    }
    wires[1].refuse(false);
    program.event("consuming").await;
    assert_eq!(system.result().await["verdict"], "genuine");
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(
        ended.lines_at("ERROR"),
        1,
        "once at the start: {}",
        ended.stderr
    );
    assert_eq!(
        ended.lines_at("WARN"),
        1,
        "and once when all were lost: {}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_broker_that_says_nothing_is_passed_over() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let (silent, alive) = (
        Proxy::before(rabbitmq::port().await).await,
        Proxy::before(rabbitmq::port().await).await,
    );
    silent.flow(Flow::Hold);
    system.config.broker.urls = vec![silent.url(), alive.url()];
    let file = ConfigFile::of(&system);
    let mut program = file.run(&[]);
    let told = program.event(OUT_OF_REACH).await;
    assert!(
        told["problem"]
            .as_str()
            .unwrap()
            .contains("no answer within"),
        "{told}"
    );
    program.event("consuming").await;
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}
