//! The HTTP server of `/metrics`, `/livez` and `/readyz`.

use super::health::Health;
use anyhow::Context;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Histograms are folded at least this often, scraped or not; otherwise they grow.
const UPKEEP: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct ServerState {
    health: Health,
    metrics: PrometheusHandle,
}

/// Serves until `stop` is cancelled. Returns the address as soon as it listens.
///
/// # Errors
/// The address cannot be listened on.
pub async fn start(
    listen: &str,
    health: Health,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("telemetry.listen: cannot listen on {listen}"))?;
    let address = listener.local_addr().context("telemetry.listen")?;
    let upkeep = metrics.clone();
    let app = Router::new()
        .route("/metrics", get(exposition))
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readiness))
        .with_state(ServerState { health, metrics });
    tokio::spawn({
        let stop = stop.clone();
        async move {
            if let Err(error) = axum::serve(listener, app)
                .with_graceful_shutdown(stop.cancelled_owned())
                .await
            {
                tracing::error!(%error, "the telemetry server stopped");
            }
        }
    });
    tokio::spawn(async move {
        while tokio::time::timeout(UPKEEP, stop.cancelled())
            .await
            .is_err()
        {
            upkeep.run_upkeep();
        }
    });
    Ok(address)
}

async fn exposition(State(server): State<ServerState>) -> Response {
    metrics_process::Collector::default().collect();
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        server.metrics.render(),
    )
        .into_response()
}

async fn readiness(State(server): State<ServerState>) -> Response {
    let state = server.health.state();
    let status = if state.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut body = json!({ "ready": state.is_ready() });
    if let (Some(body), Ok(serde_json::Value::Object(fields))) =
        (body.as_object_mut(), serde_json::to_value(&state))
    {
        body.extend(fields);
        let closed = server.health.closed();
        if !closed.is_empty() {
            body.insert("closed".to_owned(), json!(closed));
        }
    }
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        format!("{body}\n"),
    )
        .into_response()
}
