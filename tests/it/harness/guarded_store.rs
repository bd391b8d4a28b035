//! A store in front of the sandbox's, for one user, who may do with it what the policies allow.

use super::access_policy::{AccessRequest, allows};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONNECTION, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

const FORBIDDEN: &str =
    "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>denied</Message></Error>";

/// Serves for as long as the test's runtime lives.
#[derive(Clone)]
pub(crate) struct GuardedStore {
    pub(crate) url: String,
    behind: String,
    principal: &'static str,
    policies: Arc<[Value]>,
    client: reqwest::Client,
    /// Each action that was asked for, and whether it was allowed.
    asked: Arc<Mutex<BTreeSet<(String, bool)>>>,
}

impl GuardedStore {
    pub(crate) async fn start(behind: &str, principal: &'static str, policies: &[Value]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let guarded = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            behind: behind.trim_end_matches('/').to_owned(),
            principal,
            policies: policies.into(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            asked: Arc::default(),
        };
        let app = Router::new().fallback(answer).with_state(guarded.clone());
        let app = app.layer(axum::extract::DefaultBodyLimit::disable());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        guarded
    }

    /// The actions that were asked for and allowed, or denied.
    pub(crate) fn asked(&self, and_allowed: bool) -> BTreeSet<String> {
        let asked = self.asked.lock().unwrap();
        let of_interest = asked.iter().filter(|(_, allowed)| *allowed == and_allowed);
        of_interest.map(|(action, _)| action.clone()).collect()
    }

    /// The transport counts as encrypted; TLS itself is other tests' subject.
    fn allows(&self, action: &str, resource: &str) -> bool {
        let request = AccessRequest {
            principal: self.principal,
            action,
            resource,
            is_encrypted: true,
        };
        let allowed = allows(&self.policies, request);
        self.asked
            .lock()
            .unwrap()
            .insert((action.to_owned(), allowed));
        allowed
    }
}

async fn answer(
    State(store): State<GuardedStore>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().trim_matches('/');
    let resource = format!("arn:aws:s3:::{path}");
    let bucket = format!("arn:aws:s3:::{}", path.split('/').next().unwrap());
    let is_versioned = uri
        .query()
        .is_some_and(|query| query.contains("versionId="));
    let action = match (&method, path.contains('/'), is_versioned) {
        (&Method::GET, false, _) => "s3:ListBucket",
        (&Method::GET | &Method::HEAD, true, false) => "s3:GetObject",
        (&Method::GET | &Method::HEAD, true, true) => "s3:GetObjectVersion",
        (&Method::PUT, true, _) => "s3:PutObject",
        (&Method::DELETE, true, false) => "s3:DeleteObject",
        (&Method::DELETE, true, true) => "s3:DeleteObjectVersion",
        _ => return (StatusCode::NOT_IMPLEMENTED, format!("{method} {uri}")).into_response(),
    };
    let denied = || (StatusCode::FORBIDDEN, FORBIDDEN).into_response();
    if !store.allows(action, &resource) {
        return denied();
    }
    let request = store
        .client
        .request(method, format!("{}{uri}", store.behind))
        .headers(headers)
        .body(body);
    let answered = request.send().await.unwrap();
    // Whether something is missing is for those to know who may list.
    if answered.status() == StatusCode::NOT_FOUND && !store.allows("s3:ListBucket", &bucket) {
        return denied();
    }
    let (status, mut headers) = (answered.status(), answered.headers().clone());
    headers.remove(CONNECTION);
    headers.remove(TRANSFER_ENCODING);
    let body = Body::from(answered.bytes().await.unwrap());
    (status, headers, body).into_response()
}
