//! One province closes: the others go on, nobody asks for it before its time, and one call opens it.

use crate::harness::system::{BUCKET, On, Setup, System};
use futures_util::future::join_all;
use image::{GrayImage, ImageFormat, Luma};
use invoice_worker::domain::failure::Stage;
use invoice_worker::sandbox::{Call, samples};
use invoice_worker::worker::Event;
use jiff::Timestamp;
use rqrr::BitGrid as _;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Cursor;
use std::time::Duration;

/// A bill of each of five provinces; the first one's is the one that closes.
const BILLS: [&str; 5] =
    ["02-henan-inpatient", "01-beijing-outpatient", "03-zhejiang-outpatient", "04-shanghai-outpatient", "07-shandong-outpatient-posted"];
/// Of a QR code, in pixels, and the white around the code, in modules.
const MODULE: u32 = 4;
const MARGIN: u32 = 4;
const CLOSED_FOR: Duration = Duration::from_secs(4);
/// The province is in maintenance for so long: at least the first call meets with it, whatever else the machine does.
const MAINTENANCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_workers_and_a_thousand_jobs_of_five_provinces_through_rabbitmq() {
    jobs_of_five_provinces(On::RabbitMq, 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_workers_and_a_hundred_jobs_of_five_provinces_through_memory() {
    jobs_of_five_provinces(On::Memory, 100).await;
}

async fn jobs_of_five_provinces(on: On, number: usize) {
    let mut system = closing(on).await;
    let pictures = BILLS.map(only_its_code);
    let ids: Vec<String> = (0..number).map(|index| format!("{index:04}")).collect();
    for (index, id) in ids.iter().enumerate() {
        let picture = [&pictures[index % BILLS.len()], id.as_bytes()].concat();
        system.sandbox.put(BUCKET, id, picture).await.unwrap();
    }
    join_all(ids.iter().map(async |id| system.submit(&system.job(id, id)).await)).await;
    // The maintenance begins now, and the workers with it.
    system.sandbox.reset();
    for _ in 0..3 {
        system.work().await;
    }
    let mut answered = BTreeSet::new();
    for _ in 0..number {
        let result = system.result().await;
        assert_eq!(result["status"], "completed", "{result}");
        answered.insert(result["job_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(answered.len(), number);
    let calls = system.sandbox.calls();
    assert_eq!(calls.count(Stage::Recognition).calls, number as u64, "nothing is bought twice");
    let of_the_closed = calls.about(Stage::Verification, BILLS[0]);
    let of_others: Vec<Call> = calls.of(Stage::Verification).into_iter().filter(|call| call.subject.as_deref() != Some(BILLS[0])).collect();
    let [closed, opened] = closes_and_opens(&of_the_closed);
    assert!(of_others.iter().all(|call| call.answer == "OK"), "nobody else's answer is another one");
    let meanwhile = of_others.iter().filter(|call| call.at > closed && call.at < opened).count();
    assert!(meanwhile > 0, "the other provinces go on");
    assert_eq!(of_others.len(), number - number / BILLS.len(), "each is asked about once");
    system.drain().await;
}

/// Calls stop within a second of the first refusal; then one at a time tries, each when its time has come, and only when that one was
/// answered well do the others follow. Answers when the province was closed, and when it was opened.
fn closes_and_opens(calls: &[Call]) -> [Duration; 2] {
    let first = &calls[0];
    assert_eq!(first.answer, "316", "the maintenance lasts until somebody has called");
    let closed = first.at + first.took;
    let burst = calls.iter().take_while(|call| call.at < closed + CLOSED_FOR / 2).collect::<Vec<_>>();
    for call in &burst {
        assert_eq!(call.answer, "316");
        assert!(call.at < closed + Duration::from_secs(1), "a call {:?} after the province was closed", call.at.saturating_sub(closed));
    }
    let mut refused = closed;
    for (number, probe) in calls.iter().enumerate().skip(burst.len()) {
        // Stamps are in whole milliseconds.
        assert!(probe.at + Duration::from_millis(2) >= refused + CLOSED_FOR, "{:?} is before its time", probe.at);
        let answered = probe.at + probe.took;
        let next = calls.get(number + 1).expect("others follow");
        assert!(next.at >= answered, "one call is the probe; another one came {:?} before its answer", answered.saturating_sub(next.at));
        if probe.answer == "OK" {
            let followers = &calls[number + 1..];
            assert!(followers.iter().all(|call| call.answer == "OK"));
            return [closed, answered];
        }
        refused = answered;
    }
    panic!("the province was never opened");
}

async fn closing(on: On) -> System {
    let until = MAINTENANCE.as_secs();
    let faults = format!("[[fault]]\nstage = \"verification\"\nanswer = \"316\"\nprovince = \"河南\"\nuntil = \"{until}s\"\n");
    let rules = format!(
        "[[rule]]\nstage = \"verification\"\ncode = [\"316\"]\nscope = \"province\"\nbilled = \"yes\"\nreason = \"shortened\"\n\
         do = [{{ action = \"park\", delays = [\"{}s\"] }}, {{ action = \"fail\" }}]\n",
        CLOSED_FOR.as_secs()
    );
    let mut setup = Setup::new(on).await.faults(&faults).rules(&rules);
    setup.config.recognition.rate_per_second = 200.0;
    setup.config.verification.rate_per_second = 200.0;
    setup.prepare().await
}

/// The QR code of a sample, drawn anew: it is all that the sandbox reads, and the whole page a thousand times would take minutes.
fn only_its_code(sample: &str) -> Vec<u8> {
    let page = image::load_from_memory(samples::named(sample).unwrap().bytes).unwrap().into_luma8();
    let (width, height) = (page.width() as usize, page.height() as usize);
    let mut seen = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| page.as_raw()[y * width + x]);
    let code = &seen.detect_grids()[0].grid;
    let side = MODULE * (u32::try_from(code.size()).unwrap() + 2 * MARGIN);
    let module = |pixel: u32| (pixel / MODULE).checked_sub(MARGIN).map(|module| module as usize).filter(|module| *module < code.size());
    let is_dark = |x, y| module(x).zip(module(y)).is_some_and(|(x, y)| code.bit(y, x));
    let drawn = GrayImage::from_fn(side, side, |x, y| Luma([if is_dark(x, y) { 0 } else { u8::MAX }]));
    let mut png = Cursor::new(Vec::new());
    drawn.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_deadline_is_nearer_than_the_opening_is_answered_at_once() {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\nprovince = \"河南\"\n";
    let mut system = Setup::new(On::RabbitMq).await.faults(faults).start().await;
    let key = system.sample("02-henan-inpatient").await;
    system.submit(&system.job("first", &key)).await;
    assert!(matches!(system.event().await, Event::Parked(_)));
    let key = system.sample("10-henan-outpatient-scan").await;
    let deadline = Timestamp::now() + Duration::from_mins(20);
    let hurried = system.message("second", json!({ "job_id": "second", "image": { "key": key }, "deadline": deadline }).to_string());
    let result = system.ask(&hurried).await;
    let error = &result["error"];
    assert_eq!((&result["status"], &error["stage"], &error["code"]), (&json!("undetermined"), &json!("verification"), &json!("316")));
    assert!(result["recognition"]["invoice"]["note_no"].is_string(), "what had been obtained is in the result");
    assert_eq!(system.sandbox.calls().count(Stage::Verification).calls, 1);
}
