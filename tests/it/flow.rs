//! One job's whole way, from outside: submitted to a broker, answered on its reply queue, over real
//! HTTP and a real S3 protocol.

use crate::harness::system::System;
use invoice_worker::domain::failure::Stage;
use serde_json::Value;

/// Each promise is a test on both brokers.
macro_rules! promises {
    ($($promise:ident),* $(,)?) => {
        mod through_rabbitmq {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $promise() { super::$promise(super::On::RabbitMq).await; })*
        }
        mod through_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $promise() { super::$promise(super::On::Memory).await; })*
        }
    };
}

mod answers;
mod attempts;
mod bills;
mod bodies;
mod budgets;
mod copies;
mod damaged;
mod fitted;
mod forbidden;
mod forgeries;
mod gateways;
mod heartbeats;
mod ledger;
mod memory;
mod misconfigured_worker;
mod pauses;
mod progress;
mod qr;
mod queues;
mod rate;
mod replies;
mod resumes;
mod runs;
mod scopes;
mod seen_before;
mod stores;
mod transfer;
mod unversioned;
mod waits;

const SHORT_316: &str = r#"
    [[rule]]
    stage = "verification"
    code = ["316"]
    do = [{ action = "park", delays = ["300ms", "600ms"], attempts = 4 }, { action = "fail" }]
    scope = "province"
    billed = "yes"
    reason = "shortened"
"#;

fn paid_calls(system: &System) -> u64 {
    [Stage::Recognition, Stage::Verification]
        .map(|stage| system.sandbox.calls().count(stage))
        .iter()
        .map(|count| count.billed + count.billed_unknown)
        .sum()
}

fn codes(result: &Value) -> Vec<String> {
    let told = |call: &Value| {
        format!(
            "{} {} {}",
            text(&call["stage"]),
            text(&call["code"]),
            text(&call["billed"])
        )
    };
    result["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(told)
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
