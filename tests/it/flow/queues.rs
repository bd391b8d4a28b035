//! Several job queues on one quota: which of them is served next, and what a job keeps of its queue.

use super::SHORT_316;
use crate::harness::eventually::eventually;
use crate::harness::ledger::ledger_of;
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::broker::{JobQueue, Message, PROGRESS, ParkedHeaders, read_parked_headers};
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use invoice_worker::domain::progress::Progress;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::HashSet;

promises![
    one_job_beside_the_backlog_of_another_queue_is_not_kept_waiting,
    calls_are_shared_out_by_weight,
    a_job_keeps_its_queue_and_submitter_while_it_is_parked,
    a_message_that_no_worker_parked_chooses_no_queue,
];

const SAMPLE: &str = "02-henan-inpatient";
/// Slow enough that a busy machine keeps up with it.
const RATE: f64 = 10.0;

/// Two job queues with these weights; the second is for a submitter.
fn with_queues(setup: &mut Setup, weights: [u32; 2]) -> [String; 2] {
    let first = setup.config.broker.jobs_queue.clone();
    let names = [first.clone(), format!("{first}.urgent")];
    let submitters = ["", "hospital-7"];
    let queues = names.iter().zip(weights).zip(submitters);
    let queues = queues.map(|((queue, weight), submitter)| JobQueue {
        queue: queue.clone(),
        weight,
        submitter: submitter.to_owned(),
    });
    setup.config.broker.jobs = queues.collect();
    names
}

async fn submit_to(system: &System, queue: &str, job: &Message) {
    let publisher = system.session.publisher();
    publisher.publish(queue, job).await.unwrap();
}

/// Submits jobs about as many pictures, which have to be paid for one by one. Returns how the sandbox
/// names the pictures.
async fn submit_many(system: &System, queue: &str, name: &str, jobs: usize) -> HashSet<String> {
    let sample = samples::named(SAMPLE).unwrap();
    let mut pictures = HashSet::new();
    for number in 0..jobs {
        let id = format!("{name}-{number}");
        // Bytes behind a picture's end make another picture of it, for those who pay.
        let picture = [sample.bytes, id.as_bytes()].concat();
        pictures.insert(hex::encode(Sha256::digest(&picture)));
        let key = format!("images/{id}");
        system.sandbox.put(BUCKET, &key, picture).await.unwrap();
        submit_to(system, queue, &system.job(&id, &key)).await;
    }
    pictures
}

/// A system at a rate that is the bottleneck, without a worker.
async fn at_a_limited_rate(on: On, weights: [u32; 2]) -> (System, [String; 2]) {
    let mut setup = Setup::new(on).await;
    setup.config.recognition.rate_per_second = RATE;
    setup.config.verification.rate_per_second = RATE;
    setup.scenario.pictures_apart = true;
    let queues = with_queues(&mut setup, weights);
    (setup.prepare().await, queues)
}

/// The subjects of the calls of recognition, in the order in which they came.
fn recognised(system: &System) -> Vec<String> {
    let calls = system.sandbox.calls().of(Stage::Recognition);
    calls.into_iter().filter_map(|call| call.subject).collect()
}

async fn one_job_beside_the_backlog_of_another_queue_is_not_kept_waiting(on: On) {
    let (mut system, [many, urgent]) = at_a_limited_rate(on, [1, 1]).await;
    submit_many(&system, &many, "many", 300).await;
    system.work().await;
    let calls = system.sandbox.calls().clone();
    eventually("a worker that has its hands full", async || {
        calls.count(Stage::Recognition).calls >= 5
    })
    .await;
    let before = recognised(&system).len();
    let one = submit_many(&system, &urgent, "one", 1).await;
    while system.result().await["job_id"] != "one-0" {}
    let after = recognised(&system);
    // Neither for a call nor for the pixels of its picture has it waited behind the others.
    let meanwhile = after.len() - before;
    assert!(
        meanwhile <= 60,
        "{meanwhile} calls were made until it was answered"
    );
    let place = after.iter().position(|subject| one.contains(subject));
    let overtook = place.unwrap() - before;
    // More than sixty jobs of the other queue were in the worker's hands, and each of them came
    // first.
    assert!(
        overtook <= 25,
        "{overtook} calls for the other queue came first"
    );
}

async fn calls_are_shared_out_by_weight(on: On) {
    let (mut system, [heavy, light]) = at_a_limited_rate(on, [3, 1]).await;
    let of_heavy = submit_many(&system, &heavy, "heavy", 120).await;
    let of_light = submit_many(&system, &light, "light", 60).await;
    system.work().await;
    let calls = system.sandbox.calls().clone();
    eventually("a hundred calls", async || {
        calls.count(Stage::Recognition).calls >= 110
    })
    .await;
    let calls = recognised(&system);
    // At first the images are on their way.
    let calls = &calls[10..];
    let of = |pictures: &HashSet<String>| {
        let calls = calls.iter().take(100);
        calls.filter(|call| pictures.contains(*call)).count()
    };
    let (heavy, light) = (of(&of_heavy), of(&of_light));
    assert_eq!(heavy + light, calls.len().min(100));
    assert!(
        (71..=79).contains(&heavy),
        "75 within 5 %: {heavy} and {light}"
    );
}

async fn a_job_keeps_its_queue_and_submitter_while_it_is_parked(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\ncalls = [1]\n";
    let mut setup = Setup::new(on).await.faults(faults).rules(SHORT_316);
    let queues = with_queues(&mut setup, [1, 1]);
    let mut system = setup.start().await;
    let key = system.sample(SAMPLE).await;
    submit_to(&system, &queues[1], &system.job("CLM-1", &key)).await;
    assert_eq!(system.result().await["status"], "completed");
    system.drain().await;
    let events = ledger_of(&system).await;
    // It may have hopped in between, which is no event.
    let submitters: Vec<_> = events
        .iter()
        .map(|event| event.submitter.as_deref())
        .collect();
    assert_eq!(submitters, [Some("hospital-7"); 2]);
    assert_eq!(events[0].turn, 0);
    assert!(events[1].turn > 0);
}

async fn a_message_that_no_worker_parked_chooses_no_queue(on: On) {
    let mut setup = Setup::new(on).await;
    let queues = with_queues(&mut setup, [1, 1_000]);
    let mut system = setup.start().await;
    let key = system.sample(SAMPLE).await;
    let mut forged = system.job("CLM-1", &key);
    let past = json!({ "v": 1, "queue": queues[1] });
    let headers = &mut forged.properties.headers;
    headers.set_text(PROGRESS, &past.to_string());
    let due = system.config.broker.due_queue.clone();
    submit_to(&system, &due, &forged).await;
    assert_eq!(system.result().await["status"], "completed");
    system.drain().await;
    let events = ledger_of(&system).await;
    assert_eq!(events[0].submitter.as_deref(), Some(BUCKET));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_job_carries_its_queue_under_the_seal_and_its_priority() {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\n";
    let mut setup = Setup::new(On::RabbitMq).await.faults(faults);
    let queues = with_queues(&mut setup, [1, 1]);
    let system = setup.start().await;
    let key = system.sample(SAMPLE).await;
    let mut job = system.job("CLM-1", &key);
    job.properties.priority = Some(7);
    submit_to(&system, &queues[1], &job).await;
    let parked = system.take(&system.longest_wait()).await;
    let ParkedHeaders::Valid(state) = read_parked_headers(&parked, &system.config.sealer()) else {
        panic!("no valid seal")
    };
    let run = invoice_worker::broker::run_id(&parked);
    let progress = Progress::from_header(&state.progress, &run).unwrap();
    assert_eq!(progress.delivered.queue.as_ref(), Some(&queues[1]));
    assert_eq!(parked.properties.priority, Some(7));
}
