//! One port for everything: the providers under `/ocr`, the sandbox's own pages under `/sandbox`,
//! the store under any other path.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{any, get, post};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use s3s::service::S3Service;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::app::SandboxApp;
use super::reply::{HangUp, SandboxReply};
use super::{recognition, storage, verification};
use crate::domain::failure::Stage;

/// The largest multipart body; the other extractors have limits of their own.
const MAX_MULTIPART_BYTES: usize = 12 << 20;
/// After an `accept` that failed: for want of file descriptors, say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Paths under `/ocr` and `/sandbox` are no buckets here.
pub(super) fn router(app: Arc<SandboxApp>, s3: S3Service) -> Router {
    Router::new()
        .route("/ocr/medical/{*path}", any(verification::answer))
        .route("/ocr/{*path}", any(recognition::answer))
        .route("/ocr", any(recognition::answer))
        .route("/sandbox/calls", get(calls))
        .route("/sandbox/reset", post(reset))
        .fallback(any(storage::answer))
        .layer(Extension(s3))
        .layer(DefaultBodyLimit::max(MAX_MULTIPART_BYTES))
        .with_state(app)
}

/// Until `stop`: then connections are closed where they stand.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let connections = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, router.clone(), stop.child_token()));
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections.close();
    connections.wait().await;
}

async fn connection(stream: TcpStream, router: Router, hang_up: CancellationToken) {
    // Small answers are not to wait for each other.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router.layer(Extension(HangUp(hang_up.clone()))));
    let builder = Builder::new(TokioExecutor::new()).http1_only();
    let served = hang_up
        .run_until_cancelled(builder.serve_connection(TokioIo::new(stream), service))
        .await;
    if let Some(Err(error)) = served {
        // Callers that give up are what a sandbox is for.
        tracing::debug!(error, "a connection ended");
    }
}

async fn calls(State(app): State<Arc<SandboxApp>>) -> Response {
    let document = json!({
        "recognition": app.calls.count(Stage::Recognition),
        "verification": app.calls.count(Stage::Verification),
        "storage": app.calls.count(Stage::Storage),
        "calls": app.calls.all(),
    });
    SandboxReply::json("calls", 200, &document).into_response()
}

async fn reset(State(app): State<Arc<SandboxApp>>) -> StatusCode {
    app.reset();
    StatusCode::NO_CONTENT
}
