//! The floor: what the same work costs at the least with the same libraries. Fetch, two calls, a
//! confirmed publish, the acknowledgement; no policy, no limiter, no metrics, no log, and whatever
//! goes wrong ends it. One thread does it all, so that nothing is spent on handing work over.
//!
//! The durable floor also looks up an answer and keeps two, without which answers would be bought twice.

mod calls;

use calls::Providers;
use futures_util::StreamExt;
use invoice_worker::config::Config;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use serde::Deserialize;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// How the program is asked to be the floor; the configuration file follows.
pub(crate) const ARGUMENT: &str = "--floor";
pub(crate) const DURABLE_ARGUMENT: &str = "--durable-floor";
const PERSISTENT: u8 = 2;

#[derive(Deserialize)]
struct Job {
    job_id: String,
    image: Image,
}

#[derive(Deserialize)]
struct Image {
    key: String,
}

/// Never returns.
pub(crate) fn run(config: &Path, is_durable: bool) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(consume(config, is_durable));
}

async fn consume(config: &Path, is_durable: bool) {
    let config: Config = toml::from_str(&std::fs::read_to_string(config).unwrap()).unwrap();
    let url = config.broker.urls[0].expose();
    let consuming = Connection::connect(url, ConnectionProperties::default())
        .await
        .unwrap();
    let publishing = Connection::connect(url, ConnectionProperties::default())
        .await
        .unwrap();
    let results = publishing.create_channel().await.unwrap();
    results
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let jobs = consuming.create_channel().await.unwrap();
    jobs.basic_qos(config.worker.max_in_flight, BasicQosOptions::default())
        .await
        .unwrap();
    let queue = config.broker.jobs_queue.as_str().into();
    let mut deliveries = jobs
        .basic_consume(
            queue,
            "floor".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    let providers = Arc::new(Providers::new(&config));
    while let Some(delivery) = deliveries.next().await {
        let (providers, results) = (Arc::clone(&providers), results.clone());
        tokio::spawn(process(delivery.unwrap(), providers, results, is_durable));
    }
}

async fn process(
    delivery: Delivery,
    providers: Arc<Providers>,
    results: Channel,
    is_durable: bool,
) {
    let job: Job = serde_json::from_slice(&delivery.data).unwrap();
    let picture = providers.fetch(&job.image.key).await;
    if is_durable {
        providers.look_up(&job.job_id).await;
    }
    let recognised = providers.recognise(&picture).await;
    if is_durable {
        let kept = recognised.to_string().into_bytes();
        providers.keep(&job.job_id, "recognition", kept).await;
    }
    let verified = providers.verify(&picture).await;
    let result = json!({
        "job_id": job.job_id,
        "status": "completed",
        "recognition": recognised["data"],
        "verification": verified["data"],
    });
    let result = result.to_string().into_bytes();
    if is_durable {
        providers.keep(&job.job_id, "result", result.clone()).await;
    }
    let mut properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type("application/json".into());
    if let Some(id) = delivery.properties.correlation_id() {
        properties = properties.with_correlation_id(id.clone());
    }
    let reply_to = delivery.properties.reply_to().clone().unwrap();
    let mandatory = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let published = results
        .basic_publish("".into(), reply_to, mandatory, &result, properties)
        .await
        .unwrap();
    assert!(matches!(published.await.unwrap(), Confirmation::Ack(None)));
    delivery.ack(BasicAckOptions::default()).await.unwrap();
}
