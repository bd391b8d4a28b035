//! Traces: a span for each turn of a job and for what it waits for, exported over OTLP (HTTP with
//! protobuf) to `telemetry.otlp_endpoint`.
//!
//! Spans are those of the `tracing` library with a target of their own. Without an endpoint there is
//! no layer that wants them, and they cost one load of an atomic each. No attribute holds patient
//! data, credentials, keys of objects, addresses or messages of providers: ids of job and run, names
//! of queues and stages, codes.
//!
//! | file | what it does |
//! | --- | --- |
//! | `span` | the spans, with the names of the semantic conventions |
//! | `context` | the context of a trace, taken from and put into the headers of messages |
//! | `collector` | the way to the collector, and whether it takes spans |

mod collector;
mod context;
mod span;

pub use context::{carried, current, follows};
pub use span::{
    call, call_ended, checkpoint, image, job, job_ended, job_known, job_parked, publish, quota,
    record_error, stage, store,
};

use super::instance::Instance;
use crate::build_info::VERSION;
use anyhow::Context;
use collector::{CollectorClient, EXPORT_TIMEOUT};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider,
};
use span::TARGET;
use std::time::Duration;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;
use url::Url;

/// The path of traces in OTLP over HTTP.
const PATH: &str = "/v1/traces";
/// Spans that wait for the next export. Further ones are lost: jobs never wait for a collector.
const QUEUED_SPANS: usize = 4_096;
const EXPORT_EVERY: Duration = Duration::from_secs(2);
/// How long the end of the process may be put off by spans that are left.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The export of spans to a collector.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Has to be called within the runtime, on which `client` is used. Nothing is connected yet.
    ///
    /// # Errors
    /// The endpoint cannot be used.
    pub fn new(
        endpoint: &str,
        client: reqwest::Client,
        instance: &Instance,
    ) -> anyhow::Result<Self> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(CollectorClient::new(client))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(traces_url(endpoint)?)
            .with_timeout(EXPORT_TIMEOUT)
            .build()
            .context("telemetry.otlp_endpoint")?;
        let queue = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUED_SPANS)
            .with_max_export_batch_size(QUEUED_SPANS / 8)
            .with_scheduled_delay(EXPORT_EVERY)
            .build();
        let processor = BatchSpanProcessor::builder(exporter)
            .with_batch_config(queue)
            .build();
        let resource = Resource::builder()
            .with_service_name("invoice-worker")
            .with_attributes([
                KeyValue::new("service.version", VERSION),
                KeyValue::new("service.instance.id", instance.worker_id.clone()),
                KeyValue::new("host.name", instance.host.clone()),
            ])
            .build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            // A submitter that samples decides for its jobs.
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
            .with_span_processor(processor)
            .build();
        Ok(Self(provider))
    }

    /// The layer that gets our spans, and nothing else: events of the log are no part of them.
    pub(super) fn layer<S>(&self) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("invoice-worker"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|metadata: &Metadata<'_>| {
                metadata.is_span() && metadata.target() == TARGET
            }))
            .boxed()
    }

    /// Exports what is left, within a few seconds, and ends.
    pub async fn flush(self) {
        let flushing =
            tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(FLUSH_TIMEOUT));
        // An error means that the collector did not take them, which was logged.
        let _ = flushing.await;
    }
}

/// The address of traces: an endpoint without a path is the base of all signals.
///
/// # Errors
/// It is no URL of a collector.
pub(super) fn traces_url(endpoint: &str) -> anyhow::Result<String> {
    let mut url: Url = endpoint.parse().context("telemetry.otlp_endpoint")?;
    if url.path().trim_matches('/').is_empty() {
        url.set_path(PATH);
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_base_or_the_whole_address() {
        for (endpoint, url) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://collector/", "https://collector/v1/traces"),
            (
                "http://collector/otlp/traces",
                "http://collector/otlp/traces",
            ),
        ] {
            assert_eq!(traces_url(endpoint).unwrap(), url);
        }
        assert!(traces_url("collector:4318/x y").is_err() || traces_url("").is_err());
    }
}
