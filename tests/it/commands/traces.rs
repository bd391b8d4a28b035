//! Traces: a collector gets the spans of a job in the trace of its submitter, and one that is down
//! costs nothing.

use crate::harness::collector::{Collector, Exported, texts};
use crate::harness::eventually::eventually;
use crate::harness::program::{ConfigFile, Program};
use crate::harness::rabbitmq::free_port;
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::Message;
use invoice_worker::dev::sandbox::samples;
use invoice_worker::settings::units::span;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use std::collections::BTreeSet;
use tokio::net::TcpListener;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SUBMITTER: &str = "00f067aa0ba902b7";
const ENDPOINT: &str = "INVOICE_WORKER__TELEMETRY__OTLP_ENDPOINT";

/// A job whose province is in maintenance at the first call, and answers a second later.
const PARKED_ONCE: &str = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\ncalls = [1]\n";
const BRIEFLY: &str = r#"
    [[rule]]
    stage = "verification"
    code = ["316"]
    do = [{ action = "park", delays = ["1s"], attempts = 2 }, { action = "fail" }]
    scope = "none"
    billed = "yes"
    reason = "the province is in maintenance"
"#;

/// The one delay queue overshoots: the job comes back when its wait is over, in its second turn, and
/// not sooner.
async fn parked_once() -> System {
    let mut setup = Setup::new(On::RabbitMq).await.faults(PARKED_ONCE);
    setup.config.broker.retry_delays = vec![span("1s")];
    setup.prepare().await
}

fn run(system: &System, endpoint: &str) -> (ConfigFile, Program) {
    let file = ConfigFile::of(system);
    let rules = file.file("rules.toml");
    std::fs::write(&rules, BRIEFLY).unwrap();
    let program = file.run(&[
        (ENDPOINT, endpoint),
        ("INVOICE_WORKER__POLICY__FILE", &rules.display().to_string()),
    ]);
    (file, program)
}

async fn traced(system: &System, sample: &str, id: &str, flags: &str) -> Message {
    let mut job = system.job(id, &system.sample(sample).await);
    let headers = &mut job.properties.headers;
    headers.set_text("traceparent", &format!("00-{TRACE}-{SUBMITTER}-{flags}"));
    headers.set_text("tracestate", "vendor=1");
    job
}

fn of_trace(exported: &Exported, trace: &str) -> Vec<Span> {
    let spans = exported.spans.iter();
    spans
        .filter(|span| hex::encode(&span.trace_id) == trace)
        .cloned()
        .collect()
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// The two turns of a job that was parked once, the first one first.
fn turns<'a>(spans: &'a [Span], system: &System) -> (&'a Span, &'a Span) {
    let queues = &system.config.broker;
    let first = named(spans, &format!("process {}", queues.jobs_queue));
    let second = named(spans, &format!("process {}", queues.due_queue));
    assert_eq!((first.len(), second.len()), (1, 1), "{spans:#?}");
    (first[0], second[0])
}

#[tokio::test]
async fn a_jobs_turns_are_in_the_trace_of_its_submitter_and_linked() {
    let collector = Collector::start().await;
    let mut system = parked_once().await;
    let (_file, mut program) = run(&system, &collector.url);
    program.event("consuming").await;
    let sample = "01-beijing-outpatient";
    let job = traced(&system, sample, "CLM-1", "01").await;
    system.submit(&job).await;
    let reply = system.reply().await;
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    // What is left is exported before the process ends.
    let exported = collector.exported();
    assert_eq!(exported.refused, 0);
    let spans = of_trace(&exported, TRACE);
    assert_eq!(spans.len(), exported.spans.len(), "all in one trace");
    let (first, second) = turns(&spans, &system);
    for turn in [first, second] {
        assert_eq!(hex::encode(&turn.parent_span_id), SUBMITTER);
        assert_eq!(turn.kind, SpanKind::Consumer as i32);
        assert_eq!(turn.trace_state, "vendor=1");
        let attributes = texts(&turn.attributes);
        assert_eq!(attributes["messaging.system"], "rabbitmq");
        assert_eq!(attributes["messaging.operation.type"], "process");
        assert_eq!(attributes["job.id"], "CLM-1");
        assert_eq!(attributes["job.run"].len(), 64);
    }
    assert_eq!(
        texts(&first.attributes)["job.parked_for"],
        "verification 316"
    );
    assert_eq!(texts(&second.attributes)["job.verdict"], "genuine");
    assert!(first.links.is_empty());
    assert_eq!(second.links.len(), 1);
    assert_eq!(second.links[0].span_id, first.span_id);
    assert_eq!(hex::encode(&second.links[0].trace_id), TRACE);

    let below = |turn: &Span| -> BTreeSet<String> {
        let children = spans.iter();
        children
            .filter(|span| span.parent_span_id == turn.span_id)
            .map(|span| span.name.clone())
            .collect()
    };
    let names = |names: &[&str]| {
        names
            .iter()
            .map(ToString::to_string)
            .collect::<BTreeSet<_>>()
    };
    let of_first = names(&[
        "load image",
        "checkpoint find",
        "recognition",
        "verification",
        "publish parked",
    ]);
    assert!(below(first).is_superset(&of_first), "{:?}", below(first));
    let of_second = names(&[
        "load image",
        "verification",
        "checkpoint keep",
        "publish result",
    ]);
    assert!(below(second).is_superset(&of_second), "{:?}", below(second));

    let recognition = named(&spans, "recognition")[0];
    let call = named(&spans, "call recognition")[0];
    assert_eq!(call.parent_span_id, recognition.span_id);
    assert_eq!(call.kind, SpanKind::Client as i32);
    assert_eq!(texts(&call.attributes)["invoice.code"], "200");
    assert_eq!(texts(&call.attributes)["invoice.billed"], "yes");
    assert_eq!(named(&spans, "call verification").len(), 2);
    assert_eq!(named(&spans, "wait for quota").len(), 3);
    assert!(!named(&spans, "store get").is_empty() && !named(&spans, "store put").is_empty());

    // The result carries the trace on.
    let publish = named(&spans, "publish result")[0];
    assert_eq!(publish.kind, SpanKind::Producer as i32);
    let headers = &reply.properties.headers;
    let parent = format!("00-{TRACE}-{}-01", hex::encode(&publish.span_id));
    assert_eq!(headers.text("traceparent"), Some(parent));
    assert_eq!(headers.text("tracestate").as_deref(), Some("vendor=1"));

    assert_eq!(exported.resource["service.name"], "invoice-worker");
    assert_eq!(
        exported.resource["service.version"],
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(exported.resource["service.instance.id"].len(), 16);
    tells_nothing_private(&exported, sample);
}

/// No attribute has a text of the bill, or the key of its image, which may name a person.
fn tells_nothing_private(exported: &Exported, sample: &str) {
    let told = format!("{exported:?}");
    let sample = samples::named(sample).unwrap();
    assert!(
        !told.contains(sample.file) && !told.contains("X-Amz"),
        "{told}"
    );
    for private in ["张样例", "0103815274", "correlation of"] {
        assert!(!told.contains(private), "{private}: {told}");
    }
}

#[tokio::test]
async fn a_job_without_a_trace_begins_one_at_each_turn_and_links_them() {
    let collector = Collector::start().await;
    let mut system = parked_once().await;
    let (_file, mut program) = run(&system, &collector.url);
    program.event("consuming").await;
    let key = system.sample("01-beijing-outpatient").await;
    system.ask(&system.job("CLM-1", &key)).await;
    assert_eq!(program.stop().await.code, Some(0));
    let exported = collector.exported();
    let (first, second) = turns(&exported.spans, &system);
    assert!(first.parent_span_id.is_empty() && second.parent_span_id.is_empty());
    assert_ne!(first.trace_id, second.trace_id);
    assert_eq!(second.links.len(), 1);
    let link = &second.links[0];
    assert_eq!(
        (&link.trace_id, &link.span_id),
        (&first.trace_id, &first.span_id)
    );
}

#[tokio::test]
async fn a_trace_that_its_submitter_does_not_sample_is_carried_on_and_not_exported() {
    let collector = Collector::start().await;
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let (_file, mut program) = run(&system, &collector.url);
    program.event("consuming").await;
    let job = traced(&system, "01-beijing-outpatient", "CLM-1", "00").await;
    system.submit(&job).await;
    let parent = system.reply().await.properties.headers.text("traceparent");
    let parent = parent.unwrap();
    assert!(
        parent.starts_with(&format!("00-{TRACE}-")) && parent.ends_with("-00"),
        "{parent}"
    );
    assert_eq!(program.stop().await.code, Some(0));
    assert!(collector.exported().spans.is_empty());
}

#[tokio::test]
async fn without_an_endpoint_the_submitters_trace_is_carried_on_as_it_came() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let (_file, mut program) = run(&system, "");
    program.event("consuming").await;
    let job = traced(&system, "01-beijing-outpatient", "CLM-1", "01").await;
    system.submit(&job).await;
    let reply = system.reply().await;
    for header in ["traceparent", "tracestate"] {
        let (sent, came) = (&job.properties.headers, &reply.properties.headers);
        assert_eq!(came.text(header), sent.text(header), "{header}");
    }
    assert_eq!(program.stop().await.code, Some(0));
}

const DOWN: &str =
    "the collector of traces does not take spans: they are lost until it does, jobs go on";

#[tokio::test]
async fn a_collector_that_is_down_is_told_once_and_jobs_go_on() {
    let port = free_port();
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let (_file, mut program) = run(&system, &format!("http://127.0.0.1:{port}"));
    program.event("consuming").await;
    let key = system.sample("01-beijing-outpatient").await;
    assert_eq!(
        system.ask(&system.job("CLM-1", &key)).await["verdict"],
        "genuine"
    );
    let told = program.event(DOWN).await;
    assert!(
        told["problem"]
            .as_str()
            .unwrap()
            .contains("nothing listens"),
        "{told}"
    );
    system.ask(&system.job("CLM-2", &key)).await;

    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let collector = Collector::on(listener);
    system.ask(&system.job("CLM-3", &key)).await;
    program
        .event("the collector of traces takes spans again")
        .await;
    eventually("the spans of the job", async || {
        !collector.exported().spans.is_empty()
    })
    .await;
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches(DOWN).count(), 1, "{}", ended.stderr);
}
