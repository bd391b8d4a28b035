//! The steps of a job that take the processor's time, each by itself: `cargo bench --bench micro`.

#![expect(clippy::unwrap_used, reason = "a benchmark: it may panic anywhere")]

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use image::{ImageFormat, RgbImage};
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::checks::{Subject, check};
use invoice_worker::domain::failure::{Failure, Stage};
use invoice_worker::domain::job::Job;
use invoice_worker::domain::progress::Progress;
use invoice_worker::image::inspect;
use invoice_worker::policy::{Facts, Others, Policy, Transfer};
use invoice_worker::provider::deepfinch;
use invoice_worker::provider::huawei::{self, encoded_len, inline};
use invoice_worker::provider::signature::{Payload, Signer, Unsigned};
use invoice_worker::settings::secret::Secret;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

const PICTURES: [usize; 3] = [30_000, 300_000, 2_900_000];
/// One with as many details as most, one that is several pages long.
const BILLS: [&str; 2] = ["01-beijing-outpatient", "12-shanghai-inpatient-long"];
const JOB: &[u8] = br#"{"schema": "invoice.job/1", "job_id": "CLM-2026-000123/1",
    "image": {"bucket": "claims", "key": "2026/05/000123/page-1.jpg", "version_id": "3sL4kqtJlcpXroDTDmJ"},
    "verify": true, "deadline": "2026-06-01T00:00:00Z", "metadata": {"claim": "CLM-2026-000123", "page": 1}}"#;

fn main() {
    divan::main();
}

/// As incompressible as a camera's.
fn picture(bytes: usize) -> Vec<u8> {
    let mut picture = vec![0; bytes];
    StdRng::seed_from_u64(1).fill(&mut picture[..]);
    picture
}

/// Both providers' answers about a sample, as they travel.
fn answers(sample: &str) -> (Vec<u8>, Vec<u8>) {
    let answers: Value =
        serde_json::from_str(samples::named(sample).unwrap().answers_json).unwrap();
    let recognition =
        json!({ "code": 200, "msg": "success", "taskNo": "1", "data": answers["recognition"] });
    let verification = json!({ "status": "OK", "request_id": "1", "qrcode_scan_result": 1, "data": answers["verification"] });
    (
        recognition.to_string().into_bytes(),
        verification.to_string().into_bytes(),
    )
}

#[divan::bench(args = PICTURES)]
fn encode(bencher: Bencher, bytes: usize) {
    let picture = picture(bytes);
    bencher
        .counter(BytesCount::new(bytes))
        .bench(|| inline(black_box(&picture)));
}

#[divan::bench(args = PICTURES)]
fn measure_the_encoded_length(bencher: Bencher, bytes: usize) {
    let picture = picture(bytes);
    bencher
        .counter(BytesCount::new(bytes))
        .bench(|| encoded_len(black_box(&picture)));
}

#[divan::bench(args = PICTURES)]
fn hash_the_encoded_body(bencher: Bencher, bytes: usize) {
    let body = inline(&picture(bytes));
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| Payload::of(black_box(&body)));
}

/// A picture of noise in this format, of about so many bytes.
fn picture_file(format: ImageFormat, bytes: usize) -> Vec<u8> {
    let bytes_of_a_pixel = if format == ImageFormat::Jpeg { 2 } else { 3 };
    let side = u32::try_from((bytes / bytes_of_a_pixel).isqrt()).unwrap();
    let pixels = picture(3 * (side * side) as usize);
    let picture = RgbImage::from_raw(side, side, pixels).unwrap();
    let mut file = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

#[divan::bench(args = PICTURES)]
fn inspect_a_jpeg(bencher: Bencher, bytes: usize) {
    let file = picture_file(ImageFormat::Jpeg, bytes);
    bencher
        .counter(BytesCount::new(file.len()))
        .bench(|| inspect(black_box(&file), 1).unwrap());
}

#[divan::bench(args = PICTURES)]
fn inspect_a_png(bencher: Bencher, bytes: usize) {
    let file = picture_file(ImageFormat::Png, bytes);
    bencher
        .counter(BytesCount::new(file.len()))
        .bench(|| inspect(black_box(&file), 1).unwrap());
}

#[divan::bench]
fn sign_a_hashed_request(bencher: Bencher) {
    let url = "https://gateway.example/ocr/medical-invoice"
        .parse()
        .unwrap();
    let signer = Signer::new(Secret::new("key"), Secret::new("secret"));
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let unsigned = Unsigned {
        method: "POST",
        url: &url,
        headers: &headers,
        payload: Payload::of(b"base64="),
    };
    let now = Timestamp::now();
    bencher.bench(|| signer.sign(black_box(&unsigned), now, SignedDuration::ZERO));
}

#[divan::bench]
fn parse_a_job(bencher: Bencher) {
    bencher.bench(|| Job::parse(black_box(JOB), None).ok().unwrap());
}

#[divan::bench(args = BILLS)]
fn parse_recognitions_answer(bencher: Bencher, sample: &str) {
    let (answer, _) = answers(sample);
    bencher
        .counter(BytesCount::new(answer.len()))
        .bench(|| huawei::read_answer(200, black_box(&answer)).ok().unwrap());
}

#[divan::bench(args = BILLS)]
fn parse_verifications_answer(bencher: Bencher, sample: &str) {
    let (_, answer) = answers(sample);
    bencher.counter(BytesCount::new(answer.len())).bench(|| {
        deepfinch::read_answer(200, black_box(&answer))
            .ok()
            .unwrap()
    });
}

#[divan::bench(args = ["316", "300", "RATE_LIMIT_EXCEEDED", "never heard of"])]
fn decide_about_a_failure(bencher: Bencher, code: &str) {
    let (policy, now) = (Policy::builtin(), Timestamp::now());
    let failure = Failure::new(Stage::Verification, code, "as told");
    let progress = Progress::new("run".to_owned(), now);
    let facts = Facts {
        now,
        deadline: now + SignedDuration::from_hours(96),
        timezone: TimeZone::get("Asia/Shanghai").unwrap(),
        billing_date: None,
        transfer: Transfer::Inline,
        spread: 0.5,
        others: Others::default(),
    };
    bencher.bench(|| policy.decide(black_box(&failure), black_box(&progress), black_box(&facts)));
}

#[divan::bench(args = BILLS)]
fn check_a_bill(bencher: Bencher, sample: &str) {
    let (recognised, verified) = answers(sample);
    let recognised = huawei::read_answer(200, &recognised).ok().unwrap().answer;
    let verified = deepfinch::read_answer(200, &verified).ok().unwrap().answer;
    let subject = Subject {
        recognised: Some(&recognised),
        verified: Some(&verified.invoice),
        registry: Some(&verified.registry),
        ..Subject::default()
    };
    bencher.bench(|| check(black_box(&subject)));
}
