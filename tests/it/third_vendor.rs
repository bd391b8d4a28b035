//! A third vendor is one folder and one line: Lumen reads images for a real worker, in place of
//! Huawei, and is played by a small server here.

mod lumen;

use crate::harness::system::{On, PATIENCE, Setup, System};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use invoice_worker::broker::Message;
use invoice_worker::domain::account::{AccountName, VendorName};
use invoice_worker::pipeline::{Pipeline, RecognitionStep};
use invoice_worker::provider::{AccountSettings, CONNECT_TIMEOUT, Vendors, http_client};
use invoice_worker::settings::Network;
use invoice_worker::settings::problem::Problems;
use invoice_worker::telemetry::health::HealthState;
use invoice_worker::telemetry::job_event::JobEvent;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::time::timeout;

const MAX_LINES: usize = 300;
const KEY_ID: &str = "hospital-7";
const KEY: &str = "a-key-that-is-never-sent";

/// The one line.
fn vendors() -> Vendors {
    Vendors::builtin().with(lumen::VENDOR)
}

#[derive(Clone, Default)]
struct Server(Arc<Mutex<Script>>);

/// The answers to the next calls, each a status and a body; then always a good one.
#[derive(Default)]
struct Script {
    answers: VecDeque<(u16, String)>,
    calls: usize,
}

impl Server {
    fn answering(answers: &[(u16, Value)]) -> Self {
        let server = Self::default();
        let texts = answers
            .iter()
            .map(|(status, body)| (*status, body.to_string()));
        server.0.lock().unwrap().answers = texts.collect();
        server
    }

    /// Starts the server, and returns the address of its API.
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/read")
    }

    fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }
}

async fn answer(
    State(server): State<Server>,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let mut script = server.0.lock().unwrap();
    script.calls += 1;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let expected = lumen::signature(KEY, header("lumen-time").unwrap_or_default(), &body);
    let is_signed = header("lumen-sign") == Some(&expected) && header("lumen-key") == Some(KEY_ID);
    let (status, body) = if is_signed {
        let next = script.answers.pop_front();
        next.unwrap_or_else(|| (200, json!({ "state": "DONE", "bill": bill() }).to_string()))
    } else {
        let hint = format!("{KEY} expected");
        (
            403,
            json!({ "state": "KEY_REFUSED", "hint": hint }).to_string(),
        )
    };
    (StatusCode::from_u16(status).unwrap(), body)
}

fn bill() -> Value {
    json!({
        "code": "11060124", "number": "0123456789", "check": "a1b2c3", "region": "北京",
        "person": "张三", "hospital": "北京医院", "department": "内科", "issued": "2026-03-02",
        "sum": "¥1,234.50", "insured": 1000,
    })
}

/// A system whose worker has images read by Lumen.
async fn system(server: &Server, key: &str) -> System {
    let section = format!(
        "url = {:?}\nkey_id = {KEY_ID:?}\nkey = {key:?}\nrate_per_second = 1000.0",
        server.start().await
    );
    let config: lumen::Config = toml::from_str(&section).unwrap();
    let mut problems = Problems::default();
    config.validate(AccountName::RECOGNITION, &mut problems);
    assert_eq!(problems.iter().count(), 0);
    let mut setup = Setup::new(On::Memory).await;
    setup.policy = vendors().add_codes_to(setup.policy).unwrap();
    let mut system = setup.prepare().await;
    let fit = |pipeline: &mut Pipeline| {
        let lumen = VendorName::new("lumen");
        let account = AccountSettings::new(AccountName::RECOGNITION, lumen, &config);
        let http = http_client(CONNECT_TIMEOUT, &Network::default()).unwrap();
        let accounts = vendors().recognition(&[account], &http, &pipeline.retrier);
        pipeline.recognition = RecognitionStep::new(accounts.unwrap());
    };
    system.work_with(fit).await;
    system
}

/// The result of a job that wants its image read, and nothing more.
async fn read(system: &mut System) -> Value {
    let job = job(system).await;
    system.ask(&job).await
}

async fn job(system: &System) -> Message {
    let key = system.sample("01-beijing-outpatient").await;
    let body = json!({ "job_id": "job", "image": { "key": key }, "verify": false });
    system.message("job", body.to_string())
}

/// The codes of the calls, and whether each was paid for.
fn calls(result: &Value) -> Vec<String> {
    let calls = result["calls"].as_array().unwrap().iter();
    calls
        .map(|call| format!("{} {}", call["code"], call["billed"]).replace('"', ""))
        .collect()
}

#[tokio::test]
async fn a_good_answer_is_the_invoice_of_the_result() {
    let server = Server::default();
    let mut system = system(&server, KEY).await;
    let result = read(&mut system).await;
    assert_eq!(result["status"], "completed", "{}", result["error"]);
    let expected = json!({
        "note_code": "11060124", "note_no": "0123456789", "check_code": "a1b2c3",
        "province": "北京", "patient_name": "张三", "hospital_name": "北京医院",
        "hospital_department": "内科", "billing_date": "2026-03-02",
        "total_cost": "1234.50", "insurance_payment": "1000",
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&result["recognition"]["invoice"][field], value, "{field}");
    }
    assert_eq!(calls(&result), ["DONE yes"]);
    assert_eq!(server.calls(), 1);
}

#[tokio::test]
async fn each_code_means_what_the_vendors_table_says() {
    let code = |code: &str| (200, json!({ "state": code }));
    for (answers, status, expected) in [
        (vec![code("BLURRED")], "undetermined", vec!["BLURRED yes"]),
        (
            vec![code("BUSY"), code("BUSY")],
            "completed",
            vec!["BUSY no", "BUSY no", "DONE yes"],
        ),
        // It pauses Huawei. Lumen has no such code: nothing is guessed.
        (
            vec![code("APIG.0301")],
            "undetermined",
            vec!["APIG.0301 unknown"],
        ),
    ] {
        let server = Server::answering(&answers);
        let mut system = system(&server, KEY).await;
        let result = read(&mut system).await;
        assert_eq!(
            result["status"], status,
            "{expected:?}: {}",
            result["error"]
        );
        assert_eq!(calls(&result), expected);
        assert_eq!(server.calls(), expected.len(), "{expected:?}");
    }
}

#[tokio::test]
async fn a_wrong_key_pauses_the_account_and_is_not_repeated() {
    let server = Server::default();
    let mut system = system(&server, "another-key").await;
    let job = job(&system).await;
    system.submit(&job).await;
    let JobEvent::Parked(parked) = timeout(PATIENCE, system.event()).await.unwrap() else {
        panic!("the job is parked")
    };
    assert_eq!(parked.code, "KEY_REFUSED");
    let worker = &system.workers[0];
    worker
        .becomes(|state| matches!(state, HealthState::Paused { .. }))
        .await;
    let HealthState::Paused { stages } = worker.health.state() else {
        panic!("paused")
    };
    assert_eq!(
        (stages[0].account, stages[0].code.as_str()),
        (AccountName::RECOGNITION, "KEY_REFUSED")
    );
    assert!(!stages[0].reason.contains(KEY), "{}", stages[0].reason);
    assert_eq!(server.calls(), 1);
}

#[tokio::test]
async fn a_vendor_that_is_unknown_or_answers_another_question_is_named_in_the_error() {
    let server = Server::default();
    let mut system = system(&server, KEY).await;
    let config = lumen::Config::default();
    let fit = |pipeline: &mut Pipeline| {
        let http = http_client(CONNECT_TIMEOUT, &Network::default()).unwrap();
        let lumen = VendorName::new("lumen");
        let account = AccountSettings::new(AccountName::VERIFICATION, lumen, &config);
        let refused = [
            Vendors::builtin().verification(&[account], &http, &pipeline.retrier),
            vendors().verification(&[account], &http, &pipeline.retrier),
        ];
        for refused in refused {
            let problem = format!("{:#}", refused.err().unwrap());
            assert!(
                problem.starts_with("[verification]: no vendor lumen"),
                "{problem}"
            );
        }
        let wrong = AccountSettings::new(AccountName::RECOGNITION, VendorName::HUAWEI, &config);
        let refused = vendors().recognition(&[wrong], &http, &pipeline.retrier);
        assert!(refused.is_err(), "the section is Lumen's");
    };
    system.work_with(fit).await;
}

#[test]
fn the_folder_is_short() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/third_vendor/lumen");
    let files = fs::read_dir(folder).unwrap();
    let lines = files.map(|file| {
        fs::read_to_string(file.unwrap().path())
            .unwrap()
            .lines()
            .count()
    });
    assert!(lines.sum::<usize>() <= MAX_LINES);
}
