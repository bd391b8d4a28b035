//! Who submits jobs and reads their results: a plain client of RabbitMQ, with everything in the air
//! at once.

use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;

const PERSISTENT: u8 = 2;
/// A result that takes longer does not come.
const PATIENCE: Duration = Duration::from_mins(2);
/// Confirms that are awaited at once.
const IN_THE_AIR: usize = 1_000;

pub(crate) struct Client {
    _connection: Connection,
    channel: Channel,
    jobs_queue: String,
    reply_to: String,
    replies: Consumer,
}

impl Client {
    pub(crate) async fn connect(url: &str, jobs_queue: &str) -> Self {
        let connection = Connection::connect(url, ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .unwrap();
        let own = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel
            .queue_declare("".into(), own, FieldTable::default())
            .await
            .unwrap();
        let no_ack = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let replies = channel
            .basic_consume(
                queue.name().clone(),
                "".into(),
                no_ack,
                FieldTable::default(),
            )
            .await
            .unwrap();
        let reply_to = queue.name().to_string();
        Self {
            _connection: connection,
            channel,
            jobs_queue: jobs_queue.to_owned(),
            reply_to,
            replies,
        }
    }

    /// Jobs by their ids and the keys of their images. Returns when the broker has them.
    pub(crate) async fn submit(&self, jobs: impl IntoIterator<Item = (String, String)>) {
        let mut confirms = Vec::new();
        for (id, key) in jobs {
            let body = json!({ "job_id": id, "image": { "key": key } }).to_string();
            let properties = BasicProperties::default()
                .with_delivery_mode(PERSISTENT)
                .with_content_type("application/json".into())
                .with_reply_to(self.reply_to.as_str().into())
                .with_correlation_id(id.as_str().into())
                .with_message_id(id.into());
            let mandatory = BasicPublishOptions {
                mandatory: true,
                ..BasicPublishOptions::default()
            };
            let queue = self.jobs_queue.as_str().into();
            confirms.push(
                self.channel
                    .basic_publish("".into(), queue, mandatory, body.as_bytes(), properties)
                    .await
                    .unwrap(),
            );
            if confirms.len() == IN_THE_AIR {
                confirmed(&mut confirms).await;
            }
        }
        confirmed(&mut confirms).await;
    }

    /// The next result, which has to be a good one.
    pub(crate) async fn result(&mut self) {
        let delivery = timeout(PATIENCE, self.replies.next())
            .await
            .expect("a result in time")
            .expect("the broker lives")
            .unwrap();
        let result: serde_json::Value = serde_json::from_slice(&delivery.data).unwrap();
        assert_eq!(result["status"], "completed", "{result}");
    }

    pub(crate) async fn results(&mut self, count: usize) {
        for _ in 0..count {
            self.result().await;
        }
    }
}

async fn confirmed(confirms: &mut Vec<lapin::PublisherConfirm>) {
    for confirm in confirms.drain(..) {
        assert!(
            matches!(confirm.await.unwrap(), Confirmation::Ack(None)),
            "the jobs queue takes every job"
        );
    }
}
