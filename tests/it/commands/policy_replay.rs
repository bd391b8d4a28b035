//! `policy replay` over the ledger that a worker has written to a real broker.

use crate::harness::eventually::eventually;
use crate::harness::ledger::ledger_of;
use crate::harness::program::{ConfigFile, Ended, output};
use crate::harness::system::{On, Setup, System};
use invoice_worker::domain::failure::Stage;
use invoice_worker::ledger::Ending;
use invoice_worker::settings::units::span;
use serde_json::{Value, json};

const FAULTS: &str = r#"
    [[fault]]
    stage = "verification"
    answer = "316"
    sample = "01-beijing-outpatient"
    calls = [1, 2]

    [[fault]]
    stage = "verification"
    answer = "319"
    sample = "02-henan-inpatient"

    [[fault]]
    stage = "verification"
    answer = "313"
    sample = "03-zhejiang-outpatient"

    [[fault]]
    stage = "verification"
    answer = "317"
    sample = "04-shanghai-outpatient"
"#;
const MAINTENANCE: &str = r#"
    [[rule]]
    stage = "verification"
    code = ["316"]
    do = [{ action = "park", delays = ["1s"], attempts = 3 }, { action = "fail" }]
    billed = "yes"
    reason = "the province is in maintenance"
"#;

/// The rules of the worker, or such as were tried in their place.
fn rules(retries: u32, waits: u32) -> String {
    format!(
        r#"{MAINTENANCE}
    [[rule]]
    stage = "verification"
    code = ["317"]
    do = [
      {{ action = "retry", attempts = {retries}, backoff = "100ms" }},
      {{ action = "park", delays = ["1s"], attempts = {waits} }},
      {{ action = "fail" }},
    ]
    billed = "yes"
    reason = "the data source timed out"
"#
    )
}

/// Six jobs: after two 316 one is genuine, another about its image costs nothing, 319 ends one, 313
/// lets one wait for the next day, 317 ends one after five calls, and one is genuine at once.
async fn with_jobs() -> (System, ConfigFile) {
    let mut setup = Setup::new(On::RabbitMq)
        .await
        .faults(FAULTS)
        .rules(&rules(2, 2));
    setup.config.recognition.price = "0.25".parse().unwrap();
    setup.config.verification.price = "1.5".parse().unwrap();
    setup.config.broker.retry_delays.push(span("1h"));
    let mut system = Box::pin(setup.start()).await;
    for (job, sample) in [
        ("maintained", "01-beijing-outpatient"),
        ("again", "01-beijing-outpatient"),
        ("unsupported", "02-henan-inpatient"),
        ("timed-out", "04-shanghai-outpatient"),
        ("genuine", "07-shandong-outpatient-posted"),
    ] {
        let key = system.sample(sample).await;
        system.ask(&system.job(job, &key)).await;
    }
    let key = system.sample("03-zhejiang-outpatient").await;
    let waits = system.job("waits", &key);
    system.submit(&waits).await;
    eventually("the job waits for the next day", async || {
        let parked = |code: &str| code == "313";
        let events = ledger_of(&system).await;
        let mut waits = events.iter().filter_map(|event| event.parked.as_ref());
        waits.any(|wait| parked(&wait.code))
    })
    .await;
    system.drain().await;
    let file = ConfigFile::of(&system);
    for (name, retries, waits) in [("mine", 2, 2), ("fewer", 1, 2), ("more", 2, 3)] {
        let path = file.file(&format!("{name}.toml"));
        std::fs::write(path, rules(retries, waits)).unwrap();
    }
    (system, file)
}

/// The worker's own policy is that of its configuration.
async fn replayed(file: &ConfigFile, arguments: &[&str]) -> Ended {
    let (path, own) = (file.path(), file.file("mine.toml").display().to_string());
    let policy = ("INVOICE_WORKER__POLICY__FILE", own.as_str());
    let arguments = [&["policy", "replay", "-c", &path], arguments].concat();
    output(&arguments, &[policy, ("COLUMNS", "80")]).await
}

async fn json_of(file: &ConfigFile, arguments: &[&str]) -> Value {
    let ended = replayed(file, &[arguments, &["--json"]].concat()).await;
    assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

fn money(calls: u32, amount: &str) -> Value {
    json!({ "calls": calls, "unpriced": 0, "money": { "CNY": amount } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_policy_reproduces_calls_and_price_and_another_one_differs_by_its_steps() {
    let (system, file) = with_jobs().await;
    let billed = [Stage::Recognition, Stage::Verification]
        .map(|stage| system.sandbox.calls().count(stage).billed);
    // 3 + 1 + 1 + 5 + 1 of verification.
    assert_eq!(billed, [5, 11]);
    let ends = json!({
        "completed genuine": 3, "undetermined verification 317": 1, "undetermined verification 319": 1,
    });
    let same = json_of(&file, &[]).await;
    let (recorded, again) = (&same["recorded"], &same["replayed"]);
    assert_eq!(
        (&recorded["calls"], &recorded["paid"]),
        (&json!(16), &money(16, "17.75")),
        "{same}"
    );
    assert_eq!(
        (&recorded["ends"], &recorded["waiting"]),
        (&ends, &json!(1)),
        "{same}"
    );
    for part in [
        "calls", "paid", "free", "unknown", "ends", "answered", "waiting",
    ] {
        assert_eq!(recorded[part], again[part], "{part}: {same}");
    }
    let counts = [
        &same["jobs"],
        &same["unexplained"],
        &again["never_made"]["calls"],
    ];
    assert_eq!(counts, [&json!(6), &json!(0), &json!(0)], "{same}");

    // A retry of 317 less: one call of 1.50 is saved, and the end is the same.
    let path = file.file("fewer.toml").display().to_string();
    let fewer = json_of(&file, &["--since", "7d", "--policy", &path]).await;
    assert_eq!(fewer["recorded"]["paid"], recorded["paid"], "{fewer}");
    assert_eq!(fewer["replayed"]["paid"], money(15, "16.25"), "{fewer}");
    assert_eq!(fewer["replayed"]["ends"], ends, "{fewer}");

    // A wait of 317 more: the sixth call was never made.
    let path = file.file("more.toml").display().to_string();
    let more = json_of(&file, &["--policy", &path]).await;
    assert_eq!(more["replayed"]["paid"], recorded["paid"], "{more}");
    assert_eq!(more["replayed"]["never_made"], money(1, "1.5"), "{more}");
    assert_eq!(
        more["replayed"]["unknown_jobs"],
        json!({ "never_asked": 1 }),
        "{more}"
    );
    let told = replayed(&file, &["--policy", &path]).await.stdout;
    assert!(told.contains("call that was never made"), "{told}");
    assert!(
        told.lines().all(|line| line.chars().count() <= 80),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_replayed_says_what_to_do() {
    let mut setup = Setup::new(On::RabbitMq).await.faults("");
    setup.config.broker.retry_delays.push(span("1h"));
    let system = setup.prepare().await;
    let file = ConfigFile::of(&system);
    std::fs::write(file.file("mine.toml"), MAINTENANCE).unwrap();
    std::fs::write(
        file.file("wrong.toml"),
        MAINTENANCE.replace("316", "OUT_OF_QOUTA"),
    )
    .unwrap();
    let (wrong, absent) = (file.file("wrong.toml"), file.file("absent.toml"));
    let (wrong, absent) = (wrong.display().to_string(), absent.display().to_string());
    for (arguments, code, told) in [
        (&["--policy", wrong.as_str()][..], 64, "wrong.toml, line 4"),
        (
            &["--policy", absent.as_str()],
            64,
            "absent.toml cannot be read",
        ),
        (&["--since", "soon"], 64, "is no time"),
        (&[], 1, "there is no stream"),
    ] {
        let ended = replayed(&file, arguments).await;
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(told), "{arguments:?}: {ended:?}");
    }
    let mut system = system;
    system.work().await;
    let key = system.sample("01-beijing-outpatient").await;
    system.ask(&system.job("one", &key)).await;
    system.drain().await;
    let none = replayed(&file, &["--since", "2020-01", "--until", "2020-01"]).await;
    assert!(
        none.code == Some(1) && none.stderr.contains("name an earlier --since"),
        "{none:?}"
    );
    // The only job began before the time.
    let events = ledger_of(&system).await;
    assert_eq!(events[0].ending, Ending::Answered);
    let later = events[0].at.to_string();
    let left_out = json_of(&file, &["--since", &later]).await;
    assert_eq!(
        left_out["left_out"]["jobs"],
        json!({ "began_before": 1 }),
        "{left_out}"
    );
    assert_eq!(
        (&left_out["jobs"], &left_out["recorded"]["calls"]),
        (&json!(0), &json!(0))
    );
}
