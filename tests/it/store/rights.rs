//! A user of the store who lacks a right, as AWS answers him: what is missing is forbidden to whom
//! may not list.

use crate::harness::program::{ConfigFile, Program, output};
use crate::harness::system::{BUCKET, On, Setup, System};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use invoice_worker::settings::secret::Secret;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// A store that knows one user, and what that user may do. It looks at no signature.
#[derive(Clone, Default)]
struct Guarded(Arc<Mutex<Rights>>);

#[derive(Default)]
struct Rights {
    list: bool,
    get: bool,
    put: bool,
    objects: HashMap<String, Bytes>,
}

impl Guarded {
    async fn start(list: bool, get: bool, put: bool) -> (Self, String) {
        let guarded = Self(Arc::new(Mutex::new(Rights {
            list,
            get,
            put,
            ..Rights::default()
        })));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(guarded.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (guarded, url)
    }

    fn change(&self, change: impl FnOnce(&mut Rights)) {
        change(&mut self.0.lock().unwrap());
    }
}

async fn answer(
    State(Guarded(rights)): State<Guarded>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> (StatusCode, Bytes) {
    let error = |code: &str| {
        format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
        )
        .into()
    };
    let denied = || (StatusCode::FORBIDDEN, error("AccessDenied"));
    let mut rights = rights.lock().unwrap();
    let key = uri.path().to_owned();
    let is_a_bucket = key.trim_matches('/') == BUCKET;
    match method {
        Method::PUT if rights.put => {
            rights.objects.insert(key, body);
            (StatusCode::OK, Bytes::new())
        }
        Method::GET if is_a_bucket && rights.list => {
            let listed = format!(
                "<ListBucketResult><Name>{BUCKET}</Name><KeyCount>0</KeyCount></ListBucketResult>"
            );
            (StatusCode::OK, listed.into())
        }
        Method::GET if rights.get && !is_a_bucket => match rights.objects.get(&key) {
            Some(object) => (StatusCode::OK, object.clone()),
            None if rights.list => (StatusCode::NOT_FOUND, error("NoSuchKey")),
            None => denied(),
        },
        _ => denied(),
    }
}

/// As a container's credential service hands them out; what is within them breaks every header.
#[tokio::test]
async fn credentials_of_the_chain_that_no_header_can_carry_are_reported_and_nothing_panics() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/credentials", listener.local_addr().unwrap());
    let issued = r#"{"AccessKeyId":"AKIAHUSH\n","SecretAccessKey":"secret","Token":"token","Expiration":"2100-01-01T00:00:00Z"}"#;
    let app = Router::new().fallback(move || async move { issued });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let (_, store) = Guarded::start(true, true, true).await;
    let mut system = system_at(&store, On::Memory).await;
    (
        system.config.storage.access_key_id,
        system.config.storage.secret_access_key,
    ) = (Secret::default(), Secret::default());
    let file = ConfigFile::of(&system);
    let checked = output(
        &["check", "-c", &file.path()],
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)],
    )
    .await;
    let says = "NoCredentials: the access key id that the AWS credential chain found ends with a line break";
    assert!(
        checked
            .stdout
            .lines()
            .any(|line| line.starts_with("FAILED") && line.contains(says)),
        "{checked:?}"
    );
    assert!(
        checked.stderr.is_empty() && !checked.stdout.contains("AKIAHUSH"),
        "{checked:?}"
    );
    let refused = output(
        &["process", "a.jpg", "-c", &file.path()],
        &[("AWS_ACCESS_KEY_ID", "AKIAHUSH\n")],
    )
    .await;
    assert_eq!(refused.code, Some(64), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("AWS_ACCESS_KEY_ID: ends with a line break")
            && !refused.stderr.contains("AKIAHUSH"),
        "{refused:?}"
    );
}

async fn system_at(store: &str, on: On) -> System {
    let mut system = Setup::new(on).await.prepare().await;
    store.clone_into(&mut system.config.storage.endpoint_url);
    system
}

#[tokio::test]
async fn check_names_each_right_that_is_missing() {
    for ((list, get, put), missing) in [
        ((true, true, true), &[][..]),
        (
            (false, true, true),
            &["s3:ListBucket on arn:aws:s3:::claims"],
        ),
        (
            (true, false, true),
            &[
                "s3:GetObject on arn:aws:s3:::claims/checkpoints/*",
                "s3:GetObject on arn:aws:s3:::claims/*",
            ],
        ),
        (
            (true, true, false),
            &["s3:PutObject on arn:aws:s3:::claims/checkpoints/*"],
        ),
        (
            (false, false, false),
            &[
                "s3:ListBucket on arn:aws:s3:::claims",
                "s3:PutObject on arn:aws:s3:::claims/checkpoints/*",
            ],
        ),
    ] {
        let (_, store) = Guarded::start(list, get, put).await;
        let system = system_at(&store, On::Memory).await;
        let file = ConfigFile::of(&system);
        let checked = output(&["check", "-c", &file.path()], &[]).await;
        assert_eq!(
            checked.code,
            Some(i32::from(!missing.is_empty())),
            "{checked:?}"
        );
        for right in missing {
            let line = checked
                .stdout
                .lines()
                .find(|line| line.starts_with("FAILED") && line.contains(right));
            assert!(line.is_some(), "{right}: {}", checked.stdout);
        }
        for right in ["s3:ListBucket", "s3:GetObject", "s3:PutObject"] {
            let is_missing = missing.iter().any(|missing| missing.starts_with(right));
            let is_told = checked.stdout.contains(&format!("the right {right}"));
            assert_eq!(is_told, is_missing, "{right}: {}", checked.stdout);
        }
    }
}

/// Where a checkpoint that is missing looks forbidden, no job could be answered.
#[tokio::test]
async fn a_worker_without_a_right_takes_no_job_says_which_and_begins_once_it_is_granted() {
    let (guarded, store) = Guarded::start(false, true, true).await;
    let system = system_at(&store, On::RabbitMq).await;
    let file = ConfigFile::of(&system);
    let mut program: Program = file.run(&[]);
    let telemetry = program.telemetry().await;
    let told = program
        .event("the worker cannot share checkpoints; no job is taken until this is mended")
        .await;
    assert!(
        told["problem"]
            .as_str()
            .unwrap()
            .contains("s3:ListBucket on arn:aws:s3:::claims"),
        "{told}"
    );
    let ready = reqwest::get(format!("{telemetry}/readyz")).await.unwrap();
    assert_eq!(ready.status(), 503);
    assert!(
        ready
            .text()
            .await
            .unwrap()
            .contains("s3:ListBucket on arn:aws:s3:::claims")
    );
    guarded.change(|rights| rights.list = true);
    program.event("consuming").await;
    assert_eq!(program.stop().await.code, Some(0));
}
