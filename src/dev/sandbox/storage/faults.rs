//! The scenario's faults in front of the S3 server, and the record of its calls.

use axum::extract::{Extension, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use s3s::service::S3Service;
use std::sync::Arc;

use crate::dev::sandbox::app::SandboxApp;
use crate::dev::sandbox::codes;
use crate::dev::sandbox::reply::{self, HangUp, SandboxReply};
use crate::dev::sandbox::samples;
use crate::dev::sandbox::signature;
use crate::dev::scenario::{CallFacts, Fault, ScriptedAnswer, WireFault};
use crate::domain::failure::Stage;

/// Whatever is not asked of the providers is asked of the store; path style.
pub(in crate::dev) async fn answer(
    State(app): State<Arc<SandboxApp>>,
    Extension(service): Extension<S3Service>,
    Extension(connection): Extension<HangUp>,
    request: Request,
) -> Response {
    let mut call = app.calls.begin(Stage::Storage);
    let asked = Asked::of(&request);
    let name = format!(
        "{} {}",
        asked.operation,
        asked.key.as_deref().unwrap_or(&asked.bucket)
    );
    let facts = CallFacts {
        sample: asked.sample(),
        key: asked.key.as_deref(),
        operation: Some(asked.operation),
        ..CallFacts::default()
    };
    let fault = app.fault(Stage::Storage, &name, facts, &mut call).await;
    if let Some(scripted) =
        fault.and_then(|fault| scripted(fault, request.method(), request.uri().path()))
    {
        reply::drain(request.into_body()).await;
        return reply::send(scripted, fault, call, &connection).await;
    }
    // A call that is broken afterwards is carried out all the same: the client does not know what
    // became of it.
    let response = genuine(&service, request).await;
    call.sends(announced(&response));
    let Some(Fault {
        answer: ScriptedAnswer::Broken(wire),
        delay,
        ..
    }) = fault
    else {
        call.answer(response.status().as_str(), response.status().as_u16());
        return response;
    };
    call.answer(wire.as_str(), response.status().as_u16());
    // What S3 breaks off, it has announced in full.
    let wire = if *wire == WireFault::Truncated {
        WireFault::Reset
    } else {
        *wire
    };
    reply::broken(response, wire, *delay, call, &connection).await
}

struct Asked {
    operation: &'static str,
    bucket: String,
    key: Option<String>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let path = String::from_utf8_lossy(&signature::decode(request.uri().path())).into_owned();
        let path = path.trim_start_matches('/');
        let (bucket, key) = path
            .split_once('/')
            .filter(|(_, key)| !key.is_empty())
            .map_or((path, None), |(bucket, key)| (bucket, Some(key)));
        let operation = match (request.method(), key) {
            // A presigned address: only the providers use one.
            (&Method::GET, Some(_)) if is_presigned(request.uri().query()) => "fetch",
            (&Method::GET, Some(_)) => "get",
            (&Method::HEAD, Some(_)) => "head",
            (&Method::PUT, Some(_)) => "put",
            (&Method::DELETE, Some(_)) => "delete",
            (&Method::GET, None) => "list",
            _ => "bucket",
        };
        Self {
            operation,
            bucket: bucket.trim_end_matches('/').to_owned(),
            key: key.map(str::to_owned),
        }
    }

    /// Objects are known by the name of the file they were uploaded from.
    fn sample(&self) -> Option<&'static str> {
        let file = self.key.as_deref()?.rsplit('/').next()?;
        samples::all()
            .iter()
            .find(|sample| sample.file == file)
            .map(|sample| sample.name)
    }
}

fn is_presigned(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.contains("X-Amz-Signature="))
}

fn announced(response: &Response) -> u64 {
    let length = response.headers().get(header::CONTENT_LENGTH);
    length
        .and_then(|length| length.to_str().ok()?.parse().ok())
        .unwrap_or_default()
}

fn scripted(fault: &Fault, method: &Method, path: &str) -> Option<SandboxReply> {
    match &fault.answer {
        ScriptedAnswer::Genuine | ScriptedAnswer::Broken(_) => None,
        ScriptedAnswer::Http(status) | ScriptedAnswer::Code(status) => {
            Some(SandboxReply::page(*status))
        }
        ScriptedAnswer::Named(code) => {
            let known = codes::documented(Stage::Storage, code);
            let status = known
                .and_then(|known| StatusCode::from_u16(known.http_status).ok())
                .unwrap_or(StatusCode::BAD_REQUEST);
            let message = fault
                .message
                .as_deref()
                .or(known.map(|known| known.message))
                .unwrap_or("undocumented");
            let document = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message><Resource>{}</Resource></Error>",
                escaped(code),
                escaped(message),
                escaped(path)
            );
            let body = if method == Method::HEAD {
                Bytes::new()
            } else {
                document.into()
            };
            Some(SandboxReply {
                name: code.clone(),
                status,
                content_type: "application/xml",
                body,
                retry_after: None,
                request_id: None,
            })
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

async fn genuine(service: &S3Service, request: Request) -> Response {
    match service.call(request.map(s3s::Body::http_body_unsync)).await {
        Ok(response) => {
            let mut response = response.map(axum::body::Body::new);
            if response.status() == StatusCode::NO_CONTENT {
                response.headers_mut().remove(header::CONTENT_LENGTH);
            }
            response
        }
        Err(error) => {
            tracing::error!(?error, "the store could not answer");
            let mut response = Response::default();
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}
