//! The floor: what the same work costs at the least with the same libraries. Fetch, two calls, a
//! confirmed publish, the acknowledgement; no policy, no limiter, no checkpoint, no metrics, no
//! log, and whatever goes wrong ends it.
//!
//! Written as one would write it well: the body encoded and hashed in one go off the runtime's
//! threads, the picture shared by both calls, a connection for publishing and one for consuming.

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

/// For ever.
pub(crate) async fn run(config: &Path) {
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
        tokio::spawn(process(
            delivery.unwrap(),
            Arc::clone(&providers),
            results.clone(),
        ));
    }
}

async fn process(delivery: Delivery, providers: Arc<Providers>, results: Channel) {
    let job: Job = serde_json::from_slice(&delivery.data).unwrap();
    let picture = providers.fetch(&job.image.key).await;
    let recognised = providers.recognise(&picture).await;
    let verified = providers.verify(&picture).await;
    let result = json!({
        "job_id": job.job_id,
        "status": "completed",
        "recognition": recognised["data"],
        "verification": verified["data"],
    });
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
        .basic_publish(
            "".into(),
            reply_to,
            mandatory,
            result.to_string().as_bytes(),
            properties,
        )
        .await
        .unwrap();
    assert!(matches!(published.await.unwrap(), Confirmation::Ack(None)));
    delivery.ack(BasicAckOptions::default()).await.unwrap();
}
