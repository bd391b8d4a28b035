//! The way to the collector of traces. It may be down for as long as it likes: spans are lost, jobs
//! go on, and the log says it once when it begins and once when it is over.

use crate::network::connection_cause;
use futures_util::future::BoxFuture;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// How long one export may take.
pub(super) const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// Answers of collectors are empty, or say how many spans were refused.
const MOST_ANSWERED: usize = 64 << 10;

/// Requests are made on the runtime: spans are exported from a thread of their own, which has none.
#[derive(Debug)]
pub(super) struct CollectorClient {
    client: reqwest::Client,
    runtime: Handle,
    /// Whether the last request failed.
    fails: Arc<AtomicBool>,
}

impl CollectorClient {
    pub(super) fn new(client: reqwest::Client) -> Self {
        Self {
            client,
            runtime: Handle::current(),
            fails: Arc::default(),
        }
    }
}

impl HttpClient for CollectorClient {
    fn send_bytes<'client, 'request>(
        &'client self,
        request: Request<Bytes>,
    ) -> BoxFuture<'request, Result<Response<Bytes>, HttpError>>
    where
        'client: 'request,
        Self: 'request,
    {
        let (client, fails) = (self.client.clone(), Arc::clone(&self.fails));
        let sending = self.runtime.spawn(async move {
            let answer = send(&client, request).await;
            report(&answer, &fails);
            answer.map_err(HttpError::from)
        });
        Box::pin(async { sending.await? })
    }
}

/// # Errors
/// The reason why there is no answer, in words.
async fn send(
    client: &reqwest::Client,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, String> {
    let (parts, body) = request.into_parts();
    let sending = client
        .request(parts.method, parts.uri.to_string())
        .headers(parts.headers)
        .timeout(EXPORT_TIMEOUT)
        .body(body);
    let mut answer = sending.send().await.map_err(words)?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = answer.status();
    response.headers_mut().clone_from(answer.headers());
    let mut read = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(words)? {
        if read.len() + chunk.len() > MOST_ANSWERED {
            return Err("its answer is too long".to_owned());
        }
        read.extend_from_slice(&chunk);
    }
    Ok(response.map(|_| read.into()))
}

/// Says once that the collector does not take spans, and once that it does again.
fn report(answer: &Result<Response<Bytes>, String>, fails: &AtomicBool) {
    let problem = match answer {
        Ok(answer) if answer.status().is_success() => None,
        Ok(answer) => Some(format!("it answers {}", answer.status())),
        Err(problem) => Some(problem.clone()),
    };
    let failed_before = fails.swap(problem.is_some(), Ordering::Relaxed);
    match problem {
        Some(problem) if !failed_before => tracing::warn!(
            problem,
            "the collector of traces does not take spans: they are lost until it does, jobs go on"
        ),
        None if failed_before => tracing::info!("the collector of traces takes spans again"),
        Some(_) | None => {}
    }
}

fn words(error: reqwest::Error) -> String {
    let cause = connection_cause(&error);
    cause.unwrap_or_else(|| error.without_url().to_string())
}
