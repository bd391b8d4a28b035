//! An answer on its way out, and everything that can go wrong on that way.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream::{self, StreamExt};
use std::io;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use super::calls::OpenCall;
use crate::dev::scenario::{Fault, ScriptedAnswer, WireFault};

/// Genuine answers are collected up to this size before they are broken; it is larger than any
/// object a job may name.
const MAX_BROKEN_BYTES: usize = 64 << 20;
/// Far more than any answer of the API: a client that reads without a limit fails.
const OVERSIZE_BYTES: usize = 64 << 20;
/// A client that sends more than this in vain meets a broken connection.
const MAX_DRAINED_BYTES: usize = 64 << 20;
const OVERSIZE_CHUNK: usize = 64 << 10;
const SLOW_PIECES: u8 = 20;
const SLOW_UNLESS_TOLD: Duration = Duration::from_secs(5);
const NOT_THE_API: &str = "<html><head><title>\u{fffd}</title></head><body><h1>It works!</h1>";

/// Closes the connection on which a request came, without another byte.
#[derive(Clone, Debug)]
pub(super) struct HangUp(pub(super) CancellationToken);

/// A whole document with its status, and the name under which the call is recorded.
#[derive(Debug)]
pub(super) struct SandboxReply {
    pub(super) name: String,
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
    pub(super) retry_after: Option<Duration>,
    /// The id that the document gives the call.
    pub(super) request_id: Option<String>,
}

impl SandboxReply {
    pub(super) fn json(
        name: impl Into<String>,
        http_status: u16,
        document: &impl serde::Serialize,
    ) -> Self {
        let status = StatusCode::from_u16(http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(document).unwrap_or_default().into();
        Self {
            name: name.into(),
            status,
            content_type: "application/json; charset=utf-8",
            body,
            retry_after: None,
            request_id: None,
        }
    }

    pub(super) fn identified(self, request_id: &str) -> Self {
        Self {
            request_id: Some(request_id.to_owned()),
            ..self
        }
    }

    /// A page of some proxy on the way: not a document of the API.
    pub(super) fn page(http_status: u16) -> Self {
        let status = StatusCode::from_u16(http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = format!(
            "<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center></body></html>\r\n"
        );
        Self {
            name: format!("http.{http_status}"),
            status,
            content_type: "text/html",
            body: body.into(),
            retry_after: None,
            request_id: None,
        }
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.content_type),
        );
        if let Some(pause) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(pause.as_secs()));
        }
        response
    }
}

/// Reads what is left of a request and throws it away, up to a point: a client that is refused
/// while still sending never sees the refusal.
pub(super) async fn drain(body: Body) {
    let mut stream = body.into_data_stream();
    let mut received = 0;
    while let Some(Ok(chunk)) = stream.next().await {
        received += chunk.len();
        if received > MAX_DRAINED_BYTES {
            break;
        }
    }
}

/// Sends the reply as the fault wants it, and records the call.
pub(super) async fn send(
    mut reply: SandboxReply,
    fault: Option<&Fault>,
    mut call: OpenCall,
    connection: &HangUp,
) -> Response {
    if let Some(fault) = fault {
        reply.retry_after = fault.retry_after;
        reply.status = fault
            .http_status
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(reply.status);
    }
    if let Some(request_id) = reply.request_id.take() {
        call.identified(request_id);
    }
    if let Some(Fault {
        answer: ScriptedAnswer::Broken(wire),
        delay,
        ..
    }) = fault
    {
        // A slow answer arrives in the end: it is what it is, and is paid for.
        let name = if *wire == WireFault::Slow {
            &reply.name
        } else {
            wire.as_str()
        };
        call.answer(name, reply.status.as_u16());
        return broken(reply.into_response(), *wire, *delay, call, connection).await;
    }
    call.answer(&reply.name, reply.status.as_u16());
    reply.into_response()
}

/// The response as it is after what happens to it on the wire.
pub(super) async fn broken(
    response: Response,
    wire: WireFault,
    delay: Duration,
    call: OpenCall,
    connection: &HangUp,
) -> Response {
    match wire {
        // No client gets as far as this without a connection.
        WireFault::Connect | WireFault::Timeout => never(call).await,
        WireFault::Closed => {
            connection.0.cancel();
            never(call).await
        }
        WireFault::Reset => {
            let (parts, body) = whole(response).await;
            let half = body.slice(..body.len() / 2);
            let mut cut = Response::from_parts(parts, Body::from_stream(ending_in_an_error(half)));
            cut.headers_mut()
                .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len().max(1)));
            cut
        }
        WireFault::Truncated => {
            let (mut parts, body) = whole(response).await;
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(body.slice(..body.len() / 2)))
        }
        WireFault::Malformed | WireFault::Garbage => {
            let mut garbage = Response::new(Body::from(NOT_THE_API));
            garbage
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
            garbage
        }
        WireFault::Oversize => {
            let (mut parts, body) = whole(response).await;
            parts.headers.remove(header::CONTENT_LENGTH);
            let blank = Bytes::from(vec![b' '; OVERSIZE_CHUNK]);
            let padding = stream::iter(std::iter::repeat_n(blank, OVERSIZE_BYTES / OVERSIZE_CHUNK));
            Response::from_parts(
                parts,
                Body::from_stream(padding.chain(stream::iter([body])).map(Ok::<_, io::Error>)),
            )
        }
        WireFault::Slow => {
            let (parts, body) = whole(response).await;
            Response::from_parts(parts, Body::from_stream(trickle(body, delay, call)))
        }
    }
}

/// The call stays in flight until the caller, or the sandbox, goes away.
async fn never(call: OpenCall) -> Response {
    std::future::pending::<()>().await;
    drop(call);
    Response::default()
}

async fn whole(response: Response) -> (axum::http::response::Parts, Bytes) {
    let (parts, body) = response.into_parts();
    (
        parts,
        axum::body::to_bytes(body, MAX_BROKEN_BYTES)
            .await
            .unwrap_or_default(),
    )
}

/// Yields once in between, so that the half is really sent before the connection breaks.
fn ending_in_an_error(half: Bytes) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    stream::iter([Ok(half)]).chain(stream::once(async {
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    }))
}

fn trickle(
    body: Bytes,
    delay: Duration,
    call: OpenCall,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    let over = if delay.is_zero() {
        SLOW_UNLESS_TOLD
    } else {
        delay
    };
    let piece = body.len().div_ceil(usize::from(SLOW_PIECES)).max(1);
    stream::unfold((body, call), move |(mut rest, call)| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(over / u32::from(SLOW_PIECES)).await;
        let next = rest.split_to(piece.min(rest.len()));
        Some((Ok(next), (rest, call)))
    })
}
