//! A worker whose process stood still, without knowing it: stopped by a signal, or with its
//! machine. Its jobs are another's by then.

use crate::harness::eventually::eventually;
use crate::harness::program::ConfigFile;
use crate::harness::proxy::Proxy;
use crate::harness::rabbitmq;
use crate::harness::system::{On, Setup};
use invoice_worker::domain::failure::Stage;

/// Long enough to stop a process in, on a slow machine.
const RULES: &str = r#"
    [[rule]]
    stage = "recognition"
    code = ["http.502"]
    do = [{ action = "retry", attempts = 3, backoff = "8s" }, { action = "fail" }]
    billed = "no"
    reason = "its turn comes again"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stood_still_looks_for_what_another_paid_for_meanwhile() {
    let refused_once = "[[fault]]\nstage = \"recognition\"\nanswer = \"http.502\"\ncalls = [1]\n";
    let mut system = Setup::new(On::RabbitMq)
        .await
        .faults(refused_once)
        .prepare()
        .await;
    let direct = ConfigFile::of(&system);
    let wire = Proxy::before(rabbitmq::port().await).await;
    system.put_behind(wire.url());
    let wired = ConfigFile::of(&system);
    let rules = wired.file("rules.toml");
    std::fs::write(&rules, RULES).unwrap();
    let rules = ("INVOICE_WORKER__POLICY__FILE", rules.to_str().unwrap());

    let mut sleeper = wired.run(&[rules]);
    sleeper.event("consuming").await;
    let key = system.sample("01-beijing-outpatient").await;
    system.submit(&system.job("job", &key)).await;
    let calls = system.sandbox.calls();
    eventually("a refused call", async || {
        calls.count(Stage::Recognition).calls == 1 && calls.count(Stage::Recognition).in_flight == 0
    })
    .await;
    // It waits to try again.
    sleeper.signal("STOP").await;
    wire.abandon();
    let other = direct.run(&[rules]);
    assert_eq!(system.result().await["verdict"], "genuine");
    let ended = other.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let looked_for = |what: &str| {
        let subject = format!("get checkpoints/{what}/");
        calls
            .of(Stage::Storage)
            .iter()
            .filter(|call| {
                call.subject
                    .as_ref()
                    .is_some_and(|get| get.starts_with(&subject))
            })
            .count()
    };
    let before = looked_for("verification");
    sleeper.signal("CONT").await;
    // It goes on, and nobody has told it yet that its connections are gone.
    eventually("the step after the call", async || {
        looked_for("verification") > before
    })
    .await;
    wire.sever();
    let ended = sleeper.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let paid = [Stage::Recognition, Stage::Verification].map(|stage| calls.count(stage).billed);
    assert_eq!(paid, [1, 1], "{}", ended.stderr);
}
