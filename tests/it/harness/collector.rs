//! A collector of traces: takes OTLP over HTTP, as any collector does, and keeps the spans.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// Everything that was exported to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exported {
    pub(crate) spans: Vec<Span>,
    pub(crate) resource: BTreeMap<String, String>,
    /// Whatever was no export.
    pub(crate) refused: usize,
}

pub(crate) struct Collector {
    pub(crate) url: String,
    exported: Arc<Mutex<Exported>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn on(listener: TcpListener) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let exported = Arc::default();
        let app = Router::new()
            .route("/v1/traces", post(export))
            .with_state(Arc::clone(&exported));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, exported }
    }

    pub(crate) fn exported(&self) -> Exported {
        self.exported.lock().unwrap().clone()
    }
}

async fn export(
    State(exported): State<Arc<Mutex<Exported>>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    let is_protobuf = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body);
    let mut exported = exported.lock().unwrap();
    let Some(request) = request.ok().filter(|_| is_protobuf) else {
        exported.refused += 1;
        return (StatusCode::BAD_REQUEST, Vec::new());
    };
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.unwrap_or_default();
        exported.resource.extend(texts(&resource.attributes));
        let of_scopes = of_resource.scope_spans.into_iter();
        exported
            .spans
            .extend(of_scopes.flat_map(|scope| scope.spans));
    }
    let answer = ExportTraceServiceResponse::default().encode_to_vec();
    (StatusCode::OK, answer)
}

/// Attributes as text, whatever they are.
pub(crate) fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|any| any.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::BoolValue(flag)) => flag.to_string(),
        other => format!("{other:?}"),
    };
    attributes
        .iter()
        .map(|attribute| (attribute.key.clone(), text(&attribute.value)))
        .collect()
}
