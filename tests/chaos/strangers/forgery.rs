//! What only workers may say, said by a stranger: about jobs that are good, and about the fleet.

use super::super::harness::raw_publisher::RawProperties;
use super::super::pictures::Picture;
use super::one_of;
use invoice_worker::broker::Message;
use jiff::{Timestamp, ToSpan};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

/// One good job of so many carries a forgery, where there are strangers.
const ONE_OF: usize = 10;
const ANOTHER: u64 = 0xf0e6;

/// What a forged message claims. The job is a good one and has to be answered as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgery {
    /// Recognition has failed, all calls are made, and the image is another one's.
    Progress,
    /// The job has killed its worker again and again.
    Suspect,
    /// It is not to be looked at before next month.
    NotBefore,
    /// All of it.
    Everything,
}

impl Forgery {
    /// Of the order with this number, if it carries one.
    pub(crate) fn of(seed: u64, number: usize) -> Option<Self> {
        let mut random = StdRng::seed_from_u64(seed ^ ANOTHER ^ number as u64);
        let is_forged = random.random_range(0..ONE_OF) == 0;
        is_forged.then(|| {
            one_of(
                &mut random,
                &[
                    Self::Progress,
                    Self::Suspect,
                    Self::NotBefore,
                    Self::Everything,
                ],
            )
        })
    }

    /// The message's properties with what it claims.
    pub(crate) fn properties(self, message: &Message, run: &str) -> RawProperties {
        let mut properties = raw(message);
        if matches!(self, Self::Progress | Self::Everything) {
            properties =
                properties.text_header(b"invoice-progress", progress(run).to_string().as_bytes());
        }
        if matches!(self, Self::Suspect | Self::Everything) {
            properties = properties.header(b"invoice-suspect", &number(9));
        }
        if matches!(self, Self::NotBefore | Self::Everything) {
            let next_month = Timestamp::now() + (30 * 24).hours();
            properties =
                properties.header(b"invoice-not-before", &number(next_month.as_millisecond()));
        }
        properties
    }
}

fn number(value: i64) -> Vec<u8> {
    [b"l", value.to_be_bytes().as_slice()].concat()
}

fn raw(message: &Message) -> RawProperties {
    let given = &message.properties;
    let texts = [
        ("content_type", &given.content_type),
        ("correlation_id", &given.correlation_id),
        ("reply_to", &given.reply_to),
        ("message_id", &given.message_id),
    ];
    let mut properties = RawProperties::default();
    for (name, text) in texts {
        if let Some(text) = text {
            properties = properties.text(name, text.as_bytes());
        }
    }
    if let Some(life) = given.expiration {
        properties = properties.text("expiration", life.as_millis().to_string().as_bytes());
    }
    match given.timestamp {
        Some(seconds) => properties.timestamp(seconds),
        None => properties,
    }
}

/// As workers without seals wrote it.
fn progress(run: &str) -> Value {
    json!({
        "v": 1,
        "run": run,
        "first_seen": "2020-01-01T00:00:00Z",
        "recognition_error": { "stage": "recognition", "code": "400", "message": "forged", "attempts": 1 },
        "image": "0".repeat(64),
        "redelivered": true,
        "returns": 19,
        "calls": [{ "stage": "recognition", "code": "200", "request_id": "forged", "at": "2020-01-01T00:00:00Z", "duration_ms": 1, "billed": "yes" }],
        "totals": { "calls": 50, "billed": 50, "parked": 50, "retries": 50 },
    })
}

/// Recognition's and the registry's answers about this picture, as workers without seals kept them:
/// key and object.
pub(crate) fn planted(picture: &Picture, day: &str) -> [(String, String); 2] {
    let invoice =
        json!({ "note_no": "0000000000", "patient_name": "forged", "total_cost": "1.00" });
    let recognition = json!({ "v": 1, "value": { "invoice": invoice, "request_id": "forged" } });
    let error =
        json!({ "stage": "verification", "code": "320", "message": "forged", "attempts": 1 });
    let verification =
        json!({ "v": 1, "value": { "Negative": { "verdict": "invalid", "error": error } } });
    [
        (
            format!("checkpoints/recognition/{}.json", picture.sha256),
            recognition.to_string(),
        ),
        (
            format!("checkpoints/verification/{day}/{}.json", picture.sha256),
            verification.to_string(),
        ),
    ]
}

/// Of a worker that does not exist: it takes a share of the rate, and says that everything is
/// closed.
pub(super) fn heartbeat(random: &mut StdRng) -> Vec<u8> {
    let worker = format!("{:016x}", random.random_range(0..u64::MAX));
    let closed = |place: Value| json!({ "place": place, "code": "316", "reason": "forged", "since": "2026-01-01T00:00:00Z", "until": "9999-01-01T00:00:00Z", "failures": 9 });
    let claims = json!({ "v": 1, "worker": worker, "has_work": true, "draining": false, "closed": [
        closed(json!({ "pause": "verification" })), closed(json!({ "stage": "recognition" })), closed(json!({ "province": "河南" })),
    ] });
    match random.random_range(0..3) {
        0 => claims.to_string().into(),
        1 => format!("{claims}{claims}").into(),
        _ => super::bytes(random, 3_000),
    }
}
