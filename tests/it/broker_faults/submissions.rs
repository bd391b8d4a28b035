//! What a submitter's client may put on a job: users, expirations, copies to others, and reply
//! queues that are none.

use crate::harness::rabbitmq;
use crate::harness::system::{On, PATIENCE, Setup, System};
use futures_util::StreamExt;
use invoice_worker::telemetry::job_event::JobEvent;
use jiff::{SignedDuration, Timestamp};
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::{Value, json};
use tokio::time::timeout;

const DIRECT: &str = "amq.rabbitmq.reply-to";
/// Parked once, for a moment.
const ONCE: &str = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\ncalls = [1]\n";
const FOR_A_MOMENT: &str = r#"
    [[rule]]
    stage = "verification"
    code = ["316"]
    do = [{ action = "park", delays = ["300ms"], attempts = 2 }, { action = "fail" }]
    billed = "yes"
    reason = "shortened"
"#;
/// For longer than the job lives.
const FOR_AN_HOUR: &str = r#"
    [[rule]]
    stage = "verification"
    code = ["316"]
    do = [{ action = "park", delays = ["1h"], attempts = 2 }, { action = "fail" }]
    billed = "yes"
    reason = "lengthened"
"#;

/// In milliseconds, on a slow machine, too.
const LONG_ENOUGH_FOR_A_FIRST_TRY: &str = "10000";

/// A client of its own.
struct Submitter {
    connection: Connection,
    channel: Channel,
}

impl Submitter {
    async fn new() -> Self {
        let connection =
            Connection::connect(&rabbitmq::url().await, ConnectionProperties::default())
                .await
                .unwrap();
        let channel = connection.create_channel().await.unwrap();
        Self {
            connection,
            channel,
        }
    }

    async fn submit(&self, system: &System, id: &str, properties: BasicProperties) {
        let key = system.sample("01-beijing-outpatient").await;
        let body = json!({ "job_id": id, "image": { "key": key } }).to_string();
        let queue = system.config.broker.jobs_queue.as_str().into();
        let publishing = self.channel.basic_publish(
            "".into(),
            queue,
            BasicPublishOptions::default(),
            body.as_bytes(),
            properties,
        );
        publishing.await.unwrap().await.unwrap();
    }

    /// Asks for direct replies, as its own channel must.
    async fn listens(&self) -> lapin::Consumer {
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        self.channel
            .basic_consume(DIRECT.into(), "".into(), options, FieldTable::default())
            .await
            .unwrap()
    }
}

fn replying_to(system: &System) -> BasicProperties {
    BasicProperties::default().with_reply_to(system.reply_to.as_str().into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_a_foreign_user_with_copies_to_others_is_parked_and_answered_once() {
    let mut system = Setup::new(On::RabbitMq)
        .await
        .faults(ONCE)
        .rules(FOR_A_MOMENT)
        .start()
        .await;
    let submitter = Submitter::new().await;
    let copies = ["cc", "bcc"].map(|name| format!("{}.{name}", system.reply_to));
    let mut headers = FieldTable::default();
    for (header, queue) in ["CC", "BCC"].into_iter().zip(&copies) {
        submitter
            .channel
            .queue_declare(
                queue.as_str().into(),
                QueueDeclareOptions::default(),
                FieldTable::default(),
            )
            .await
            .unwrap();
        let queues = FieldArray::from(vec![AMQPValue::LongString(queue.as_str().into())]);
        headers.insert(header.into(), AMQPValue::FieldArray(queues));
    }
    // Sent again as it is, it would close the channel: the worker is not this user.
    let properties = replying_to(&system)
        .with_user_id("guest".into())
        .with_headers(headers);
    submitter.submit(&system, "copied", properties).await;
    let result = system.result().await;
    assert_eq!(
        (&result["job_id"], &result["verdict"]),
        (&json!("copied"), &json!("genuine")),
        "{result}"
    );
    assert!(matches!(system.event().await, JobEvent::Parked(_)));
    system.drain().await;
    assert!(system.replies_so_far().await.is_empty());
    for queue in &copies {
        assert_eq!(
            system.depth(queue).await,
            1,
            "what the submitter sent, and no parked copy: {queue}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expiration_ends_a_wait_and_loses_no_job() {
    let mut system = Setup::new(On::RabbitMq)
        .await
        .faults(ONCE)
        .rules(FOR_AN_HOUR)
        .start()
        .await;
    let submitter = Submitter::new().await;
    submitter
        .submit(
            &system,
            "short",
            replying_to(&system).with_expiration(LONG_ENOUGH_FOR_A_FIRST_TRY.into()),
        )
        .await;
    let result = system.result().await;
    assert_eq!(
        (&result["job_id"], &result["status"]),
        (&json!("short"), &json!("undetermined")),
        "{result}"
    );
    assert_eq!(
        result["error"]["code"], "316",
        "there was no time to ask again"
    );
    system.drain().await;
    assert_eq!(system.depth(&system.config.broker.failed_queue).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_expiration_is_a_deadline_and_nothing_more() {
    let mut system = Setup::new(On::RabbitMq)
        .await
        .faults(ONCE)
        .rules(FOR_AN_HOUR)
        .start()
        .await;
    let submitter = Submitter::new().await;
    submitter
        .submit(
            &system,
            "long",
            replying_to(&system).with_expiration("7200000".into()),
        )
        .await;
    let JobEvent::Parked(parked) = system.event().await else {
        panic!("it has the time to wait")
    };
    assert!(
        parked.until.duration_since(Timestamp::now()) > SignedDuration::from_mins(40),
        "{}",
        parked.until
    );
    // The broker does not count its life in the delay queue: only the queue's own time ends the
    // wait.
    system.wake(&system.longest_wait(), 1).await;
    assert_eq!(system.result().await["verdict"], "genuine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_expires_before_a_worker_comes_is_kept_with_the_failed_ones() {
    let system = Setup::new(On::RabbitMq).await.prepare().await;
    Submitter::new()
        .await
        .submit(
            &system,
            "unseen",
            replying_to(&system).with_expiration("50".into()),
        )
        .await;
    let kept = system.take(&system.config.broker.failed_queue).await;
    let body: Value = serde_json::from_slice(&kept.body).unwrap();
    assert_eq!(body["job_id"], "unseen");
    assert_eq!(
        kept.properties
            .headers
            .death()
            .map(|death| death.reason)
            .as_deref(),
        Some("expired")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requester_that_waits_has_its_direct_reply_and_one_that_is_gone_has_it_kept() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let (waiting, gone) = (Submitter::new().await, Submitter::new().await);
    let mut replies = waiting.listens().await;
    let unheard = gone.listens().await;
    let direct = || BasicProperties::default().with_reply_to(DIRECT.into());
    waiting.submit(&system, "waiting", direct()).await;
    gone.submit(&system, "gone", direct()).await;
    gone.connection.close(200, "OK".into()).await.unwrap();
    drop(unheard);
    system.work().await;

    let reply = timeout(PATIENCE, replies.next())
        .await
        .expect("a reply in time")
        .unwrap()
        .unwrap();
    let result: Value = serde_json::from_slice(&reply.data).unwrap();
    assert_eq!(
        (&result["job_id"], &result["verdict"]),
        (&json!("waiting"), &json!("genuine")),
        "{result}"
    );
    let kept = system.take(&system.config.broker.results_queue).await;
    let result: Value = serde_json::from_slice(&kept.body).unwrap();
    assert_eq!(
        (&result["job_id"], &result["verdict"]),
        (&json!("gone"), &json!("genuine")),
        "{result}"
    );
    system.drain().await;
    assert_eq!(system.depth(&system.config.broker.results_queue).await, 0);
}
